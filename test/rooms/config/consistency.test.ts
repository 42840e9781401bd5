import { describe, expect, it } from 'vitest';
import type { ConfigInput } from '../../../src/config/config.ts';
import { checkConsistency } from '../../../src/config/consistency.ts';
import { parseConfig } from '../../../src/config/load.ts';
import { least, problemsOf } from './settings.ts';

const web = { id: 'web', group: 'chat' };
const proxied = { public_url: 'https://id.example.com', behind_tls_proxy: true };
const connection = { base_url: 'https://api.example.com' };
const backend = {
  name: 'crm',
  connection: 'api',
  path: '/me',
  identifier: { as: 'opaque' as const, in: 'header' as const, name: 'x-customer' },
  fields: { plan: 'plan' },
};
const login = {
  name: 'login',
  type: 'http' as const,
  reference_space: 'customers',
  connection: 'api',
  request: { path: '/login' },
  answer: { reference: 'id' },
};

/** Configurations that must not start, and the setting that is to blame. */
const refusedTable: [string, ConfigInput, string][] = [
  ['two channels of one id', { ...least, channels: [web, web] }, 'channels[1].id'],
  ['a default channel that is not there', { ...least, default_channel: 'app' }, 'default_channel'],
  [
    'an authenticator that is not there',
    { ...least, channels: [{ ...web, authenticators: ['nobody'] }] },
    'channels[0].authenticators[0]',
  ],
  [
    'a default delivery that is not allowed',
    { ...least, channels: [{ ...web, delivery: 'cookie', allowed_deliveries: ['token'] }] },
    'channels[0].delivery',
  ],
  [
    'refresh tokens for a channel without token delivery',
    { ...least, channels: [{ ...web, allowed_deliveries: ['cookie'], refresh_tokens: {} }] },
    'channels[0].refresh_tokens',
  ],
  [
    'refresh tokens that idle longer than they live',
    { ...least, channels: [{ ...web, refresh_tokens: { idle_days: 40, absolute_days: 30 } }] },
    'channels[0].refresh_tokens.idle_days',
  ],
  [
    'an origin with a wildcard, which no page has',
    { ...least, channels: [{ ...web, allowed_origins: ['https://*.example.com'] }] },
    'channels[0].allowed_origins[0]',
  ],
  [
    'a plain HTTP origin',
    { ...least, channels: [{ ...web, allowed_origins: ['http://www.example.com'] }] },
    'channels[0].allowed_origins[0]',
  ],
  [
    'two authenticators of one name',
    {
      ...least,
      authenticators: [
        { name: 'd', type: 'directory', reference_space: 's' },
        { name: 'd', type: 'directory', reference_space: 't' },
      ],
    },
    'authenticators[1].name',
  ],
  [
    'two backends of one name',
    { ...least, connections: { api: connection }, backends: [backend, backend] },
    'backends[1].name',
  ],
  [
    'a backend on a connection that is not there',
    { ...least, backends: [backend] },
    'backends[0].connection',
  ],
  [
    'a log-in API on a connection that is not there',
    { ...least, authenticators: [login] },
    'authenticators[0].connection',
  ],
  [
    'a connection in plain HTTP to another machine',
    { ...least, connections: { api: { base_url: 'http://api.example.com' } }, backends: [backend] },
    'connections.api.base_url',
  ],
  [
    'credentials in an address',
    { ...least, connections: { api: { base_url: 'https://u:p@api.example.com' } }, backends: [backend] },
    'connections.api.base_url',
  ],
  [
    'a connection that is not to an address',
    { ...least, connections: { api: { base_url: 'api.example.com' } }, backends: [backend] },
    'connections.api.base_url',
  ],
  [
    'an alias that another endpoint has',
    { ...least, http: { aliases: { access_token: ['/getprofile'] } } },
    'http.aliases.access_token',
  ],
  [
    'one alias for two endpoints',
    { ...least, http: { aliases: { access_token: ['/x'], getprofile: ['/x'] } } },
    'http.aliases.getprofile',
  ],
  ['a public address in plain HTTP', { public_url: 'http://id.example.com' }, 'public_url'],
  ['https that nobody speaks', { public_url: 'https://id.example.com' }, 'public_url'],
  ['https on this machine that nobody speaks', { public_url: 'https://localhost:8443' }, 'public_url'],
  ['plain HTTP behind a TLS proxy', { ...least, behind_tls_proxy: true }, 'public_url'],
  ['an open admin API with a generated token', { ...least, admin: { host: '0.0.0.0' } }, 'admin.host'],
  ['two listeners on one port', { ...least, listen: { port: 9000 }, ops: { port: 9000 } }, 'ops.port'],
  [
    'an idle life beyond the absolute one',
    { ...least, sessions: { idle_seconds: 7200, absolute_seconds: 3600 } },
    'sessions.idle_seconds',
  ],
  ['same_site none that nobody needs', { ...least, sessions: { same_site: 'none' } }, 'sessions.same_site'],
  [
    'one key listed twice',
    {
      ...least,
      keys: {
        encryption_keys: [
          'a0k3Zr9mQ1uXc7Yt5Lw2Vb8Nf4Hs6Jd0PgTeRiOoAzE',
          'a0k3Zr9mQ1uXc7Yt5Lw2Vb8Nf4Hs6Jd0PgTeRiOoAzE',
        ],
      },
    },
    'keys.encryption_keys',
  ],
  [
    'a header that means something else',
    { ...least, http: { customer_auth_header: 'authorization' } },
    'http.customer_auth_header',
  ],
  [
    'a range of every address',
    { ...least, http: { trusted_proxies: ['0.0.0.0/0'] } },
    'http.trusted_proxies[0]',
  ],
  [
    'a cookie without its safe prefix',
    { ...least, sessions: { cookie_name: 'sid' } },
    'sessions.cookie_name',
  ],
  [
    'a customer token for a day',
    { ...least, channels: [{ ...web, token_lifetime_seconds: 86_400 }] },
    'channels[0].token_lifetime_seconds',
  ],
  [
    'more than a minute of clock slack',
    { ...least, tokens: { clock_tolerance_seconds: 61 } },
    'tokens.clock_tolerance_seconds',
  ],
  [
    'more than 100 guesses',
    { ...least, sign_in: { max_failures_per_account: 101 } },
    'sign_in.max_failures_per_account',
  ],
  [
    'a placeholder for the admin token',
    { ...least, admin: { token: 'your-admin-token-goes-here' } },
    'admin.token',
  ],
];

