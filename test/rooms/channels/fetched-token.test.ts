import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ChannelProfile } from '../../../src/channels/channel-profile.ts';
import { connectionSchema, createConnection } from '../../../src/connections/connection.ts';
import { createHttpClient } from '../../../src/outbound/http-client.ts';
import { createTestClock } from '../../support/clock.ts';
import { CUSTOMER, openMinting, recordOf } from './minting.ts';

type Answer = (req: IncomingMessage, res: ServerResponse, body: string) => void;

const calls: { url: string; body: string; key: string | undefined }[] = [];
let answer: Answer;
const server = createServer((req, res) => {
  let body = '';
  req.on('data', (chunk: Buffer) => (body += chunk.toString()));
  req.on('end', () => {
    calls.push({ url: req.url ?? '', body, key: req.headers['api-token'] as string | undefined });
    answer(req, res, body);
  });
});
const json = (res: ServerResponse, value: unknown, status = 200) =>
  res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));

const clock = createTestClock();
let t: Awaited<ReturnType<typeof openMinting>>;
const httpClient = createHttpClient({ clock });

const record: ChannelProfile = recordOf(
  {
    shape: 'fetched_token',
    request: {
      method: 'POST',
      path: '/v3/users/{identifier}/token',
      body: { expires_at: { from: 'expires_at_ms' }, plan: { from: 'attribute', name: 'plan' } },
    },
    tokenAt: 'data.token',
    expiresAtMsAt: 'data.expires_at',
    lifetime: { defaultSeconds: 1_000, maxSeconds: 3_600 },
  },
  { attributes: { plan: { type: 'string', personal: false, required: false, meaning: 'plan' } } },
);

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  await httpClient.close();
  server.close();
});
beforeEach(async () => {
  calls.length = 0;
  answer = (_req, res) => json(res, { data: { token: `tok-${calls.length}` } });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const rooms = await openMinting();
  const options = connectionSchema.parse({
    base_url: url,
    total_timeout_ms: 500,
    auth: [{ type: 'api_key', header: 'api-token', value: 'vendor-api-key-1f6c2a90' }],
  });
  const { clock: _clock, metrics, logger } = rooms;
  const connection = createConnection('vendor', options, { httpClient, clock: _clock, metrics, logger });
  await rooms.close();
  t = await openMinting({ connections: new Map([['vendor', connection]]) });
});
afterEach(() => t.close());

const SETTINGS = { settings: { connection: 'vendor' } };
const mint = (more: Parameters<typeof t.mint>[1] = {}) => t.mint(record, { ...SETTINGS, ...more });

describe('a token that the vendor gives', () => {
  it('is fetched with our credentials, the identifier in the path and the end that we want', async () => {
    const minted = await mint({ attributes: { plan: 'gold' } });
    expect(minted).toMatchObject({ kind: 'opaque', token: 'tok-1' });
    expect(calls[0]).toMatchObject({ url: `/v3/users/${CUSTOMER}/token`, key: 'vendor-api-key-1f6c2a90' });
    expect(JSON.parse(calls[0]?.body ?? '')).toMatchObject({ plan: 'gold' });
  });

  it('is fetched once for a hundred callers at once, and for each customer by itself', async () => {
    const held: ServerResponse[] = [];
    answer = (_req, res) => {
      held.push(res);
      if (held.length === 2)
        for (const [i, one] of held.entries()) json(one, { data: { token: `tok-${i}` } });
    };
    const other = 'c1zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz';
    const minted = await Promise.all(
      Array.from({ length: 100 }, (_, i) => mint(i % 2 ? {} : { customerId: other })),
    );
    expect(calls).toHaveLength(2);
    expect(new Set(minted.map(({ token }) => token)).size).toBe(2);
  });

  it('is kept until four fifths of its life are over, and its rest is told truly', async () => {
    expect((await mint()).expiresInSeconds).toBe(1_000);
    t.clock.advance(799_000);
    expect(await mint()).toMatchObject({ token: 'tok-1', expiresInSeconds: 201 });
    t.clock.advance(2_000);
    expect((await mint()).token).toBe('tok-2');
  });

  it.each([-86_400_000, 86_400_000])(
    'is kept for no longer than it really lives when the clock jumps by %d ms',
    async (jumpMs) => {
      await mint();
      t.clock.jump(jumpMs);
      t.clock.advance(800_000);
      expect((await mint()).token).toBe('tok-2');
    },
  );

  it('is fetched anew when what is asked for differs', async () => {
    await mint({ attributes: { plan: 'gold' } });
    expect((await mint({ attributes: { plan: 'silver' } })).token).toBe('tok-2');
  });

  it('ends when the vendor says so, though never later than was asked for', async () => {
    const inSeconds = (seconds: number) => {
      answer = (_req, res) =>
        json(res, { data: { token: 'x', expires_at: t.clock.nowMs() + seconds * 1000 } });
    };
    inSeconds(100);
    expect((await mint()).expiresInSeconds).toBe(100);
    inSeconds(9_999_999);
    expect((await mint({ attributes: { plan: 'b' } })).expiresInSeconds).toBe(1_000);
  });

  it('cannot be led to another path by an identifier', async () => {
    await mint({ customerId: 'a/../../admin?x=1#' });
    expect(calls[0]?.url).toBe('/v3/users/a%2F..%2F..%2Fadmin%3Fx%3D1%23/token');
    await expect(mint({ customerId: '..' })).rejects.toMatchObject({ code: 'CHANNEL_VALUE_NOT_ALLOWED' });
  });

  it.each<[string, string, Answer]>([
    [
      'HTML with 200',
      'CHANNEL_VENDOR_ERROR',
      (_q, res) => void res.writeHead(200, { 'content-type': 'text/html' }).end('<p>'),
    ],
    ['no token', 'CHANNEL_VENDOR_ERROR', (_q, res) => void json(res, { data: {} })],
    [
      'a token with a line break',
      'CHANNEL_VENDOR_ERROR',
      (_q, res) => void json(res, { data: { token: 'a\nb' } }),
    ],
    [
      'an end that is over',
      'CHANNEL_VENDOR_ERROR',
      (_q, res) => void json(res, { data: { token: 'a', expires_at: 1 } }),
    ],
    [
      'an end that is no number',
      'CHANNEL_VENDOR_ERROR',
      (_q, res) => void json(res, { data: { token: 'a', expires_at: 'soon' } }),
    ],
    ['403', 'CHANNEL_VENDOR_ERROR', (_q, res) => void json(res, {}, 403)],
    ['429', 'CHANNEL_VENDOR_UNAVAILABLE', (_q, res) => void json(res, {}, 429)],
    ['503', 'CHANNEL_VENDOR_UNAVAILABLE', (_q, res) => void json(res, {}, 503)],
    ['a cut connection', 'CHANNEL_VENDOR_UNAVAILABLE', (req) => void req.socket.destroy()],
  ])('is not made from %s, and the next call tries again', async (_what, code, broken) => {
    answer = broken;
    await expect(mint()).rejects.toMatchObject({ code });
    answer = (_req, res) => json(res, { data: { token: 'fine' } });
    expect((await mint()).token).toBe('fine');
  });

  it('shows nothing of the vendor’s answer in what is reported', async () => {
    answer = (_req, res) => json(res, { secret: 'leaked' }, 403);
    await expect(mint()).rejects.toMatchObject({ code: 'CHANNEL_VENDOR_ERROR' });
    expect(JSON.stringify(t.reported)).not.toContain('leaked');
    expect(t.reported).toMatchObject([
      { event: 'channel_vendor.failed', name: 'help', reason: 'status_403' },
    ]);
  });
});
