import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createBackend } from '../../../src/backends/backend.ts';
import { backendSchema } from '../../../src/backends/backend-settings.ts';
import type { Backend, BackendQuestion } from '../../../src/backends/backend-types.ts';
import { encodeSegment } from '../../../src/outbound/outbound-settings.ts';
import { type Connection, connectionSchema, createConnection } from '../../../src/connections/connection.ts';
import type { CustomerIdentifier, CustomerReference } from '../../../src/identifiers/identifier.ts';
import { createHttpClient } from '../../../src/outbound/http-client.ts';
import type { UpstreamFailure } from '../../../src/outbound/failure-reason.ts';
import type { HttpClient } from '../../../src/outbound/outbound-types.ts';
import { silentLogger } from '../../../src/platform/logger.ts';
import { createMetrics, type Metrics } from '../../../src/platform/metrics.ts';
import {
  type BackendMode,
  connectionSettings,
  startTestBackend,
  type TestBackend,
} from '../../support/backend.ts';
import { createTestClock, type TestClock } from '../../support/clock.ts';

let server: TestBackend;
let clock: TestClock;
let httpClient: HttpClient;
let metrics: Metrics;
let reported: UpstreamFailure[];

beforeEach(async () => {
  server = await startTestBackend();
  clock = createTestClock();
  httpClient = createHttpClient({ clock });
  metrics = createMetrics();
  reported = [];
});
afterEach(async () => {
  await httpClient.close();
  await server.close();
});

function connect(overrides: Record<string, unknown> = {}): Connection {
  const options = connectionSchema.parse(connectionSettings(server, overrides));
  return createConnection('crm', options, { httpClient, clock, metrics, logger: silentLogger });
}

const settings = {
  name: 'crm',
  connection: 'crm',
  path: '/v1/profile',
  identifier: { as: 'opaque', in: 'header', name: 'X-Customer' },
  fields: {
    plan: 'account.plan',
    balance: 'account.balance',
    since: 'account.since',
    number: 'lines[1].number',
    lines: 'lines',
    missing: 'account.nothing',
    own: 'constructor',
    proto: 'account.__proto__',
  },
  subject: 'customer.id',
};

function backend(overrides: Record<string, unknown> = {}, connection = connect()): Backend {
  return createBackend(backendSchema.parse({ ...settings, ...overrides }), {
    connection,
    metrics,
    reportFailure: (failure) => void reported.push(failure),
    signAssertion: ({ audience, customerId, reference }) =>
      `signed.${audience}.${customerId}.${reference.length}`,
  });
}

const ID = 'c1abcdefghijklmnopqrstuvwxyz234567' as CustomerIdentifier;
const ALL = new Set(Object.keys(settings.fields));

function ask(of: Backend, changes: Partial<BackendQuestion> = {}) {
  return of.ask({
    customerId: ID,
    reference: '4711' as CustomerReference,
    fields: ALL,
    requestId: 'req-1',
    traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    ...changes,
  });
}

const failed = (status: string, reason: string) => ({ status, fields: {}, reason });

