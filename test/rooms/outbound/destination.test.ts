import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { guardBaseUrl } from '../../../src/outbound/address-guard.ts';
import type { ConnectionPool, PooledCall } from '../../../src/outbound/connection-pool.ts';
import { createDestination } from '../../../src/outbound/destination.ts';
import { createHttpClient } from '../../../src/outbound/http-client.ts';
import type { Destination, OutboundError } from '../../../src/outbound/outbound-types.ts';
import { createPlaces, type PlacedCall } from '../../../src/outbound/places.ts';
import { createTestClock } from '../../support/clock.ts';

const get = { method: 'GET', path: '/x', headers: {} } as const;
const unsendable = { ...get, headers: { host: 'elsewhere.example' } };
const outcome = (call: ReturnType<Destination['send']>) =>
  call.then(
    ({ status }) => status,
    ({ failure }: OutboundError) => failure,
  );

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

/** A server that cuts connections on which the path `/cut` is asked for, and answers all others; its port. */
async function serveCutting(): Promise<{ port: number; shut(): Promise<unknown> }> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      if (bytes.includes('/cut')) socket.resetAndDestroy();
      else socket.end('HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n');
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const shut = () => (server.listening ? once(server.close(), 'close') : Promise.resolve());
  closers.push(shut);
  return { port: (server.address() as AddressInfo).port, shut };
}

function open(port: number, breakerFailures = 3) {
  const clock = createTestClock();
  const http = createHttpClient({ clock });
  closers.push(() => http.close());
  return { clock, http, to: http.destination(`http://127.0.0.1:${port}`, { breakerFailures }) };
}

describe('the callers of a destination that they share', () => {
  const as = (lane: string) => ({ lane, sharesWithOthers: true });

  it('are not stopped when what one of them sends makes the server cut its connections', async () => {
    const { to } = open((await serveCutting()).port);
    const cut = { ...get, path: '/cut' };
    for (let i = 0; i < 3; i++) expect(await outcome(to.send(cut, as('one')))).toBe('unreachable');
    expect(await outcome(to.send(cut, as('one')))).toBe('circuit_open');
    expect(await outcome(to.send(get, as('other')))).toBe(200);
    expect(to.status().circuit).toBe('closed');
  });

  it('are all stopped when no connection can be had', async () => {
    const { port, shut } = await serveCutting();
    await shut();
    const { to } = open(port);
    for (let i = 0; i < 3; i++) expect(await outcome(to.send(get, as('one')))).toBe('unreachable');
    expect(await outcome(to.send(get, as('other')))).toBe('circuit_open');
  });
});

it('a request that cannot be sent closes no circuit that is open', async () => {
  const { port, shut } = await serveCutting();
  await shut();
  const { to, clock } = open(port, 1);
  expect(await outcome(to.send(get))).toBe('unreachable');
  clock.advance(1_000);
  expect(await outcome(to.send(unsendable))).toBe('protocol');
  expect(to.status().circuit).toBe('open');
});

it('requests that cannot be sent, or come after closing time, do not open a circuit', async () => {
  const { to, http } = open((await serveCutting()).port, 1);
  expect(await outcome(to.send(unsendable))).toBe('protocol');
  await http.close();
  expect(await outcome(to.send(get))).toBe('unreachable');
  expect(to.status().circuit).toBe('closed');
});

it('an error of the connection’s making ends the call for which it was made and nothing else', async () => {
  const dispatched: PooledCall[] = [];
  const dispatch: ConnectionPool['dispatch'] = (_request, call) => {
    if (dispatched.push(call) > 1) throw Object.assign(new Error('weak'), { code: 'ERR_MADE_BY_TLS' });
    return () => {};
  };
  const to = createDestination({
    name: 'crm',
    base: guardBaseUrl('http://127.0.0.1:9', 'base_url', false),
    limits: {
      connectTimeoutMs: 1_000,
      totalTimeoutMs: 5_000,
      maxResponseBytes: 1_000,
      maxConnections: 1,
      breakerFailures: 10,
    },
    clock: createTestClock(),
    pool: { dispatch, connects: () => 0 },
    onChange: () => {},
  });
  const calls = Array.from({ length: 3 }, () => outcome(to.send(get)));
  dispatched[0]?.answered({ status: 200, headers: {}, body: Buffer.alloc(0) });
  expect(await Promise.all(calls)).toEqual([200, 'unreachable', 'unreachable']);
  expect(to.status()).toMatchObject({ running: 0, waiting: 0 });
});

it('however many calls in line end the moment that they start, none is started within another', () => {
  const places = createPlaces(1);
  let depth = 0;
  let deepest = 0;
  const enter = (start: () => void): PlacedCall => {
    const call: PlacedCall = { lane: undefined, isShared: false, start, refuse: () => {} };
    places.enter(call);
    return call;
  };
  const first = enter(() => {});
  for (let i = 0; i < 1_000; i++) {
    const call = enter(() => {
      deepest = Math.max(deepest, (depth += 1));
      places.leave(call);
      depth -= 1;
    });
  }
  places.leave(first);
  expect({ deepest, running: places.running(), waiting: places.waiting() }).toEqual({
    deepest: 1,
    running: 0,
    waiting: 0,
  });
});
