import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { createHttpClient } from '../../../src/outbound/http-client.ts';
import type { Destination, DestinationOptions, HttpClient } from '../../../src/outbound/outbound-types.ts';
import { connectionsRest } from '../../support/connections-rest.ts';

const servers: Server[] = [];
const clients: HttpClient[] = [];

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  for (const server of servers.splice(0)) {
    server.close();
    await once(server, 'close');
  }
});

interface RawServer {
  to: Destination;
  /** One entry for each connection: the requests that came over it, as bytes. */
  connections: string[][];
  sockets: Socket[];
}

/** A server of bare sockets; `answer` is called with each whole request, its number and its connection. */
async function serve(
  answer: (call: { request: string; number: number; socket: Socket }) => void,
  options: DestinationOptions = {},
): Promise<RawServer> {
  const connections: string[][] = [];
  const sockets: Socket[] = [];
  let number = 0;
  const server = createServer((socket) => {
    const requests: string[] = [];
    connections.push(requests);
    sockets.push(socket);
    let held = '';
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      held += bytes.toString('latin1');
      const end = held.indexOf('\r\n\r\n') + 4;
      const length = Number(/content-length: (\d+)/.exec(held)?.[1] ?? 0);
      if (end < 4 || held.length < end + length) return;
      const request = held;
      held = '';
      requests.push(request);
      answer({ request, number: number++, socket });
    });
  });
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = createHttpClient();
  clients.push(client);
  const to = client.destination(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, {
    totalTimeoutMs: 2_000,
    ...options,
  });
  return { to, connections, sockets };
}

const get = { method: 'GET', path: '/x', headers: {} } as const;
const post = { method: 'POST', path: '/x', headers: {}, body: '{}' } as const;
const failure = (error: { failure?: string }) => error.failure;
const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';

