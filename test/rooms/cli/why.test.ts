import { mkdirSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ADMIN_TOKEN, startService, type TestService } from '../../support/service.ts';
import { folder } from '../config/settings.ts';
import { symbolon } from './run.ts';

/** Against a real service, found as the command line finds one. */
describe('the command line', () => {
  let t: TestService;
  let place: ReturnType<typeof folder>;
  beforeAll(async () => {
    t = await startService();
    place = folder();
    place.write('symbolon.yaml', 'public_url: http://localhost:8080\n');
    mkdirSync(`${place.path}/.symbolon`);
    const running = { pid: process.pid, admin_url: t.adminUrl };
    writeFileSync(`${place.path}/.symbolon/service.json`, JSON.stringify(running));
  });
  afterAll(async () => {
    await t.dispose();
    place[Symbol.dispose]();
  });
  const run = (...args: string[]) => symbolon(args, { cwd: place.path, env: { ADMIN_TOKEN } });
  const ask = () => t.api.get('/whoami').set('authorization', `Bearer ${t.north.key.secret}`);

  it('explains a refusal in sentences, and as JSON', async () => {
    const { headers } = await t.api.post('/getprofile').set('api-key', t.north.key.publicId).expect(401);
    const id = headers['x-request-id'] as string;
    const told = await run('why', id);
    expect(told).toMatchObject({ code: 0, stderr: '' });
    expect(told.stdout).toMatch(/POST \/getprofile from 127\.0\.0\.1 was refused with 401 INVALID_API_KEY\./);
    expect(told.stdout).toMatch(/^To do: /m);
    expect(told.stdout).not.toContain(t.north.key.publicId);
    const { stdout } = await run('why', id, '--json');
    expect(JSON.parse(stdout)).toMatchObject({ request_id: id, refused: true, status: 401 });
  });

  it('says that an id is unknown, with exit code 1', async () => {
    const told = await run('why', 'nobody');
    expect(told.code).toBe(1);
    expect(told.stderr).toContain('audit log knows no request of this id');
  });

  it('gives a key a tier and takes it away, while the service runs', async () => {
    const { keyId } = t.north.key;
    expect(await run('limits', 'key', keyId, 'development')).toMatchObject({ code: 0 });
    for (let i = 0; i < 10; i++) await ask().expect(200);
    await ask().expect(429);
    const { stdout: keys } = await run('keys', 'list', '--json');
    expect(JSON.parse(keys).items).toContainEqual(
      expect.objectContaining({ key_id: keyId, tier: 'development' }),
    );
    expect(await run('limits', 'key', keyId, 'default')).toMatchObject({ code: 0 });
    await ask().expect(200);
  });

  it('lists the tiers, and refuses one that is not there by naming those that are', async () => {
    const { stdout } = await run('limits', 'tiers');
    expect(stdout).toMatch(/^messaging +80 in 1 s, 10000 in 86400 s$/m);
    expect(stdout).toMatch(/^unlimited +no limit$/m);
    expect(stdout).toMatch(/^session +standard$/m);
    const refused = await run('limits', 'client', t.north.clientId, 'golden');
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('There are: development, staging');
  });

  it('makes a key with a tier of its own', async () => {
    const { stdout } = await run('keys', 'create', '--partner', 'north', '--tier', 'messaging', '--json');
    expect(JSON.parse(stdout)).toMatchObject({ tier: 'messaging' });
  });
});