describe('the answer of a backend', () => {
  it('gives the mapped fields as found and nothing else', async () => {
    expect(await ask(backend())).toEqual({
      status: 'ok',
      fields: {
        plan: 'gold',
        balance: { amount: 12.5, currency: 'EUR' },
        since: null,
        number: '+15550101',
        lines: [{ number: '+15550100' }, { number: '+15550101' }],
      },
    });
  });

  it('gives only fields that were asked for, and is not asked at all when it has none of them', async () => {
    const crm = backend();
    expect(await ask(crm, { fields: new Set(['plan', 'shoe_size']) })).toEqual({
      status: 'ok',
      fields: { plan: 'gold' },
    });
    expect(server.requests).toHaveLength(1);
    expect(await ask(crm, { fields: new Set(['shoe_size']) })).toEqual({ status: 'ok', fields: {} });
    expect(server.requests).toHaveLength(1);
    expect(crm.fields).toEqual(Object.keys(settings.fields));
  });

  it.each<[BackendMode, string, (string | undefined)?, number?]>([
    ['slow_headers', 'timeout', 'timeout'],
    ['drip', 'timeout', 'timeout'],
    ['huge', 'error', 'too_large'],
    ['huge_stated', 'error', 'too_large'],
    ['gzip', 'error', 'protocol'],
    ['invalid_json', 'error', 'not_json', 200],
    ['invalid_utf8', 'error', 'not_utf8', 200],
    ['array', 'error', 'not_object', 200],
    ['html', 'error', 'not_json', 200],
    ['redirect', 'error', 'redirect', 302],
    ['wrong_customer', 'error', 'subject_differs', 200],
    ['no_customer', 'error', 'subject_missing', 200],
    ['unauthorized', 'error', 'status_401', 401],
    ['too_many', 'unavailable', 'status_429', 429],
    ['failing', 'error', 'status_500', 500],
    ['cut_off', 'error', 'protocol'],
    ['cut_off_chunked', 'error', 'protocol'],
    ['hang_up', 'unavailable', 'unreachable'],
    ['lying_long', 'error', 'protocol'],
    ['lying_short', 'error', 'not_json', 200],
    ['not_http', 'error', 'protocol'],
    ['deep', 'error', 'subject_missing', 200],
    ['early_hints', 'ok'],
    ['unauthorized_once', 'ok'],
  ])('in the state %s has the status %s, says why (%s), leaks nothing and recovers', async (...row) => {
    const [mode, status, reason, httpStatus] = row;
    const crm = backend({}, connect({ total_timeout_ms: 400 }));
    expect(await ask(crm)).toMatchObject({ status: 'ok' });
    server.mode = mode;
    const answer = await ask(crm);
    expect([answer.status, answer.reason]).toEqual([status, reason]);
    const failure = { event: 'backend.failed', name: 'crm', reason, status: httpStatus, requestId: 'req-1' };
    expect(reported).toEqual(reason === undefined ? [] : [failure]);
    expect(Object.keys(answer.fields).length > 0).toBe(status === 'ok');
    server.mode = 'ok';
    // The time that a 429 asks for.
    clock.advance(7_000);
    expect(await ask(crm)).toMatchObject({ status: 'ok', fields: { plan: 'gold' } });
    expect(server.redirectsFollowed()).toBe(0);
  });

  it('is not_found for a customer that it does not know', async () => {
    server.unknown.add(ID);
    expect(await ask(backend())).toEqual(failed('not_found', 'status_404'));
  });

  it('is unavailable while the backend or its token endpoint is down', async () => {
    const crm = backend();
    server.tokenMode = 'failing';
    expect(await ask(crm)).toEqual(failed('unavailable', 'no_credentials'));
    const connection = connect({ base_url: 'http://127.0.0.1:9', auth: [] });
    expect(await ask(backend({}, connection))).toEqual(failed('unavailable', 'unreachable'));
  });

  it('never mixes two customers up, however many ask at once', async () => {
    const crm = backend({ fields: { who: 'customer.id' } });
    const ids = Array.from({ length: 200 }, (_, n) => `c1customer${n}` as CustomerIdentifier);
    const answers = await Promise.all(
      ids.map((customerId) => ask(crm, { customerId, fields: new Set(['who']) })),
    );
    expect(answers.map((answer) => answer.fields.who)).toEqual(ids);
  });

  it('is counted by backend and outcome', async () => {
    const crm = backend();
    await ask(crm);
    server.mode = 'failing';
    await ask(crm);
    const { values } = await metrics.backendRequests.get();
    const counted = values
      .filter(({ value }) => value > 0)
      .map(({ labels, value }) => [labels.outcome, value]);
    expect(counted).toEqual([
      ['ok', 1],
      ['error', 1],
    ]);
  });
});

describe('the request to a backend', () => {
  it('carries the identifier, our credentials, trace and request id, and nothing of the caller', async () => {
    await ask(backend());
    expect(server.requests).toHaveLength(1);
    expect(Object.keys(server.requests[0]?.headers ?? {}).sort()).toEqual([
      'accept',
      'accept-encoding',
      'authorization',
      'connection',
      'host',
      'traceparent',
      'user-agent',
      'x-backend-key',
      'x-customer',
      'x-request-id',
    ]);
    expect(server.requests[0]?.headers).toMatchObject({
      'x-customer': ID,
      'x-request-id': 'req-1',
      traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    });
  });

  it('names the customer by the reference where the configuration says so, checked against the answer', async () => {
    const crm = backend({ identifier: { as: 'reference', in: 'header', name: 'x-customer' } });
    expect(await ask(crm)).toMatchObject({ status: 'ok' });
    expect(server.requests[0]?.headers['x-customer']).toBe('4711');
    server.mode = 'wrong_customer';
    expect(await ask(crm)).toEqual(failed('error', 'subject_differs'));
  });

  it('carries the identifier in the body', async () => {
    const identifier = { as: 'opaque', in: 'body', name: 'customer' };
    expect(await ask(backend({ method: 'POST', identifier }))).toMatchObject({ status: 'ok' });
    expect(server.requests[0]).toMatchObject({ method: 'POST', body: JSON.stringify({ customer: ID }) });
    // A question changes nothing: it may be sent twice where no answer came.
    server.mode = 'hang_up';
    server.requests.length = 0;
    expect(await ask(backend({ method: 'POST', identifier }))).toMatchObject({ status: 'unavailable' });
    expect(server.requests).toHaveLength(2);
  });

  it('carries the identifier in the path, encoded so that it stays one segment', async () => {
    const identifier = { as: 'reference', in: 'path' };
    const crm = backend({ path: '/v1/customers/{identifier}?view=short', identifier });
    const reference = "a/b?c#d%2e é'(*)" as CustomerReference;
    expect(await ask(crm, { reference })).toMatchObject({ status: 'ok' });
    expect(server.requests[0]?.path).toBe('/v1/customers/a%2Fb%3Fc%23d%252e%20%C3%A9%27%28%2A%29?view=short');
    for (const hostile of ['.', '..', '%2e%2E', 'a\r\nb', 'a\0b', '\ud800']) {
      expect(await ask(crm, { reference: hostile as CustomerReference })).toEqual(
        failed('error', 'identifier_unsendable'),
      );
    }
    expect(server.requests).toHaveLength(1);
  });

  it('is not sent when a header would not carry the reference unchanged', async () => {
    const crm = backend({ identifier: { as: 'reference', in: 'header', name: 'x-customer' } });
    for (const reference of [' 4711', '4711 ', 'Zoë', 'a\r\nx-admin: 1', '\u0130']) {
      expect(await ask(crm, { reference: reference as CustomerReference })).toEqual(
        failed('error', 'identifier_unsendable'),
      );
    }
    expect(server.requests).toEqual([]);
  });

  it('carries a signed assertion made for this backend', async () => {
    const crm = backend({
      identifier: { as: 'assertion', in: 'header', name: 'x-customer' },
      subject: undefined,
    });
    expect(await ask(crm)).toMatchObject({ status: 'ok' });
    expect(server.requests[0]?.headers['x-customer']).toBe(`signed.crm.${ID}.4`);
  });
});

