import { createHmac } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createHttpClient } from '../../../src/outbound/http-client.ts';
import type { HttpClient } from '../../../src/outbound/outbound-types.ts';
import { createWebhook, WEBHOOK_RETRY_MS, type Webhook } from '../../../src/outbound/webhook.ts';
import { createLogger } from '../../../src/platform/logger.ts';
import { listen, shut } from '../../support/backend.ts';
import { createTestClock, type TestClock } from '../../support/clock.ts';

const SECRET = 'a shared secret of twenty-four and more';

interface Received {
  headers: Record<string, string | string[] | undefined>;
  body: string;
}

describe('the webhook', () => {
  let server: Server;
  let http: HttpClient;
  let clock: TestClock;
  let received: Received[];
  /** What the receiver answers, one after the other; the last for ever. */
  let statuses: number[];
  let waits: number[];
  let lines: string[];
  let url: string;

  beforeEach(async () => {
    [received, statuses, waits, lines] = [[], [204], [], []];
    clock = createTestClock();
    http = createHttpClient();
    server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        received.push({ headers: request.headers, body: Buffer.concat(chunks).toString() });
        response.statusCode = (statuses.length > 1 ? statuses.shift() : statuses[0]) as number;
        response.end();
      });
    });
    url = await listen(server);
  });
  afterEach(async () => {
    await http.close();
    if (server.listening) await shut(server);
  });

  const webhook = (wait?: (ms: number, signal: AbortSignal) => Promise<void>): Webhook => {
    const destination = http.destination(url);
    return createWebhook({
      path: '/alerts?from=bridge',
      request: (request) => http.request(destination, request),
      secret: SECRET,
      clock,
      logger: createLogger('debug', { write: (line) => lines.push(line) }),
      wait:
        wait ??
        (async (ms) => {
          waits.push(ms);
          clock.advance(ms);
        }),
    });
  };
  const events = () => lines.map((line) => JSON.parse(line) as Record<string, unknown>);

  it('arrives once, signed over id, time and body', async () => {
    const hook = webhook();
    hook.send('credentials.daily', { total: 2 });
    await hook.idle();
    expect(received).toHaveLength(1);
    const { headers, body } = received[0] as Received;
    expect(JSON.parse(body)).toEqual({
      type: 'credentials.daily',
      timestamp: '2026-01-01T00:00:00.000Z',
      data: { total: 2 },
    });
    const signed = `${headers['webhook-id'] as string}.${Date.UTC(2026, 0, 1) / 1000}.${body}`;
    const mac = createHmac('sha256', SECRET).update(signed).digest('base64');
    expect(headers['webhook-signature']).toBe(`v1,${mac}`);
    expect(headers['content-type']).toBe('application/json');
    expect(events()).toEqual([]);
  });

  it('is tried again later and later under the same id, signed anew, until it is taken', async () => {
    statuses = [500, 302, 429, 200];
    const hook = webhook();
    hook.send('credentials.daily', {});
    await hook.idle();
    expect(waits).toEqual(WEBHOOK_RETRY_MS.slice(0, 3));
    expect(new Set(received.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
    expect(new Set(received.map(({ headers }) => headers['webhook-signature'])).size).toBe(4);
    expect(events().map(({ event, reason }) => [event, reason])).toEqual([
      ['webhook.attempt_failed', 'status 500'],
      ['webhook.attempt_failed', 'status 302'],
      ['webhook.attempt_failed', 'status 429'],
    ]);
  });

  it('is given up after a bounded number of tries, and the log says so', async () => {
    await shut(server);
    const hook = webhook();
    hook.send('credentials.daily', {});
    await hook.idle();
    expect(waits).toEqual(WEBHOOK_RETRY_MS);
    expect(events().at(-1)).toMatchObject({
      level: 'error',
      event: 'webhook.undelivered',
      code: 'credentials.daily',
      reason: 'unreachable',
    });
  });

  it('is given up at once when the receiver is gone for good', async () => {
    statuses = [410];
    const hook = webhook();
    hook.send('credentials.daily', {});
    await hook.idle();
    expect([received.length, waits]).toEqual([1, []]);
    expect(events()).toMatchObject([{ event: 'webhook.undelivered' }]);
  });

  it('blocks nobody, holds a bounded number of messages, and gives them up when it is closed', async () => {
    statuses = [500];
    const hook = webhook(
      (_ms, signal) =>
        new Promise((_done, fail) => {
          signal.addEventListener('abort', () => fail(new Error('stopped')));
        }),
    );
    for (let i = 0; i < 105; i++) hook.send('credentials.daily', { i });
    expect(events().filter(({ reason }) => reason === 'too many are waiting')).toHaveLength(5);
    await expect.poll(() => received.length).toBe(100);
    await hook.close();
    hook.send('credentials.daily', {});
    expect(events().filter(({ event }) => event === 'webhook.undelivered')).toHaveLength(106);
  });

  it('never lets secret, address or body into the log', async () => {
    statuses = [500];
    const hook = webhook();
    hook.send('credentials.daily', { note: 'of-the-body' });
    await hook.idle();
    const log = lines.join('');
    for (const word of [SECRET, url, '/alerts', 'of-the-body']) expect(log).not.toContain(word);
  });
});
