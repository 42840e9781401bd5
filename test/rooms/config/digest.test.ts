import { describe, expect, it } from 'vitest';
import { digestConfig, differingSections } from '../../../src/config/digest.ts';
import { parseConfig } from '../../../src/config/load.ts';

const KEYS = { encryptionKeys: [Buffer.alloc(32, 7)] };
type Settings = Partial<Parameters<typeof parseConfig>[0]>;
const made = (more: Settings) => parseConfig({ public_url: 'http://localhost', ...more });
const digest = (more: Settings = {}) => digestConfig(made(more), KEYS);

describe('digests of a configuration', () => {
  it('are the same for the same settings, whatever the order and wherever the admin token comes from', () => {
    const one = { crm: { base_url: 'http://127.0.0.1:1' }, erp: { base_url: 'http://127.0.0.1:2' } };
    const two = { erp: one.erp, crm: one.crm };
    const token = 'a-token-that-is-long-enough-0815';
    const [a, b] = [digest({ connections: one, admin: { token } }), digest({ connections: two })];
    expect(differingSections(a, b)).toEqual([]);
  });

  it('name the section that differs, also when only a secret does', () => {
    const secret = (value: string) => ({
      crm: { base_url: 'http://127.0.0.1:1', auth: [{ type: 'bearer' as const, token: value }] },
    });
    const [a, b] = ['first-secret-4711', 'other-secret-4711'].map((one) =>
      digest({ connections: secret(one) }),
    );
    expect(differingSections(a ?? {}, b ?? {})).toEqual(['connections']);
    expect(JSON.stringify([a, b])).not.toContain('secret-4711');
  });

  it('need the key: nobody who reads one can try out what it may be of', () => {
    const other = digestConfig(made({}), { encryptionKeys: [Buffer.alloc(32, 8)] });
    const ours = digest();
    expect(Object.keys(ours).filter((name) => ours[name] === other[name])).toEqual([]);
    expect(differingSections(ours, other)).toEqual(['keys']);
  });
});
