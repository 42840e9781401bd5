import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Connection, connectionSchema, createConnection } from '../../../src/connections/connection.ts';
import { failureSentence } from '../../../src/connections/failure-sentence.ts';
import { createHttpClient } from '../../../src/outbound/http-client.ts';
import type { HttpClient } from '../../../src/outbound/outbound-types.ts';
import { createLogger } from '../../../src/platform/logger.ts';
import { createMetrics, type Metrics } from '../../../src/platform/metrics.ts';
import {
  backendCredentials,
  connectionSettings,
  startTestBackend,
  type TestBackend,
} from '../../support/backend.ts';
import { createTestClock, type TestClock } from '../../support/clock.ts';

let backend: TestBackend;
let clock: TestClock;
let httpClient: HttpClient;
let metrics: Metrics;
let logged: string[];

beforeEach(async () => {
  backend = await startTestBackend();
  clock = createTestClock();
  httpClient = createHttpClient();
  metrics = createMetrics();
  logged = [];
});
afterEach(async () => {
  await httpClient.close();
  await backend.close();
});

function connect(overrides: Record<string, unknown> = {}): Connection {
  const options = connectionSchema.parse(connectionSettings(backend, overrides));
  const logger = createLogger('debug', { write: (line) => logged.push(line) });
  return createConnection('crm', options, { httpClient, clock, metrics, logger });
}

function withToken(changes: Record<string, unknown>): Record<string, unknown> {
  const [token, key] = connectionSettings(backend).auth;
  return { auth: [{ ...token, ...changes }, key] };
}

const question = { method: 'GET', path: '/profile', headers: { 'x-customer': 'c1abc' } } as const;
const SECRETS = [
  backendCredentials.clientSecret,
  backendCredentials.apiKey,
  'backend-token-',
  Buffer.from(backendCredentials.clientSecret).toString('base64').slice(4, 16),
  encodeURIComponent(backendCredentials.clientSecret).slice(0, 12),
];

describe('our credentials', () => {
  it('are all presented, on the hot and on the cold path', async () => {
    const crm = connect();
    expect(await crm.send(question)).toMatchObject({ status: 200 });
    expect(await crm.request(question)).toMatchObject({ status: 200 });
    expect(crm.authHeaders).toEqual(new Set(['authorization', backendCredentials.apiKeyHeader]));
  });

  it('go to the token endpoint by Basic with both halves form-encoded (RFC 6749 section 2.3.1)', async () => {
    await connect().send(question);
    const [asked] = backend.tokenRequests;
    expect(asked?.headers.authorization).toBe(
      `Basic ${Buffer.from('bridge%3Aclient+%2B1:s3cret%2Fwith%2Bodd%3Dchars+%25').toString('base64')}`,
    );
    expect(asked?.body).toBe('grant_type=client_credentials&scope=profile');
    expect(asked?.headers['content-type']).toBe('application/x-www-form-urlencoded');
  });

  it('go there in the form where the configuration says so, with its further parameters', async () => {
    const changes = { client_authentication: 'body', scope: '', parameters: { audience: 'https://crm' } };
    expect(await connect(withToken(changes)).send(question)).toMatchObject({ status: 200 });
    const [asked] = backend.tokenRequests;
    expect(asked?.headers.authorization).toBeUndefined();
    expect(Object.fromEntries(new URLSearchParams(asked?.body))).toEqual({
      grant_type: 'client_credentials',
      audience: 'https://crm',
      client_id: backendCredentials.clientId,
      client_secret: backendCredentials.clientSecret,
    });
  });

  it('win over a header of the same name in the request', async () => {
    const headers = { ...question.headers, authorization: 'Bearer of the caller' };
    expect(await connect().send({ ...question, headers })).toMatchObject({ status: 200 });
  });
});

