import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PASSWORD, startService, type TestService } from '../support/service.ts';
import { rawRequest } from '../support/raw-request.ts';

let t: TestService;
beforeAll(async () => {
  t = await startService();
});
afterAll(() => t.dispose());

const path = '/customer_authenticate';
const fields = `{"username":"mira","password":"${PASSWORD}","channel":"ios","pad":"`;
const bodyOf = (bytes: number) => `${fields}${'x'.repeat(bytes - fields.length - 2)}"}`;
const send = (text: string) => t.api.post(path).set('content-type', 'application/json').send(text);

describe('a body that is too large', () => {
  it('starts at 16,385 bytes', async () => {
    await send(bodyOf(16_384)).expect(200);
    const { body } = await send(bodyOf(16_385)).expect(413);
    expect(body.error).toMatchObject({ code: 'BODY_TOO_LARGE', details: { max_bytes: 16_384 } });
  });

  it('of ten megabytes is answered and the connection is given up', async () => {
    const { headers } = await send(bodyOf(10_000_000)).expect(413);
    expect(headers['connection']).toBe('close');
  });

  it('reaches a sender that reads only after it has sent all of it', async () => {
    const { hostname, port } = new URL(t.url);
    const body = bodyOf(10_000_000);
    const head = `POST ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;
    const socket = connect({ port: Number(port), host: hostname, allowHalfOpen: true });
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.write(head + body, (error) => (error ? reject(error) : resolve()));
    });
    const answer = Buffer.concat(await socket.toArray()).toString();
    socket.destroy();
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
    expect(answer).toContain('BODY_TOO_LARGE');
  });

  it('is not read on because its length is not stated', async () => {
    const head = `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`;
    const chunk = `${(10_000).toString(16)}\r\n${'x'.repeat(10_000)}\r\n`;
    const { status, text } = await rawRequest(t.url, head + chunk.repeat(1_000));
    expect(status).toBe(413);
    expect(JSON.parse(text).error.code).toBe('BODY_TOO_LARGE');
  });

  it('costs others nothing', async () => {
    const flood = Promise.all(Array.from({ length: 8 }, () => send(bodyOf(4_000_000)).expect(413)));
    await t.api.get('/health/live').expect(200);
    await flood;
    await send(bodyOf(200)).expect(200);
  });
});
