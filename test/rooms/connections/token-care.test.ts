import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Connection, connectionSchema, createConnection } from '../../../src/connections/connection.ts';
import { createHttpClient } from '../../../src/outbound/http-client.ts';
import type { HttpClient } from '../../../src/outbound/outbound-types.ts';
import { silentLogger } from '../../../src/platform/logger.ts';
import { createMetrics, type Metrics } from '../../../src/platform/metrics.ts';
import { createTestClock, type TestClock } from '../../support/clock.ts';
import { startTokenServer, type TokenServer } from '../../support/token-server.ts';

let server: TokenServer;
let clock: TestClock;
let httpClient: HttpClient;
let metrics: Metrics;

beforeEach(async () => {
  server = await startTokenServer();
  clock = createTestClock();
  httpClient = createHttpClient({ clock });
  metrics = createMetrics();
});
afterEach(async () => {
  await httpClient.close();
  await server.close();
});

const CLIENT = { client_id: 'bridge', client_secret: 'a-secret-of-ours-91' };
const question = { method: 'GET', path: '/api', headers: {} } as const;

function connect(entry: Record<string, unknown> = {}, more: Record<string, unknown> = {}): Connection {
  const token = { type: 'client_credentials', token_url: `${server.url}/token`, ...CLIENT, ...entry };
  const options = connectionSchema.parse({ base_url: server.url, auth: [token], ...more });
  return createConnection('crm', options, { httpClient, clock, metrics, logger: silentLogger });
}