describe('a token', () => {
  it('is fetched once for a hundred callers at the same time', async () => {
    const crm = connect();
    const answers = await Promise.all(Array.from({ length: 100 }, () => crm.send(question)));
    expect(answers.every((answer) => answer.status === 200)).toBe(true);
    expect(backend.tokenRequests).toHaveLength(1);
  });

  it('serves until 30 s before its end and no longer', async () => {
    const crm = connect();
    await crm.send(question);
    clock.advance(449_000);
    await crm.send(question);
    expect(backend.tokenRequests).toHaveLength(1);
    clock.advance(121_001);
    backend.revokeTokens();
    await crm.send(question);
    expect(backend.tokenRequests).toHaveLength(2);
    expect(backend.requests).toHaveLength(3);
  });

  it('is renewed ahead of its end without letting anybody wait', async () => {
    const crm = connect();
    await crm.send(question);
    clock.advance(511_000);
    backend.tokenMode = 'slow';
    const [first, second] = await Promise.all([crm.send(question), crm.send(question)]);
    expect([first.status, second.status]).toEqual([200, 200]);
    await expect.poll(() => backend.tokenRequests.length).toBe(2);
    backend.releaseTokens();
  });

  it('still serves while its renewal fails', async () => {
    const crm = connect();
    await crm.send(question);
    clock.advance(520_000);
    backend.tokenMode = 'failing';
    for (let i = 0; i < 5; i++) expect(await crm.send(question)).toMatchObject({ status: 200 });
  });

  it('of a lifetime written as a string or left out is kept as well, a short one for half its life', async () => {
    for (const [stated, keptMs] of [
      ['600', 570_000],
      [undefined, 270_000],
      [20, 10_000],
    ] as const) {
      backend.expiresIn = stated;
      backend.tokenRequests.length = 0;
      const crm = connect();
      await crm.send(question);
      clock.advance(keptMs - 1);
      await crm.send(question);
      const before = backend.tokenRequests.length;
      clock.advance(2);
      backend.revokeTokens();
      expect(await crm.send(question)).toMatchObject({ status: 200 });
      expect(before).toBeLessThanOrEqual(2);
      expect(backend.tokenRequests.length).toBeGreaterThan(1);
    }
  });

  it('that the destination refuses is fetched anew, once, and the call repeated', async () => {
    const crm = connect();
    await crm.send(question);
    backend.revokeTokens();
    expect(await crm.send(question)).toMatchObject({ status: 200 });
    expect(backend.tokenRequests).toHaveLength(2);
    expect(backend.requests).toHaveLength(3);
  });

  it('refused to a hundred callers at the same time is fetched anew once', async () => {
    const crm = connect();
    await crm.send(question);
    backend.revokeTokens();
    const answers = await Promise.all(Array.from({ length: 100 }, () => crm.send(question)));
    expect(answers.every((answer) => answer.status === 200)).toBe(true);
    expect(backend.tokenRequests).toHaveLength(2);
  });

  it('is not fetched for every call by a destination that refuses them all', async () => {
    backend.mode = 'unauthorized';
    const crm = connect();
    for (let i = 0; i < 10; i++) expect(await crm.send(question)).toMatchObject({ status: 401 });
    expect(backend.tokenRequests).toHaveLength(2);
    expect(backend.requests).toHaveLength(11);
    clock.advance(1_001);
    backend.mode = 'ok';
    expect(await crm.send(question)).toMatchObject({ status: 200 });
  });
});

describe('a token endpoint', () => {
  it('that fails is left alone for a second, in which callers are refused at once', async () => {
    backend.tokenMode = 'failing';
    const crm = connect();
    const refusal = { failure: 'no_credentials', origin: backend.url };
    await expect(crm.send(question)).rejects.toMatchObject(refusal);
    await expect(crm.send(question)).rejects.toMatchObject(refusal);
    expect(backend.tokenRequests).toHaveLength(1);
    backend.tokenMode = 'ok';
    clock.advance(1_001);
    expect(await crm.send(question)).toMatchObject({ status: 200 });
    expect(await metrics.tokenFetches.get()).toMatchObject({
      values: [
        { labels: { connection: 'crm', outcome: 'refused' }, value: 1 },
        { labels: { connection: 'crm', outcome: 'ok' }, value: 1 },
      ],
    });
  });

  it('that is slow keeps callers no longer than their deadline, and its answer still serves the next', async () => {
    backend.tokenMode = 'slow';
    const crm = connect();
    await expect(crm.send(question, { totalTimeoutMs: 80 })).rejects.toMatchObject({
      failure: 'no_credentials',
    });
    const later = connect();
    const waiting = later.send(question);
    await expect.poll(() => backend.tokenRequests.length).toBe(2);
    backend.releaseTokens();
    expect(await waiting).toMatchObject({ status: 200 });
    expect(await crm.send(question)).toMatchObject({ status: 200 });
    expect(backend.tokenRequests).toHaveLength(2);
  });

  it.each([
    ['refusing', 'answered 401'],
    ['malformed', 'no usable access_token'],
    ['mac', 'not of the type Bearer'],
  ] as const)('that is %s gives a sentence for the operator', async (mode, sentence) => {
    backend.tokenMode = mode;
    const error: unknown = await connect()
      .send(question)
      .catch((caught: unknown) => caught);
    expect(failureSentence(error)).toContain(sentence);
    expect(logged.join('')).toContain(sentence);
  });

  it.each([0, -1, 'soon', 'Infinity', '', true])(
    'that states expires_in %j gives no token',
    async (stated) => {
      backend.expiresIn = stated as number;
      await expect(connect().send(question)).rejects.toMatchObject({ failure: 'no_credentials' });
    },
  );

  it('on a metadata address refuses the start and names the setting', () => {
    expect(() => connect(withToken({ token_url: 'https://169.254.169.254/token' }))).toThrow(
      /connections\.crm\.auth\.token_url .*metadata/,
    );
    expect(() => connect(withToken({ token_url: 'http://idp.example/token' }))).toThrow(/https/);
  });
});

