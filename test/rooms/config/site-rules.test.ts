import { describe, expect, it } from 'vitest';
import type { ConfigInput } from '../../../src/config/config.ts';
import { parseConfig } from '../../../src/config/load.ts';

const SECRET = 'b7Kq2vXw9ZpL4mTn8RsYc3Hd';
const site = (cookies: string[]) => ({
  name: 'shop',
  type: 'site_session' as const,
  reference_space: 'customers',
  connection: 'site',
  request: { path: '/me' },
  cookies,
  answer: { reference: 'user.id' },
});
const signer = (name: string, secret: string, space = 'customers') => ({
  name,
  secret,
  reference_space: space,
});
const settings = (more: Partial<ConfigInput>): ConfigInput => ({
  public_url: 'http://localhost:8080',
  keys: { generate: true },
  connections: { site: { base_url: 'https://www.example.com' } },
  authenticators: [site(['shop_session'])],
  ...more,
});
const parse = (more: Partial<ConfigInput>) => () => parseConfig(settings(more), { production: false });

describe('settings of the company’s own site', () => {
  it('are taken when they are sound', () => {
    expect(parse({ sign_out: { signers: [signer('a', SECRET)] } })).not.toThrow();
  });

  it.each<[string, Partial<ConfigInput>, RegExp]>([
    [
      'pass our own session cookie on',
      { authenticators: [site(['__Host-symbolon'])] },
      /authenticators\[0\]\.cookies\[0\]/,
    ],
    [
      'pass it on by its beginning',
      { authenticators: [site(['__Host-*'])] },
      /authenticators\[0\]\.cookies\[0\]/,
    ],
    [
      'name two signers alike',
      { sign_out: { signers: [signer('a', SECRET), signer('a', `${SECRET}x`)] } },
      /sign_out\.signers\[1\]\.name/,
    ],
    [
      'give two signers one secret',
      { sign_out: { signers: [signer('a', SECRET), signer('b', SECRET)] } },
      /sign_out\.signers\[1\]\.secret/,
    ],
    [
      'sign out customers of an unknown space',
      { sign_out: { signers: [signer('a', SECRET, 'elsewhere')] } },
      /sign_out\.signers\[0\]\.reference_space/,
    ],
    [
      'have a secret that is too short',
      { sign_out: { signers: [signer('a', 'short')] } },
      /sign_out\.signers\[0\]\.secret/,
    ],
  ])('are refused by name when they %s', (_what, more, setting) => {
    expect(parse(more)).toThrow(setting);
  });
});
