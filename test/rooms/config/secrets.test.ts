import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readEnvironment } from '../../../src/config/environment.ts';
import { parseConfig } from '../../../src/config/load.ts';
import { loadSecrets, readAdminToken } from '../../../src/config/secrets.ts';
import { folder, least } from './settings.ts';

const anywhere = readEnvironment({});
const production = readEnvironment({ NODE_ENV: 'production' });
const bytes = Buffer.from('0123456789abcdef0123456789ABCDEF');

describe('secrets', () => {
  it('are generated once, readable by this user alone, and the same at the next start', () => {
    using place = folder();
    const config = parseConfig(least, { baseDir: place.path });
    const first = loadSecrets(config, anywhere);
    const second = loadSecrets(config, anywhere);
    expect(first.encryptionKeys[0]).toHaveLength(32);
    expect(second.encryptionKeys).toEqual(first.encryptionKeys);
    expect(second.adminToken).toBe(first.adminToken);
    expect(first.generated).toHaveLength(2);
    expect(second.generated).toEqual([]);
    for (const file of first.generated) expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(config.data_dir).mode & 0o777).toBe(0o700);
    expect(readAdminToken(config)).toBe(first.adminToken);
  });

  it('that are configured are used, and nothing is written', () => {
    using place = folder();
    const input = {
      ...least,
      keys: { encryption_keys: [bytes.toString('hex')] },
      admin: { token: 'kf83hf73hf83hf93hf83hf73' },
    };
    const secrets = loadSecrets(parseConfig(input, { baseDir: place.path }), production);
    expect(secrets).toEqual({
      encryptionKeys: [bytes],
      adminToken: 'kf83hf73hf83hf93hf83hf73',
      generated: [],
    });
  });

  it.each(['hex', 'base64', 'base64url'] as const)('take a key as %s', (encoding) => {
    using place = folder();
    const input = { ...least, keys: { encryption_keys: [bytes.toString(encoding)] } };
    expect(loadSecrets(parseConfig(input, { baseDir: place.path }), anywhere).encryptionKeys).toEqual([
      bytes,
    ]);
  });

  it('in production are not generated beside the data unless that is asked for', () => {
    using place = folder();
    expect(() => loadSecrets(parseConfig(least, { baseDir: place.path }), production)).toThrow(
      /SYMBOLON_KEY/,
    );
    const asked = parseConfig({ ...least, keys: { generate: true } }, { baseDir: place.path });
    expect(loadSecrets(asked, production).encryptionKeys).toHaveLength(1);
  });

  it('that cannot be written stop the start with the name of the setting', () => {
    using place = folder();
    writeFileSync(join(place.path, 'taken'), '');
    const config = parseConfig({ ...least, data_dir: 'taken/data' }, { baseDir: place.path });
    expect(() => loadSecrets(config, anywhere)).toThrow(
      `data_dir ${config.data_dir} cannot be written by this user.`,
    );
  });

  it('of a damaged key file stop the start instead of being replaced', () => {
    using place = folder();
    const config = parseConfig(least, { baseDir: place.path });
    mkdirSync(config.data_dir);
    const file = join(config.data_dir, 'key-encryption-key');
    writeFileSync(file, 'half a ke');
    expect(() => loadSecrets(config, anywhere)).toThrow(/backup/);
    expect(readFileSync(file, 'utf8')).toBe('half a ke');
  });
});
