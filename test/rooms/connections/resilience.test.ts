import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { TLSSocket } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { registerConnectionMetrics } from '../../../src/connections/connection-metrics.ts';
import {
  type CallOptions,
  type Connection,
  connectionSchema,
  createConnection,
} from '../../../src/connections/connection.ts';
import { createHttpClient } from '../../../src/outbound/http-client.ts';
import type { HttpClient, OutboundRequest } from '../../../src/outbound/outbound-types.ts';
import { createLogger } from '../../../src/platform/logger.ts';
import { createMetrics, type Metrics } from '../../../src/platform/metrics.ts';
import { listen, shut } from '../../support/backend.ts';
import { createTestCertificate } from '../../support/certificate.ts';
import { createTestClock, type TestClock } from '../../support/clock.ts';

let server: Server;
let url: string;
let seen: number;
/** What the other side does, call after call; the last for ever. */
let script: RequestListener[];
let clock: TestClock;
let httpClient: HttpClient;
let metrics: Metrics;
let logged: Record<string, unknown>[];

beforeEach(async () => {
  [seen, script, logged] = [0, [good], []];
  server = createServer((request, response) => {
    request.resume();
    seen += 1;
    (script[Math.min(seen, script.length) - 1] as RequestListener)(request, response);
  });
  url = await listen(server);
  clock = createTestClock();
  metrics = createMetrics();
  httpClient = createHttpClient({ clock, logger: logger() });
});
afterEach(async () => {
  await httpClient.close();
  await shut(server);
});

const logger = () =>
  createLogger('debug', { write: (line) => logged.push(JSON.parse(line) as Record<string, unknown>) });
const good: RequestListener = (_request, response) => void response.end('{}');
const cut: RequestListener = (_request, response) => response.destroy();
const never: RequestListener = () => {};
const status =
  (code: number, headers: Record<string, string> = {}, body = ''): RequestListener =>
  (_request, response) => {
    response.writeHead(code, headers).end(body);
  };

function connect(overrides: Record<string, unknown> = {}): Connection {
  const options = connectionSchema.parse({ base_url: url, ...overrides });
  return createConnection('crm', options, { httpClient, clock, metrics, logger: logger() });
}
const get: OutboundRequest = { method: 'GET', path: '/x', headers: {} };
const post: OutboundRequest = { method: 'POST', path: '/x', headers: {}, body: '{}' };

async function outcome(crm: Connection, request = get, how?: CallOptions): Promise<number | string> {
  try {
    return (await crm.send(request, how)).status;
  } catch (error) {
    return (error as { failure: string }).failure;
  }
}

describe('a call that may be repeated', () => {
  it.each<[string, RequestListener]>([
    ['a connection that was cut', cut],
    ['502', status(502)],
    ['503', status(503)],
    ['504', status(504)],
    ['429', status(429)],
  ])('is, once, after %s', async (_what, failure) => {
    script = [failure, good];
    expect(await outcome(connect())).toBe(200);
    expect(seen).toBe(2);
  });

  it('is not sent a third time', async () => {
    script = [status(503)];
    expect(await outcome(connect())).toBe(503);
    expect(seen).toBe(2);
  });

  it.each<[string, RequestListener, number | string]>([
    ['500, which is about this call', status(500), 500],
    ['404', status(404), 404],
    ['a deadline that has passed', never, 'timeout'],
  ])('is not after %s', async (_what, failure, result) => {
    script = [failure, good];
    expect(await outcome(connect({ total_timeout_ms: 80 }))).toBe(result);
    expect(seen).toBe(1);
  });

  it('is not where the connection says so', async () => {
    script = [cut, good];
    expect(await outcome(connect({ retry: false }))).toBe('unreachable');
  });
});

it('a call that may have had an effect is sent once, unless its caller knows better', async () => {
  script = [cut, cut, good];
  const crm = connect();
  expect(await outcome(crm, post)).toBe('unreachable');
  expect(await outcome(crm, post, { idempotent: true })).toBe(200);
  expect(seen).toBe(3);
});

it('repeats add a tenth to the calls at most, beyond a reserve of ten', async () => {
  script = [status(502)];
  const crm = connect({ breaker_failures: 1_000 });
  for (let i = 0; i < 60; i++) await outcome(crm);
  expect(seen).toBeGreaterThanOrEqual(75);
  expect(seen).toBeLessThanOrEqual(60 + 10 + 6);
  expect(crm.status()).toMatchObject({ retries: seen - 60, retriesLeft: 0 });
});