describe('an unsafe or contradictory configuration is refused', () => {
  it.each(refusedTable)('%s', (_what, input, path) => {
    const { problems } = problemsOf(() => parseConfig(input));
    expect(problems.map((one) => one.path)).toEqual([path]);
  });

  it('but the same without the mistake is accepted', () => {
    const config = parseConfig({
      ...proxied,
      http: { trusted_proxies: ['10.0.0.0/8'], trusted_hops: 1 },
      sessions: { same_site: 'none' },
      channels: [{ ...web, allowed_origins: ['https://www.example.com'] }],
      connections: { api: connection },
      authenticators: [login],
      backends: [backend],
    });
    expect(checkConsistency(config, { production: true })).toEqual([]);
  });
});

describe('an unwise configuration is accepted with a warning', () => {
  it.each<[string, ConfigInput, string]>([
    ['a connection that nothing uses', { ...least, connections: { api: connection } }, 'connections.api'],
    [
      'plain HTTP in a closed network',
      {
        ...least,
        connections: { api: { base_url: 'http://api.lan', allow_insecure_http: true } },
        backends: [backend],
      },
      'connections.api.base_url',
    ],
    ['plain HTTP for other machines', { ...least, listen: { host: '0.0.0.0' } }, 'listen.host'],
    ['a proxy that is not trusted by address', proxied, 'http.trusted_proxies'],
    [
      'a range of proxies that holds callers too',
      { ...least, http: { trusted_proxies: ['192.0.2.0/24', '10.0.0.0/8'] } },
      'http.trusted_proxies',
    ],
    ['open metrics', { ...least, ops: { host: '0.0.0.0' } }, 'ops.host'],
    [
      'an open admin API',
      { ...least, admin: { host: '0.0.0.0', token: 'kf83hf73hf83hf93hf83hf73' } },
      'admin.host',
    ],
    [
      'a shared database without Redis',
      { ...least, storage: { database_url: 'postgres://127.0.0.1/symbolon' } },
      'storage.redis_url',
    ],
    [
      'a database on another machine without verified TLS',
      { ...least, storage: { database_url: 'postgres://db.lan/symbolon', redis_url: 'rediss://redis.lan' } },
      'storage.database_url',
    ],
    [
      'Redis on another machine without TLS',
      { ...least, storage: { redis_url: 'redis://redis.lan' } },
      'storage.redis_url',
    ],
  ])('%s', (_what, input, path) => {
    const findings = checkConsistency(parseConfig(input), { production: false });
    expect(findings.map((one) => [one.severity, one.path])).toEqual([['warning', path]]);
  });
});

it('a mistake in one section does not hide mistakes between others', () => {
  const { problems } = problemsOf(() =>
    parseConfig({
      ...least,
      log: { level: 'loud' as 'info' },
      default_channel: 'app',
      sessions: { idle_seconds: 7200, absolute_seconds: 3600 },
    }),
  );
  expect(problems.map((one) => one.path).sort()).toEqual([
    'default_channel',
    'log.level',
    'sessions.idle_seconds',
  ]);
});