describe('a kept connection', () => {
  it('serves one call after another, each as one request in one piece', async () => {
    const { to, connections } = await serve(({ socket }) => socket.write(OK));
    await to.send({ ...get, headers: { 'x-a': 'é' } });
    await connectionsRest();
    await to.send({ method: 'POST', path: '/y?z', headers: {}, body: '{"a":"ü"}' });
    await connectionsRest();
    await to.send({
      method: 'PUT',
      path: '/y',
      headers: { 'User-Agent': 'other', 'Accept-Encoding': 'gzip' },
    });
    const host = to.origin.slice('http://'.length);
    const shared = `host: ${host}\r\nconnection: keep-alive\r\naccept-encoding: identity\r\nuser-agent: symbolon\r\n`;
    expect(connections).toEqual([
      [
        `GET /x HTTP/1.1\r\n${shared}x-a: é\r\n\r\n`,
        `POST /y?z HTTP/1.1\r\n${shared}content-length: 10\r\n\r\n{"a":"Ã¼"}`,
        `PUT /y HTTP/1.1\r\n${shared}content-length: 0\r\n\r\n`,
      ],
    ]);
  });

  it('is given up when bytes follow an answer: the forged one behind it reaches nobody', async () => {
    const forged = 'HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged';
    const { to, connections } = await serve(({ number, socket }) =>
      socket.write(number === 0 ? OK + forged : OK),
    );
    for (let i = 0; i < 3; i++) {
      expect((await to.send(get)).body.toString()).toBe('ok');
      await connectionsRest();
    }
    expect(connections.map(({ length }) => length)).toEqual([1, 2]);
  });

  it('is given up when the server speaks unasked', async () => {
    const { to, connections, sockets } = await serve(({ socket }) => socket.write(OK));
    await to.send(get);
    const [socket] = sockets as [Socket];
    socket.write('HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged');
    // At once, which is a few turns of the event loop: not when it would have been idle for too long.
    for (let turns = 0; turns < 100 && !socket.closed; turns++) await nextTurn();
    expect(socket.closed).toBe(true);
    expect((await to.send(get)).body.toString()).toBe('ok');
    expect(connections).toHaveLength(2);
  });

  it('that the server closes while it is idle costs the next call nothing, whatever its method', async () => {
    const { to, connections, sockets } = await serve(({ socket }) => socket.write(OK));
    for (let i = 1; i <= 30; i++) {
      expect((await to.send(i % 2 === 0 ? get : post)).status).toBe(200);
      const used = sockets.at(-1) as Socket;
      // Fulfilled once our side has seen the end, and ended, too.
      used.end();
      await once(used, 'close');
      expect(connections).toHaveLength(i);
    }
    expect(to.status().connects).toBe(30);
  });

  it('that the server closes right behind an answer that promised more costs the next call nothing', async () => {
    const { to } = await serve(({ socket }) => socket.end(OK));
    for (let i = 0; i < 30; i++) {
      expect(await to.send(post).catch(failure)).toMatchObject({ status: 200 });
      await nextTurn();
    }
    expect(to.status().connects).toBe(30);
  });

  it('that the server closes under a call fails that call, which is not sent again from here', async () => {
    const { to, connections } = await serve(({ number, socket }) => {
      if (number === 1) socket.destroy();
      else socket.write(OK);
    });
    await to.send(get);
    await connectionsRest();
    expect(await to.send(get).catch(failure)).toBe('unreachable');
    expect((await to.send(get)).status).toBe(200);
    expect(connections.map(({ length }) => length)).toEqual([2, 1]);
  });

  it.each([
    ['says so', 'HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok'],
    [
      'keeps no connections for long',
      'HTTP/1.1 200 OK\r\nkeep-alive: timeout=1\r\ncontent-length: 2\r\n\r\nok',
    ],
    ['speaks HTTP/1.0', 'HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok'],
  ])('is not used again when the server %s', async (_name, answer) => {
    const { to, connections } = await serve(({ socket }) => socket.write(answer));
    for (let i = 0; i < 2; i++) {
      expect((await to.send(get)).body.toString()).toBe('ok');
      await connectionsRest();
    }
    expect(connections).toHaveLength(2);
  });

  it('is not used again when the answer came before all of the request was out', async () => {
    const connections: Socket[] = [];
    const server = createServer((socket) => {
      connections.push(socket);
      socket.on('error', () => {});
      socket.once('readable', () => socket.write(OK));
    });
    servers.push(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const client = createHttpClient();
    clients.push(client);
    const to = client.destination(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    const body = Buffer.alloc(32 * 1_048_576);
    for (let i = 0; i < 2; i++) {
      expect((await to.send({ method: 'POST', path: '/', headers: {}, body })).status).toBe(200);
      await connectionsRest();
    }
    expect(connections).toHaveLength(2);
    for (const socket of connections) socket.destroy();
  });

  it('whose call was given up is closed, so that the late answer is nobody’s', async () => {
    const { to, connections } = await serve(({ number, socket }) => {
      if (number > 0) socket.write(OK);
    });
    expect(await to.send(get, { totalTimeoutMs: 60 }).catch(failure)).toBe('timeout');
    expect((await to.send(get)).body.toString()).toBe('ok');
    expect(connections.map(({ length }) => length)).toEqual([1, 1]);
  });
});

it('beyond the bound no connection is made, even for calls within one turn', async () => {
  const { to, connections } = await serve(({ socket }) => socket.write(OK), { maxConnections: 2 });
  const all = Array.from({ length: 3 }, async () => {
    for (let i = 0; i < 20; i++) expect((await to.send(get)).status).toBe(200);
  });
  await Promise.all(all);
  expect(connections).toHaveLength(2);
});

describe('a request that cannot be sent as it is', () => {
  it.each([
    ['a line break in a value', { headers: { 'x-a': 'b\r\nx-forged: 1' } }],
    ['a line feed in a value', { headers: { 'x-a': 'b\nx-forged: 1' } }],
    ['a character beyond Latin-1 in a value', { headers: { 'x-a': '\u{10d0a}' } }],
    ['a line break in a name', { headers: { 'x-a: b\r\nx-forged': '1' } }],
    ['a length of the caller’s own', { headers: { 'Content-Length': '3' } }],
    ['a transfer coding', { headers: { 'transfer-encoding': 'chunked' } }],
    ['another host', { headers: { host: 'elsewhere.example' } }],
    ['what becomes of the connection', { headers: { connection: 'close' } }],
    ['a blank in the path', { path: '/x HTTP/1.1' }],
    ['a line break in the path', { path: '/x\r\nx-forged: 1' }],
    ['a path beyond Latin-1', { path: '/\u010a' }],
  ])('%s: refused, and not a byte goes out', async (_name, change) => {
    const { to, connections } = await serve(({ socket }) => socket.write(OK));
    expect(await to.send({ ...get, ...change }).catch(failure)).toBe('protocol');
    expect(connections).toEqual([]);
  });
});