describe('a time to wait', () => {
  it.each<[string, RequestListener, number]>([
    ['in seconds', status(429, { 'retry-after': '7' }), 7_000],
    ['as a date', status(503, { 'retry-after': 'Thu, 01 Jan 2026 00:00:07 GMT' }), 7_000],
    ['beyond a minute counts as a minute', status(429, { 'retry-after': '86400' }), 60_000],
    [
      'in the body, where the connection says where',
      status(429, { 'content-type': 'application/json' }, '{"success":false,"error":{"retry_after":7}}'),
      7_000,
    ],
  ])('%s: no call goes out before it has passed', async (_what, answer, waitMs) => {
    script = [answer, good];
    const crm = connect({ retry_after_path: 'error.retry_after' });
    expect([429, 503]).toContain(await outcome(crm));
    const refused = await crm.send(get).catch((error: unknown) => error);
    expect(refused).toMatchObject({ failure: 'paused', retryAfterMs: waitMs });
    clock.advance(waitMs - 1);
    expect(await outcome(crm)).toBe('paused');
    expect(seen).toBe(1);
    clock.advance(1);
    expect(await outcome(crm)).toBe(200);
  });

  it('that fits into the deadline is waited out by the call itself', async () => {
    script = [status(429, { 'retry-after': '0' }), good];
    expect(await outcome(connect())).toBe(200);
  });

  it('that one customer was told does not hold up the others', async () => {
    script = [status(429, { 'retry-after': '7' }), good];
    const crm = connect();
    expect(await outcome(crm, post, { sharesLimit: false })).toBe(429);
    expect(await outcome(crm, post, { sharesLimit: false })).toBe(200);
  });

  it.each(['soon', '-1', '7 seconds', ''])('of %j is none', async (stated) => {
    script = [status(429, { 'retry-after': stated }), good];
    const crm = connect({ retry: false });
    await outcome(crm);
    expect(await outcome(crm)).toBe(200);
  });
});

describe('a destination that fails again and again', () => {
  it.each<[string, RequestListener, Record<string, unknown>]>([
    ['cuts every connection', cut, {}],
    ['answers 503', status(503), {}],
    ['does not answer', never, { total_timeout_ms: 30 }],
  ])('%s: is left alone, and used again once it works', async (_what, failure, limits) => {
    script = [failure];
    const crm = connect({ ...limits, retry: false, breaker_failures: 3 });
    for (let i = 0; i < 3; i++) await outcome(crm);
    const calls = seen;
    const error: unknown = await crm.send(get).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ failure: 'circuit_open' });
    expect((error as { retryAfterMs: number }).retryAfterMs).toBeGreaterThan(0);
    expect(seen).toBe(calls);
    expect(crm.status().destination).toMatchObject({ circuit: 'open', circuitOpened: 1 });
    script = [good];
    clock.advance(1_000);
    expect(await outcome(crm)).toBe(200);
    expect(crm.status().destination.circuit).toBe('closed');
    expect(logged.map(({ event }) => event)).toEqual(['outbound.circuit_opened', 'outbound.circuit_closed']);
  });

  it.each<[string, RequestListener]>([
    ['refusals', status(403)],
    ['500, which may be about one customer', status(500)],
    ['what is no answer of ours', status(200, { 'content-encoding': 'gzip' })],
  ])('with %s works, as far as the circuit goes', async (_what, failure) => {
    script = [failure];
    const crm = connect({ breaker_failures: 1 });
    for (let i = 0; i < 20; i++) await outcome(crm);
    expect(crm.status().destination.circuit).toBe('closed');
  });

  it('lets those go at once that wait for a connection when the circuit opens', async () => {
    script = [cut];
    const crm = connect({ max_connections: 1, retry: false, breaker_failures: 2 });
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => outcome(crm)));
    expect(outcomes.filter((one) => one === 'circuit_open')).toHaveLength(18);
    expect(seen).toBe(2);
  });

  it('is tried again after a call on trial that ran out of time', async () => {
    script = [cut, cut, never];
    const crm = connect({ max_connections: 1, retry: false, breaker_failures: 2 });
    for (let i = 0; i < 2; i++) await outcome(crm);
    clock.advance(1_000);
    expect(await outcome(crm, get, { totalTimeoutMs: 60 })).toBe('timeout');
    script = [good];
    clock.advance(2_000);
    expect(await outcome(crm)).toBe(200);
  });

  it('is not taken for well because a call on trial had little time of its own', async () => {
    script = [cut, cut, never];
    const crm = connect({ retry: false, breaker_failures: 2 });
    for (let i = 0; i < 2; i++) await outcome(crm);
    clock.advance(1_000);
    expect(await outcome(crm, get, { totalTimeoutMs: 20 })).toBe('timeout');
    expect(crm.status().destination.circuit).toBe('open');
  });

  it('does not open the circuit by calls that had no time of their own left', async () => {
    script = [never];
    const crm = connect({ breaker_failures: 2, total_timeout_ms: 1_000 });
    for (let i = 0; i < 6; i++) expect(await outcome(crm, get, { totalTimeoutMs: 10 })).toBe('timeout');
    expect(crm.status().destination.circuit).toBe('closed');
  });
});