/** A token that says by itself when it ends; its signature is nobody's. */
function jwt(claims: Record<string, unknown>): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'none' })}.${part(claims)}.c2lnbmF0dXJl`;
}

describe('a token request', () => {
  it('goes out as JSON where the endpoint wants that, with its own query parameters', async () => {
    const crm = connect({
      token_url: `${server.url}/token?tenant=north&api-version=2`,
      request_format: 'json',
      client_authentication: 'body',
      scope: 'profile orders',
      parameters: { audience: 'https://crm.example', resource: 'urn:crm' },
    });
    expect(await crm.send(question)).toMatchObject({ status: 200 });
    const [asked] = server.requests;
    expect(asked?.path).toBe('/token?tenant=north&api-version=2');
    expect(asked?.headers['content-type']).toBe('application/json');
    expect(asked?.headers.authorization).toBeUndefined();
    expect(asked?.members).toEqual({
      grant_type: 'client_credentials',
      scope: 'profile orders',
      audience: 'https://crm.example',
      resource: 'urn:crm',
      ...CLIENT,
    });
  });

  it('names the client alone where our certificate speaks for us', async () => {
    const { client_id } = CLIENT;
    const crm = connect({ client_authentication: 'tls', client_secret: undefined });
    await crm.send(question);
    expect(server.requests[0]?.members).toEqual({ grant_type: 'client_credentials', client_id });
    expect(server.requests[0]?.headers.authorization).toBeUndefined();
  });

  it('must not be told to override what it holds anyway, and needs a secret unless by certificate', () => {
    expect(() => connect({ parameters: { client_id: 'another' } })).toThrow('must not repeat');
    expect(() => connect({ client_secret: undefined })).toThrow('is needed');
    expect(() => connect({ client_authentication: 'tls' })).toThrow('is needed, unless');
  });
});

describe('the life of a token', () => {
  it('is read from its exp where the answer does not state it', async () => {
    server.answer = () => ({
      access_token: jwt({ exp: clock.nowMs() / 1_000 + 100, n: server.requests.length }),
    });
    const crm = connect();
    await crm.send(question);
    clock.advance(59_000);
    await crm.send(question);
    expect(server.requests).toHaveLength(1);
    clock.advance(12_000);
    await crm.send(question);
    expect(server.requests).toHaveLength(2);
  });

  it('is no longer than from its iat to its exp, however far the clocks are apart', async () => {
    const theirNow = clock.nowMs() / 1_000 + 86_400;
    server.answer = () => ({ access_token: jwt({ iat: theirNow, exp: theirNow + 100 }) });
    const crm = connect();
    await crm.send(question);
    clock.advance(71_000);
    await crm.send(question);
    expect(server.requests).toHaveLength(2);
  });

  it('that has ended already is no token', async () => {
    server.answer = () => ({ access_token: jwt({ exp: clock.nowMs() / 1_000 - 5 }) });
    await expect(connect().send(question)).rejects.toMatchObject({
      failure: 'no_credentials',
      detail: expect.stringContaining('has ended already') as string,
    });
  });
});

describe('a token that the endpoint hands out again', () => {
  beforeEach(() => {
    server.answer = () => ({ access_token: 'the-same-token', expires_in: 600 });
  });

  it('near its end is recognised: it ends when it was to end, and the endpoint is not asked for every call', async () => {
    const crm = connect();
    await crm.send(question);
    clock.advance(580_000);
    await crm.send(question);
    expect(server.requests).toHaveLength(2);
    for (let i = 0; i < 20; i++) await crm.send(question);
    expect(server.requests).toHaveLength(2);
    expect(crm.status().tokens[0]?.endsAtMs).toBe(clock.nowMs() + 20_000);
    clock.advance(20_001);
    server.answer = () => ({ access_token: 'another-token', expires_in: 600 });
    await crm.send(question);
    expect(server.calls.at(-1)?.authorization).toBe('Bearer another-token');
    expect(await metrics.tokenFetches.get()).toMatchObject({
      values: expect.arrayContaining([
        { labels: { connection: 'crm', outcome: 'same' }, value: 1 },
      ]) as unknown,
    });
  });

  it('after it was refused is not sent a second time', async () => {
    server.judge = () => 401;
    const crm = connect();
    await expect(crm.send(question)).rejects.toMatchObject({
      failure: 'no_credentials',
      detail: expect.stringContaining('that was refused') as string,
    });
    expect(server.calls).toHaveLength(1);
    // The refusal may have been a passing one.
    server.judge = () => 200;
    clock.advance(4_001);
    expect(await crm.send(question)).toMatchObject({ status: 200 });
  });
});

describe('an endpoint that fails again and again', () => {
  it('is left alone for one, two, then four seconds', async () => {
    server.answer = () => [500, {}];
    const crm = connect();
    const asked: number[] = [];
    for (let second = 0; second < 12; second++) {
      await crm.send(question).catch(() => {});
      asked.push(server.requests.length);
      clock.advance(1_000);
    }
    expect(asked).toEqual([1, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5]);
  });

  it('is asked again when it said so itself, for at most a minute', async () => {
    server.answer = () => [503, { error: 'temporarily_unavailable' }];
    const crm = connect();
    await expect(crm.send(question)).rejects.toMatchObject({
      detail: 'the token endpoint answered 503 (temporarily_unavailable)',
    });
    expect(crm.status().tokens).toMatchObject([
      { held: false, lastFailure: 'the token endpoint answered 503 (temporarily_unavailable)' },
    ]);
  });
});

describe('further credentials', () => {
  it('Basic is sent in UTF-8 (RFC 7617)', async () => {
    const auth = [{ type: 'basic', username: 'brücke', password: 'geheim:größe-91' }];
    await connect({}, { auth }).send(question);
    expect(server.calls[0]?.authorization).toBe(
      `Basic ${Buffer.from('brücke:geheim:größe-91', 'utf8').toString('base64')}`,
    );
    const colon = { type: 'basic', username: 'a:b', password: 'geheim:größe-91' };
    expect(() => connect({}, { auth: [colon] })).toThrow('no colon');
  });

  it('a token and a key go out together', async () => {
    const token = { type: 'client_credentials', token_url: `${server.url}/token`, ...CLIENT };
    const key = { type: 'api_key', header: 'X-API-Key', value: 'a-key-of-ours-91' };
    await connect({}, { auth: [token, key] }).send(question);
    expect(server.calls[0]).toMatchObject({
      authorization: 'Bearer token-1',
      'x-api-key': 'a-key-of-ours-91',
    });
  });
});
