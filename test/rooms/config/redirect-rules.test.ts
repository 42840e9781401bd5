import { describe, expect, it } from 'vitest';
import type { ConfigInput } from '../../../src/config/config.ts';
import { parseConfig } from '../../../src/config/load.ts';
import { least, problemsOf } from './settings.ts';

const login = {
  name: 'login',
  type: 'oidc' as const,
  reference_space: 'idp',
  issuer: 'https://login.example.com',
  client_id: 'chat',
  client_secret: 'Zk3vX9pQ7rT1wY5bN8mL2cD6',
};
const app = (uri: string, more: object = {}) => ({ id: 'ios', group: 'chat', app_redirects: [uri], ...more });
const with_ = (
  channel: object,
  ...authenticators: NonNullable<ConfigInput['authenticators']>
): ConfigInput => ({
  ...least,
  public_url: 'https://id.example.com',
  behind_tls_proxy: true,
  default_channel: 'ios',
  channels: [channel as never],
  authenticators: authenticators.length > 0 ? authenticators : [login],
});
const pathsOf = (config: ConfigInput) =>
  problemsOf(() => parseConfig(config, { production: true })).problems.map(({ path }) => path);

describe('where sign-in by redirect leads apps back to', () => {
  it.each([
    'https://shop.example.com/app/signed-in',
    'com.example.shop:/signed-in',
    'http://127.0.0.1/signed-in',
  ])('may be %s', (uri) => {
    expect(pathsOf(with_(app(uri)))).toEqual([]);
  });

  it.each([
    'http://shop.example.com/signed-in',
    'shop:/signed-in',
    'javascript:alert(1)',
    'com.example.shop:/*',
    'https://shop.example.com/#x',
    'https://shop.example.com/?code=x',
    'https://a@shop.example.com/',
    'not an address',
  ])('is refused at start when it is %s', (uri) => {
    expect(pathsOf(with_(app(uri)))).toEqual(['channels[0].app_redirects[0]']);
  });

  it('needs an authenticator that redirects, and token delivery', () => {
    const directory = { name: 'directory', type: 'directory' as const, reference_space: 'directory' };
    const uri = 'com.example.shop:/signed-in';
    expect(pathsOf(with_(app(uri), directory))).toEqual(['channels[0].app_redirects']);
    const cookiesAlone = app(uri, { delivery: 'cookie', allowed_deliveries: ['cookie'] });
    expect(pathsOf(with_(cookiesAlone))).toEqual(['channels[0].app_redirects']);
  });
});

describe('a provider for sign-in by redirect', () => {
  const web = { id: 'ios', group: 'chat' };

  it('may not be this service, nor share subjects with another issuer', () => {
    expect(pathsOf(with_(web, { ...login, issuer: 'https://id.example.com' }))).toEqual([
      'authenticators[0].issuer',
    ]);
    const tokens = {
      name: 'tokens',
      type: 'jwt' as const,
      reference_space: 'idp',
      issuer: 'https://other.example.com',
      audiences: ['app'],
    };
    expect(pathsOf(with_(web, login, tokens))).toEqual(['authenticators[1].reference_space']);
    expect(pathsOf(with_(web, login, { ...tokens, issuer: login.issuer }))).toEqual([]);
  });

  it('has its secret printed by nobody', () => {
    const { text } = problemsOf(() =>
      parseConfig(with_(web, { ...login, issuer: 'x' }), { production: true }),
    );
    expect(text).not.toContain(login.client_secret);
  });
});
