import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startService } from '../support/service.ts';

/** A partner API that does what the body says, for two partners that share its connections. */
const SECRET = 'SECRET/8d1f6c2a90b7+key';
let upstream: Server;
let t: Awaited<ReturnType<typeof startService>>;
let north: string;
let south: string;
const bodies: string[] = [];

const textOf = async (req: IncomingMessage): Promise<string> => {
  let text = '';
  for await (const chunk of req) text += String(chunk);
  return text;
};

const ANSWERS: Record<string, (headers: IncomingMessage['headers']) => string> = {
  plain: (headers) => JSON.stringify({ headers }),
  escaped: (headers) => JSON.stringify({ headers }).replaceAll('/', '\\/'),
  base64: (headers) => JSON.stringify({ raw: Buffer.from(JSON.stringify(headers)).toString('base64') }),
  hex: (headers) => JSON.stringify({ raw: Buffer.from(JSON.stringify(headers)).toString('hex') }),
  nothing: () => '{"id":"1"}',
};

beforeAll(async () => {
  upstream = createServer((req, res) => {
    void textOf(req).then((text) => {
      bodies.push(text);
      const asked = JSON.parse(text) as { echo?: string; status?: number; after?: string; hang?: boolean };
      if (asked.hang) return;
      const headers = {
        'content-type': 'application/json',
        ...(asked.after && { 'retry-after': asked.after }),
      };
      res.writeHead(asked.status ?? 200, headers).end(ANSWERS[asked.echo ?? 'nothing']?.(req.headers));
    });
  }).listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  const base_url = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
  const made = (
    more: { max_connections?: number; limits?: { quota: number; window_seconds: number }[] } = {},
  ) => ({
    preset: 'cmzon' as const,
    base_url,
    auth: [{ type: 'bearer' as const, token: SECRET }],
    // A limit of seconds would wait for the test's clock.
    limits: [{ quota: 1_000, window_seconds: 60 }],
    pass_through: { partners: ['north', 'south'] },
    ...more,
  });
  t = await startService({
    settings: (all) => ({
      ...all,
      connections: {
        ...all.connections,
        echo: made(),
        failing: made(),
        limited: made(),
        slow: made({ max_connections: 8 }),
        day: made({ limits: [{ quota: 10, window_seconds: 86_400 }] }),
      },
    }),
  });
  const key = async (owner: typeof t.north) =>
    (await t.createKey(owner, { scopes: ['partner:call'] })).secret;
  [north, south] = [await key(t.north), await key(t.south)];
});
afterAll(async () => {
  await t.dispose();
  upstream.closeAllConnections();
  upstream.close();
});

async function call(connection: string, body: object | string, by: 'north' | 'south' = 'north') {
  const { JWT } = by === 'north' ? await t.signIn() : await t.signIn('south', 'mira');
  const secret = by === 'north' ? north : south;
  const answer = await t.api
    .post(`/partners/${connection}/v1/messages`)
    .set({
      authorization: `Bearer ${secret}`,
      'customer-auth': `JWT ${JWT}`,
      'content-type': 'application/json',
    })
    .send(typeof body === 'string' ? body : JSON.stringify(body));
  const { error } = answer.body as { error?: { code: string } };
  return { status: answer.status, code: error?.code, text: answer.text, headers: answer.headers };
}

describe('credentials of ours that a partner API answers with', () => {
  it.each(['plain', 'escaped', 'base64', 'hex'])('reach no other partner (%s)', async (echo) => {
    const answer = await call('echo', { echo });
    expect(answer).toMatchObject({ status: 502, code: 'PARTNER_API_ERROR' });
    expect(answer.text).not.toContain('8d1f6c2a90b7');
  });

  it('reach nobody in a refusal either', async () => {
    expect(await call('echo', { echo: 'plain', status: 400 })).toMatchObject({ status: 502 });
  });

  it('are told to the operator in log, audit and metrics, without what they are', async () => {
    const { text } = await t.ops.get('/metrics').expect(200);
    expect(text).toMatch(/partner_calls_total\{connection="echo",outcome="credentials_echoed"\} 5/);
    const logged = JSON.stringify(t.logs());
    expect(logged).toContain('credentials_echoed');
    const { text: audited } = await t.admin.get('/admin/audit').query({ limit: 50 }).expect(200);
    expect(audited).toContain('credentials_echoed');
    for (const told of [logged, audited, text]) expect(told).not.toContain('8d1f6c2a90b7');
  });

  it('are not looked for in vain: other answers come through', async () => {
    expect(await call('echo', { to: '+1' })).toMatchObject({ status: 200, text: '{"id":"1"}' });
  });
});

describe('a number that cannot be passed on unchanged', () => {
  it.each(['9007199254740993', '12345678901234567890', '1e400', '0.10000000000000000001', '-1e-400'])(
    'is refused (%s)',
    async (number) => {
      const before = bodies.length;
      expect(await call('echo', `{"chat":{"id":${number}}}`)).toMatchObject({
        status: 400,
        code: 'INVALID_REQUEST',
      });
      expect(bodies).toHaveLength(before);
    },
  );

  it('is none that other spellings of the same number are for, nor digits in a text', async () => {
    const sent =
      '{"a":1.0,"b":-0.50,"c":9007199254740991,"d":1E3,"e":"9007199254740993 \\"1e400\\"","f":0e9}';
    expect((await call('echo', sent)).status).toBe(200);
    expect(bodies.at(-1)).toContain('"e":"9007199254740993');
  });
});

describe('a connection that several partners share', () => {
  it('stays open for one when another one makes its calls fail', async () => {
    for (let i = 0; i < 12; i += 1) await call('failing', { status: 503 }, 'south');
    expect(await call('failing', { to: '+1' }, 'south')).toMatchObject({ status: 503 });
    expect(await call('failing', { to: '+1' })).toMatchObject({ status: 200 });
  });

  it('is asked again within a minute, however long a pause one call brought about', async () => {
    expect(await call('limited', { status: 429, after: '8640000' }, 'south')).toMatchObject({ status: 429 });
    const told = await call('limited', { to: '+1' });
    expect(told).toMatchObject({ status: 429, code: 'PARTNER_LIMIT_REACHED' });
    expect(Number(told.headers['retry-after'])).toBeLessThanOrEqual(60);
    t.clock.advance(60_000);
    expect(await call('limited', { to: '+1' })).toMatchObject({ status: 200 });
  });

  it('leaves each its part of the day', async () => {
    for (let i = 0; i < 5; i += 1) expect((await call('day', { to: '+1' }, 'south')).status).toBe(200);
    expect(await call('day', { to: '+1' }, 'south')).toMatchObject({ status: 429 });
    for (let i = 0; i < 5; i += 1) expect((await call('day', { to: '+1' })).status).toBe(200);
  });

  it('leaves connections free for one while all calls of another hang', async () => {
    const hanging = Array.from({ length: 12 }, () => call('slow', { hang: true }, 'south'));
    await expect.poll(() => bodies.filter((body) => body.includes('hang')).length).toBe(4);
    const startMs = performance.now();
    expect(await call('slow', { to: '+1' })).toMatchObject({ status: 200 });
    expect(performance.now() - startMs).toBeLessThan(2_000);
    upstream.closeAllConnections();
    await Promise.all(hanging);
  });
});
