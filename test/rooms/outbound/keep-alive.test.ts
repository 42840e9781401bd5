import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Socket } from 'node:net';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connectionSchema, createConnection } from '../../../src/connections/connection.ts';
import { createHttpClient } from '../../../src/outbound/http-client.ts';
import type { HttpClient, OutboundRequest } from '../../../src/outbound/outbound-types.ts';
import { silentLogger } from '../../../src/platform/logger.ts';
import { createMetrics } from '../../../src/platform/metrics.ts';
import { listen, shut } from '../../support/backend.ts';
import { createTestCertificate } from '../../support/certificate.ts';
import { createTestClock } from '../../support/clock.ts';
import { connectionsRest } from '../../support/connections-rest.ts';
import { startSilentServer } from '../../support/silent-server.ts';

const get: OutboundRequest = { method: 'GET', path: '/x', headers: {} };
const post: OutboundRequest = { method: 'POST', path: '/x', headers: {}, body: '{}' };

const authorities = getCACertificates('default');
let server: Server;
let sockets: Socket[];
let answer: RequestListener;
let url: string;
let httpClient: HttpClient;

beforeEach(async () => {
  sockets = [];
  answer = (_request, response) => void response.end('{}');
  server = createServer((request, response) => {
    request.resume().on('end', () => answer(request, response));
  });
  server.keepAliveTimeout = 0;
  server.on('connection', (socket: Socket) => sockets.push(socket));
  url = await listen(server);
  httpClient = createHttpClient();
});
afterEach(async () => {
  setDefaultCACertificates(authorities);
  await httpClient.close();
  await shut(server);
});

const status = (code: number, body = 'an error'): void => {
  answer = (_request, response) => void response.writeHead(code).end(body);
};

describe('calls one after the other use one connection', () => {
  it.each<[string, () => void]>([
    ['when all is well', () => {}],
    ['after refusals', () => status(401)],
    ['after errors of the other side', () => status(500)],
    ['after answers without a body', () => status(204, '')],
    ['after redirects', () => status(302)],
    ['after pages of 200 KB', () => status(500, 'x'.repeat(200_000))],
  ])('%s, by either way out', async (_what, arrange) => {
    arrange();
    const to = httpClient.destination(url);
    for (let i = 0; i < 20; i++) {
      await to.send(get);
      await connectionsRest();
      await httpClient.request(to, post);
      await connectionsRest();
    }
    expect(sockets).toHaveLength(1);
    expect(to.status().connects).toBe(1);
  });

  it('over TLS as well', async () => {
    const certificate = createTestCertificate('127.0.0.1');
    setDefaultCACertificates([certificate.cert]);
    const tlsServer = createTlsServer(certificate, (_request, response) => response.end('{}'));
    const to = httpClient.destination((await listen(tlsServer)).replace('http:', 'https:'));
    for (let i = 0; i < 20; i++) {
      await to.send(get);
      await connectionsRest();
    }
    expect(to.status().connects).toBe(1);
    await shut(tlsServer);
  });

  it('each destination its own', async () => {
    const [one, other] = [httpClient.destination(url), httpClient.destination(url)];
    for (let i = 0; i < 5; i++) {
      await Promise.all([one.send(get), other.send(get)]);
      await connectionsRest();
    }
    expect(sockets).toHaveLength(2);
  });
});

it('a connection that the other side closes in the very moment of the next call costs none that may be repeated', async () => {
  const calls = new Map<Socket, number>();
  answer = ({ socket }, response) => {
    const count = (calls.get(socket) ?? 0) + 1;
    calls.set(socket, count);
    if (count === 1) response.end('{}');
    else socket.destroy();
  };
  const options = connectionSchema.parse({ base_url: url });
  const deps = { httpClient, clock: createTestClock(), metrics: createMetrics(), logger: silentLogger };
  const crm = createConnection('crm', options, deps);
  for (let i = 0; i < 10; i++) {
    expect(await crm.send(get)).toMatchObject({ status: 200 });
    await connectionsRest();
  }
  expect(crm.status().retries).toBe(9);
});

it('connections that cannot be had are tried side by side, over TLS, too: nobody waits for another’s time to pass', async () => {
  const silent = await startSilentServer();
  const to = httpClient.destination(`https://127.0.0.1:${silent.port}`, { connectTimeoutMs: 300 });
  const startedMs = performance.now();
  const failures = await Promise.all(
    Array.from({ length: 8 }, () =>
      to.send(post).catch((error: unknown) => (error as { failure: string }).failure),
    ),
  );
  expect(failures).toEqual(Array(8).fill('unreachable'));
  expect(performance.now() - startedMs).toBeLessThan(1_500);
  await silent.close();
});