describe('the probe of a backend', () => {
  it('tells apart a working one, refused credentials and one that is down', async () => {
    const crm = backend();
    server.unknown.add('symbolon-probe');
    expect(await crm.probe()).toEqual({
      ok: true,
      message: expect.stringContaining('(a wrong path answers the same)'),
    });
    server.mode = 'unauthorized';
    expect(await crm.probe()).toEqual({
      ok: false,
      message: expect.stringContaining('refuses our credentials'),
    });
    const down = backend({}, connect({ base_url: 'http://127.0.0.1:9', auth: [] }));
    expect(await down.probe()).toEqual({
      ok: false,
      message: 'http://127.0.0.1:9 cannot be reached (connection refused).',
    });
  });
});

describe('the settings of a backend', () => {
  it.each([
    ['an identifier in the body of a GET', { identifier: { as: 'opaque', in: 'body', name: 'id' } }],
    ['an assertion in the path', { path: '/{identifier}', identifier: { as: 'assertion', in: 'path' } }],
    ['a path without the mark', { identifier: { as: 'opaque', in: 'path' } }],
    ['a mark that nothing fills', { path: '/x/{identifier}' }],
    ['an absolute URL as path', { path: 'https://elsewhere.example/' }],
    ['a path with another host', { path: '//elsewhere.example/' }],
    ['a path that climbs', { path: '/v1/../admin' }],
    ['a path that climbs when decoded', { path: '/v1/%2E%2e/admin' }],
    ['a path with a space', { path: '/v1/a b' }],
    ['a path with a fragment', { path: '/v1#x' }],
    ['a reserved header', { identifier: { as: 'opaque', in: 'header', name: 'Content-Length' } }],
    ['a header with a line break', { identifier: { as: 'opaque', in: 'header', name: 'x\r\ny' } }],
    ['no fields', { fields: {} }],
    ['a field named like a prototype', { fields: JSON.parse('{"__proto__x":"a"}') }],
    ['a broken answer path', { fields: { plan: 'a..b' } }],
    ['an unknown key', { retries: 3 }],
  ])('refuse %s', (_what, overrides) => {
    expect(backendSchema.safeParse({ ...settings, ...overrides }).success).toBe(false);
  });

  it('refuse to put the identifier into the header of our credentials, or an assertion without a key', () => {
    expect(() => backend({ identifier: { as: 'opaque', in: 'header', name: 'Authorization' } })).toThrow(
      'backends.crm.identifier.name',
    );
    const options = backendSchema.parse({
      ...settings,
      identifier: { as: 'assertion', in: 'header', name: 'x-assertion' },
    });
    expect(() => createBackend(options, { connection: connect(), metrics, reportFailure: () => {} })).toThrow(
      'backends.crm.identifier',
    );
  });
});

describe('a path segment', () => {
  it('is encoded to unreserved characters alone, or refused', () => {
    expect(encodeSegment('aZ0-._~')).toBe('aZ0-._~');
    expect(encodeSegment('a/../b')).toBe('a%2F..%2Fb');
    expect(encodeSegment(';=&+$,!')).toBe('%3B%3D%26%2B%24%2C%21');
    expect(encodeSegment('')).toBeUndefined();
    expect(encodeSegment('\u0085')).toBeUndefined();
  });
});
