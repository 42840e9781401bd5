import { once } from 'node:events';
import type { Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import express from 'express';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createListener } from '../../src/http/listener.ts';
import { securityHeaders } from '../../src/http/security-headers.ts';
import { shut } from '../support/backend.ts';
import { PASSWORD, startService, type TestService } from '../support/service.ts';

let t: TestService;
let server: Server;
beforeAll(async () => {
  t = await startService();
  server = createListener(t.service.app, securityHeaders({ https: true }), { stalledTimeoutMs: 300 });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterAll(async () => {
  await shut(server);
  await t.dispose();
});

const live = 'GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n';
const last = 'GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';

/** Both ends of one connection. */
async function connected(to = server): Promise<{ client: Socket; served: Socket }> {
  const accepted = once(to, 'connection') as Promise<[Socket]>;
  const client = connect((to.address() as AddressInfo).port, '127.0.0.1');
  client.on('error', () => {});
  const [served] = await accepted;
  return { client, served };
}

/** To the service's own listener: an answer may take longer than the limit of the one here. */
const patient = () => connect(Number(new URL(t.url).port), '127.0.0.1');

/** All that the server sends for these bytes until it ends the connection. */
async function answersTo(bytes: string, given?: Socket): Promise<string> {
  const client = given ?? (await connected()).client;
  client.on('error', () => {});
  client.write(bytes);
  let text = '';
  for await (const piece of client) text += String(piece);
  return text;
}

it.each([
  ['no request at all', 'XX\r\n\r\n'],
  ['a tunnel', 'CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['a request with a broken header', 'GET / HTTP/1.1\r\nHost : x\r\n\r\n'],
])('what comes behind a request, %s, never takes the place of its answer', async (_what, behind) => {
  const body = JSON.stringify({ username: 'mira', password: PASSWORD, channel: 'ios' });
  const head = `POST /customer_authenticate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n`;
  const signIn = `${head}Content-Length: ${body.length}\r\n\r\n${body}`;
  for (const before of [[signIn], [live], [signIn, signIn], [signIn, live, live], [live, signIn]]) {
    const answers = (await answersTo(before.join('') + behind, patient())).split('HTTP/1.1 ').slice(1);
    expect(answers.map((text) => text.slice(0, 6))).toEqual(before.map(() => '200 OK'));
  }
});

it('a request that was not whole when the connection broke off is not answered; those before it are', async () => {
  const broken = 'POST /access_token HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n';
  const answers = (await answersTo(live + live + broken)).split('HTTP/1.1 ').slice(1);
  expect(answers.map((text) => text.slice(0, 6))).toEqual(['200 OK', '200 OK']);
});

it('after a request that ends the connection nothing more is answered', async () => {
  const text = await answersTo(last + live);
  expect(text.split('HTTP/1.1 ')).toHaveLength(2);
  expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
});

it('what is refused before there is a request leaves a line with its id', async () => {
  const reported: unknown[] = [];
  const telling = createListener(t.service.app, {}, { report: (refusal) => reported.push(refusal) });
  telling.listen(0, '127.0.0.1');
  await once(telling, 'listening');
  for (const [bytes, code, status] of [
    ['XX\r\n\r\n', 'INVALID_REQUEST', 400],
    [`GET / HTTP/1.1\r\nHost: x\r\nA: ${'a'.repeat(20_000)}\r\n\r\n`, 'HEADERS_TOO_LARGE', 431],
    ['CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n', 'METHOD_NOT_ALLOWED', 405],
  ] as const) {
    const { client } = await connected(telling);
    client.write(bytes);
    let text = '';
    for await (const piece of client) text += String(piece);
    const requestId = /\r\nx-request-id: (\S+)\r\n/.exec(text)?.[1];
    expect(reported.at(-1)).toEqual({ requestId, code, status, address: '127.0.0.1' });
    expect(text.includes('\r\nallow: \r\n')).toBe(status === 405);
  }
  await shut(telling);
});

it('sixteen requests sent ahead are answered, one after the other', async () => {
  const { client } = await connected();
  client.write(live.repeat(15) + last);
  let text = '';
  for await (const bytes of client) text += String(bytes);
  expect(text.match(/HTTP\/1\.1 200 /g)).toHaveLength(16);
});

it('answers taken one by one make room for more on the same connection', async () => {
  const { client } = await connected();
  let text = '';
  client.on('data', (bytes) => {
    text += String(bytes);
  });
  for (let round = 1; round <= 5; round++) {
    client.write(live.repeat(20));
    while ((text.match(/HTTP\/1\.1 200 /g)?.length ?? 0) < round * 20) await once(client, 'data');
  }
  expect(text.match(/HTTP\/1\.1 200 /g)).toHaveLength(100);
  client.destroy();
});

it('who sends thousands of requests ahead loses the connection', async () => {
  const { client, served } = await connected();
  const closed = once(served, 'close');
  client.pause();
  client.write(live.repeat(5000));
  await closed;
  expect(served.bytesWritten).toBeLessThan(64_000);
  client.destroy();
});

it('who asks for a tunnel is refused in the envelope', async () => {
  const { client } = await connected();
  client.write('CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n');
  let text = '';
  for await (const bytes of client) text += String(bytes);
  expect(text).toMatch(/^HTTP\/1\.1 405 /);
  expect(JSON.parse(text.slice(text.indexOf('{'))).error.code).toBe('METHOD_NOT_ALLOWED');
});

it('who never reads the answers loses the connection', async () => {
  const large = express().get('/', (_req, res) => void res.send(Buffer.alloc(1_000_000)));
  const patient = createListener(large, {}, { stalledTimeoutMs: 300 });
  patient.listen(0, '127.0.0.1');
  await once(patient, 'listening');
  const { client, served } = await connected(patient);
  client.pause();
  const closed = once(served, 'close');
  client.write(live.replace('/health/live', '/').repeat(30));
  await closed;
  expect(served.bytesWritten).toBeGreaterThan(0);
  client.destroy();
  await shut(patient);
});