describe('an error', () => {
  async function failures(): Promise<unknown[]> {
    const caught: unknown[] = [];
    const gather = async (call: Promise<unknown>) => {
      caught.push(
        await call.then(
          () => undefined,
          (error: unknown) => error,
        ),
      );
    };
    backend.tokenMode = 'refusing';
    await gather(connect().send(question));
    backend.tokenMode = 'ok';
    for (const mode of ['cut_off', 'hang_up', 'slow_headers', 'gzip', 'huge_stated', 'not_http'] as const) {
      backend.mode = mode;
      const crm = connect({ total_timeout_ms: 120 });
      await gather(crm.send(question));
      await gather(crm.request(question));
    }
    const bad = { ...question, headers: { 'x-bad': `line\r\nbreak ${backendCredentials.apiKey}` } };
    await gather(connect().send(bad));
    await gather(connect().request(bad));
    return caught;
  }

  it('holds no secret, however it is written out, and neither does the log', async () => {
    const errors = await failures();
    expect(errors).toHaveLength(15);
    for (const error of errors) {
      expect(error).toMatchObject({ name: 'OutboundError' });
      const written = [
        JSON.stringify(error),
        inspect(error, { showHidden: true, depth: Infinity, getters: true }),
        String((error as Error).stack),
        ...logged,
      ].join('\n');
      for (const secret of SECRETS) expect(written).not.toContain(secret);
    }
  });
});

describe('the settings of a connection', () => {
  const issues = (overrides: Record<string, unknown>) =>
    connectionSchema.safeParse({ base_url: 'https://crm.example', ...overrides }).error?.issues ?? [];

  it('have safe defaults', () => {
    expect(connectionSchema.parse({ base_url: 'https://crm.example' })).toEqual({
      base_url: 'https://crm.example',
      allow_insecure_http: false,
      connect_timeout_ms: 1_000,
      total_timeout_ms: 5_000,
      max_response_bytes: 262_144,
      max_connections: 32,
      breaker_failures: 10,
      retry: true,
      auth: [],
    });
  });

  it.each([
    [{ total_timeout_ms: 5_001 }],
    [{ connect_timeout_ms: 1_001 }],
    [{ max_response_bytes: 300_000 }],
    [{ max_connections: 0 }],
    [{ proxy: 'http://proxy' }],
    [{ auth: [{ type: 'magic' }] }],
    [{ auth: [{ type: 'bearer', token: 'a-long-static-token', extra: 1 }] }],
    [{ auth: [{ type: 'bearer', token: 'line\r\nbreak-0123456' }] }],
    [{ auth: [{ type: 'bearer', token: 'changeme' }] }],
    [{ auth: [{ type: 'api_key', header: 'Host', value: 'a-long-static-key' }] }],
    [{ auth: [{ type: 'api_key', header: 'Content-Length', value: 'a-long-static-key' }] }],
    [{ auth: [{ type: 'api_key', header: 'Transfer-Encoding', value: 'a-long-static-key' }] }],
    [{ auth: [{ type: 'api_key', header: 'bad header', value: 'a-long-static-key' }] }],
  ])('refuse %j', (overrides) => {
    expect(issues(overrides)).not.toEqual([]);
  });

  it('refuse two credentials in one header, in whatever spelling', () => {
    const auth = [
      { type: 'bearer', token: 'a-long-static-token' },
      { type: 'api_key', header: 'Authorization', value: 'a-long-static-key' },
    ];
    expect(issues({ auth })).toMatchObject([{ path: ['auth'], message: 'two entries set the same header' }]);
  });

  it('refuse the start for an address that is never called', () => {
    expect(() => connect({ base_url: 'https://169.254.169.254' })).toThrow(/connections\.crm\.base_url/);
    expect(() => connect({ base_url: 'http://crm.example' })).toThrow(/allow_insecure_http/);
    expect(() => connect({ base_url: 'http://crm.example', allow_insecure_http: true })).not.toThrow();
  });

  it('take a static bearer token', async () => {
    const crm = connect({ auth: [{ type: 'bearer', token: 'a-long-static-token' }] });
    expect(await crm.send(question)).toMatchObject({ status: 401 });
    expect(backend.requests.map((request) => request.headers.authorization)).toEqual([
      'Bearer a-long-static-token',
    ]);
  });
});

it('auth that was left empty in the file counts as no credentials', () => {
  expect(connectionSchema.parse({ base_url: 'https://api.example.com', auth: null }).auth).toEqual([]);
  expect(connectionSchema.safeParse({ base_url: 'https://api.example.com', auth: {} }).success).toBe(false);
});
