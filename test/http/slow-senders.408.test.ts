import { once } from 'node:events';
import type { Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createListener, LISTENER_LIMITS } from '../../src/http/listener.ts';
import { securityHeaders } from '../../src/http/security-headers.ts';
import { shut } from '../support/backend.ts';
import { rawRequest } from '../support/raw-request.ts';
import { startService, type TestService } from '../support/service.ts';

let t: TestService;
let server: Server;
let url: string;
beforeAll(async () => {
  t = await startService();
  server = createListener(t.service.app, securityHeaders({ https: true }), {
    headersTimeoutMs: 200,
    requestTimeoutMs: 400,
    keepAliveTimeoutMs: 300,
    maxConnections: 20,
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  await shut(server);
  await t.dispose();
});

const path = 'POST /customer_authenticate HTTP/1.1\r\nHost: x\r\n';
const json = 'Content-Type: application/json\r\n';

describe('who does not finish a request is told so and loses the connection', () => {
  it.each([
    ['nothing after the first line', 'POST /customer_authenticate HTTP/1.1\r\n'],
    ['half of a header', `${path}Content-Ty`],
    ['a body that is half sent', `${path}${json}Content-Length: 1000\r\n\r\n{"username":`],
    ['a chunk that is half sent', `${path}${json}Transfer-Encoding: chunked\r\n\r\n10\r\n{"user`],
    ['a body that never ends', `${path}${json}Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n`],
  ])('%s', async (_what, bytes) => {
    const { status, text, headers } = await rawRequest(url, bytes);
    expect(status).toBe(408);
    expect(JSON.parse(text).error.code).toBe('REQUEST_TIMEOUT');
    expect(headers['connection']).toBe('close');
  });

  it('and others are served meanwhile, up to the limit of connections', async () => {
    const silent = Array.from({ length: 10 }, () => connect(Number(new URL(url).port), '127.0.0.1'));
    await Promise.all(silent.map((socket) => once(socket, 'connect')));
    const { status } = await rawRequest(url, 'GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(status).toBe(200);
    for (const socket of silent) socket.on('error', () => {}).resume();
    await Promise.all(silent.map((socket) => once(socket, 'close')));
  });
});

it('a sender that hangs up half-way harms nobody', async () => {
  for (let i = 0; i < 20; i++) {
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    await once(socket, 'connect');
    socket.write(`${path}${json}Content-Length: 1000\r\n\r\n{"username":`);
    socket.resetAndDestroy();
    await once(socket, 'close');
  }
  await t.api.get('/health/live').expect(200);
  const { status } = await rawRequest(url, 'GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n');
  expect(status).toBe(200);
  expect(t.logs().filter(({ event }) => event === 'http.unexpected_error')).toEqual([]);
});

it('the limits in force are those of the reviewer’s list', () => {
  expect(LISTENER_LIMITS.headersTimeoutMs).toBeLessThanOrEqual(15_000);
  expect(LISTENER_LIMITS.requestTimeoutMs).toBeLessThanOrEqual(30_000);
  expect(LISTENER_LIMITS.keepAliveTimeoutMs).toBeLessThanOrEqual(65_000);
  expect(LISTENER_LIMITS.maxHeaderBytes).toBeLessThanOrEqual(16_384);
});
