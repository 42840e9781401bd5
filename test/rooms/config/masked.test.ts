import { describe, expect, it } from 'vitest';
import type { ConfigInput } from '../../../src/config/config.ts';
import { parseConfig } from '../../../src/config/load.ts';
import { maskedConfig } from '../../../src/config/masked.ts';
import { loadText, problemsOf } from './settings.ts';

/** Each secret place of the file holds a value that stands nowhere else. */
const canaries = {
  key: 'Y2FuYXJ5LWVuY3J5cHRpb24ta2V5LW51bWJlci0wMDE',
  admin: 'canary-admin-token-8c1f7d',
  database: 'canary-database-password',
  redis: 'canary-redis-password',
  client: 'canary-client-secret-11',
  apiKey: 'canary-api-key-value-22',
  bearer: 'canary-bearer-token-33',
  extra: 'canary-extra-value-44',
  pem: '-----BEGIN PRIVATE KEY-----\ncanary-private-key\n-----END PRIVATE KEY-----',
};

const full: ConfigInput = {
  public_url: 'https://id.example.com',
  tls: {
    certificate: '-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----',
    private_key: canaries.pem,
  },
  admin: { token: canaries.admin },
  storage: {
    database_url: `postgres://user:${canaries.database}@db.lan/symbolon?sslmode=verify-full`,
    redis_url: `rediss://:${canaries.redis}@redis.lan`,
  },
  keys: { encryption_keys: [canaries.key] },
  connections: {
    api: {
      base_url: 'https://api.example.com',
      auth: [
        {
          type: 'client_credentials',
          token_url: 'https://api.example.com/token',
          client_id: 'symbolon',
          client_secret: canaries.client,
        },
        { type: 'api_key', header: 'x-api-key', value: canaries.apiKey },
      ],
    },
    other: { base_url: 'https://other.example.com', auth: [{ type: 'bearer', token: canaries.bearer }] },
  },
  authenticators: [
    {
      name: 'login',
      type: 'http',
      reference_space: 'customers',
      connection: 'api',
      request: { path: '/login', extra: { app: canaries.extra } },
      answer: { reference: 'id' },
    },
  ],
};

describe('the printed configuration', () => {
  const printed = JSON.stringify(maskedConfig(parseConfig(full)));

  it.each(Object.entries(canaries))('does not hold the secret of %s', (_name, secret) => {
    expect(JSON.stringify(full)).toContain(JSON.stringify(secret).slice(1, -1));
    expect(printed).not.toContain(JSON.stringify(secret).slice(1, -1));
  });

  it('shows everything else', () => {
    expect(printed).toContain('"token_url":"https://api.example.com/token"');
    expect(printed).toContain('"client_id":"symbolon"');
    expect(printed).toContain('postgres://********@db.lan/symbolon?********');
    expect(printed).toContain('"access_token":["/oauth/access_token"]');
    expect(printed).toContain('"public_url":"https://id.example.com"');
  });
});

describe('a refusal', () => {
  it('never quotes a secret, however wrong the file is', () => {
    const broken = JSON.stringify({
      ...full,
      public_url: 'ftp://nowhere',
      admin: { token: 'canaryshort' },
      storage: {
        database_url: `mysql://user:${canaries.database}@db`,
        redis_url: `http://${canaries.redis}@h`,
      },
      keys: { encryption_keys: ['canary-not-a-key', { nested: canaries.key }] },
      connections: {
        api: {
          base_url: `https://user:${canaries.client}@api.example.com`,
          auth: [{ type: canaries.bearer }],
        },
        other: {
          base_url: 'https://x.example',
          auth: [{ type: 'bearer', token: [canaries.bearer], [`x`]: canaries.apiKey }],
        },
      },
      tls: { certificate: canaries.pem, private_key: 'canary-no-pem' },
    });
    const { problems, text } = problemsOf(() => loadText(broken));
    expect(problems.length).toBeGreaterThan(8);
    expect(text).not.toMatch(/canary/i);
    expect(text).not.toContain(canaries.key);
  });
});