it('every number is in the metrics, under names of the configuration', async () => {
  script = [cut, good];
  const crm = connect();
  registerConnectionMetrics({
    metrics,
    destinations: httpClient.destinations,
    connections: new Map([['crm', crm]]),
  });
  for (let i = 0; i < 3; i++) await outcome(crm);
  const text = await metrics.registry.metrics();
  expect(text).toContain('symbolon_outbound_calls_total{destination="crm",outcome="status_2xx"} 3');
  expect(text).toContain('symbolon_outbound_calls_total{destination="crm",outcome="unreachable"} 1');
  expect(text).toMatch(/symbolon_outbound_connects_total\{destination="crm"\} [23]\n/);
  expect(text).toContain('symbolon_outbound_retries_total{connection="crm"} 1');
  expect(text).toContain('symbolon_outbound_circuit_state{destination="crm"} 0');
  expect(text).toContain('symbolon_outbound_calls_running{destination="crm"} 0');
});

describe('mutual TLS', () => {
  const ours = createTestCertificate('bridge.example');
  const theirs = createTestCertificate('127.0.0.1');
  const stranger = createTestCertificate('stranger.example');
  let tlsServer: Server;
  let tlsUrl: string;

  beforeEach(async () => {
    tlsServer = createTlsServer(
      { ...theirs, ca: ours.cert, requestCert: true, rejectUnauthorized: false },
      (request, response) => {
        response.statusCode = (request.socket as TLSSocket).authorized ? 200 : 401;
        response.end();
      },
    );
    tlsUrl = (await listen(tlsServer)).replace('http:', 'https:');
  });
  afterEach(() => shut(tlsServer));

  const tls = (certificate: typeof ours, ca: string | undefined = theirs.cert) => ({
    base_url: tlsUrl,
    tls: { certificate: certificate.cert, private_key: certificate.key, ca },
  });

  it('shows our certificate, and takes the other side’s from the authorities that are configured', async () => {
    const crm = connect(tls(ours));
    expect(await outcome(crm)).toBe(200);
    expect(crm.status().certificateEndsAtMs).toBeGreaterThan(Date.now());
    expect(await outcome(connect(tls(stranger)))).toBe(401);
    expect(await outcome(connect({ base_url: tlsUrl, tls: { ca: theirs.cert } }))).toBe(401);
  });

  it('trusts nobody else', async () => {
    expect(await outcome(connect(tls(ours, stranger.cert)))).toBe('untrusted');
    expect(await outcome(connect({ base_url: tlsUrl }))).toBe('untrusted');
  });

  it('refuses the start with a key that is not the certificate’s, or with what nobody can read', () => {
    const mixed = { certificate: ours.cert, private_key: stranger.key };
    expect(() => connect({ tls: mixed })).toThrow(/connections\.crm\.tls\.private_key does not belong/);
    const broken = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----';
    expect(() => connect({ tls: { certificate: broken, private_key: ours.key } })).toThrow(/cannot be read/);
    expect(() => connect({ tls: { ca: broken } })).toThrow(/tls\.ca cannot be read/);
    expect(() => connect({ tls: { certificate: ours.cert } })).toThrow('go together');
  });
});
