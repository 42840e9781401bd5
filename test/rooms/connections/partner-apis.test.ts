import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { authenticateConversation } from '../../../src/connections/asapp-calls.ts';
import { callPartner, PartnerRefusal } from '../../../src/connections/call-partner.ts';
import { asappCredentials, startAsapp } from '../../partners/asapp.ts';
import { audexumCredentials, startAudexum } from '../../partners/audexum.ts';
import { cmzonCredentials, startCmzon } from '../../partners/cmzon.ts';
import { coextCredentials, startCoext } from '../../partners/coext.ts';
import { messengerxCredentials, startMessengerx } from '../../partners/messengerx.ts';
import { setUpPartner } from '../../partners/partner-setup.ts';
import { createTestClock } from '../../support/clock.ts';

const opened: AsyncDisposable[] = [];
afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one[Symbol.asyncDispose]();
});
const keep = async <T extends AsyncDisposable>(starting: Promise<T>): Promise<T> => {
  const started = await starting;
  opened.push(started);
  return started;
};

const lane = { lane: 'test' };
const messageId = z.object({ id: z.string() });

describe('ASAPP', () => {
  const message = (text = 'Hello') => ({
    method: 'POST' as const,
    path: '/conversation/v1/conversations/01ABC/messages',
    body: { text, sender: { role: 'customer', externalId: 'c1abc' }, timestamp: '2026-01-01T00:00:00Z' },
  });
  const setUp = async (more: Record<string, unknown> = {}) => {
    const clock = createTestClock();
    const asapp = await keep(startAsapp(clock));
    const { id, secret } = asappCredentials;
    const auth = [
      { type: 'api_key', header: 'asapp-api-id', value: id },
      { type: 'api_key', header: 'asapp-api-secret', value: secret },
    ];
    const partner = await keep(setUpPartner(clock, { preset: 'asapp', base_url: asapp.url, auth, ...more }));
    return { clock, asapp, ...partner };
  };

  it('is called with both of its headers', async () => {
    const { api, asapp } = await setUp();
    expect(await callPartner(api, { ...message(), ...lane }, messageId)).toEqual({
      id: '01BX5ZZKBKACTAV9WEVG1',
    });
    expect(asapp.arrived[0]?.headers).toMatchObject({
      'asapp-api-id': asappCredentials.id,
      'asapp-api-secret': asappCredentials.secret,
      'content-type': 'application/json',
    });
  });

  it('learns who is in a conversation, with the token that it passes on', async () => {
    const { api, asapp } = await setUp();
    await authenticateConversation(api, {
      conversationId: '01ABC',
      customerId: 'c1abc',
      token: 'customer.token.value',
      streamId: 'stream-1',
    });
    expect(JSON.parse(asapp.carriedOut[0]?.body ?? '')).toEqual({
      customerExternalId: 'c1abc',
      auth: { token: 'customer.token.value' },
      streamId: 'stream-1',
    });
    expect(asapp.carriedOut[0]?.path).toBe('/conversation/v1/conversations/01ABC/authenticate');
  });

  it.each(['../../v2', 'abc', '01ABC/messages', '01ABC?x=1', '', '01%2e'])(
    'is not called for a conversation that cannot be one (%s)',
    async (conversationId) => {
      const { api, asapp } = await setUp();
      const call = authenticateConversation(api, { conversationId, customerId: 'c1abc', token: 't' });
      await expect(call).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
      expect(asapp.arrived).toEqual([]);
    },
  );

  it('is asked again after 1, 2 and 4 seconds when it has too much to do', async () => {
    const { api, asapp, drive, clock } = await setUp();
    asapp.next.push({ status: 429 }, { status: 429 }, { status: 429 });
    const startMs = clock.nowMs();
    const answer = await drive(api.call(message(), { ...lane, deadlineMs: 15_000 }));
    expect(answer).toMatchObject({ status: 200, attempts: 4 });
    expect(asapp.arrived.map(({ atMs }) => atMs - startMs)).toEqual([0, 1_000, 3_000, 7_000]);
  });

  it('is asked again after 250, 500 and 1,000 ms when it fails, and its 409 then means that it has the message', async () => {
    const { api, asapp, drive, clock } = await setUp();
    await api.call(message(), lane);
    asapp.next.push({ status: 503 }, { status: 500 }, { status: 502 });
    const startMs = clock.nowMs();
    clock.advance(11);
    const answer = await drive(api.call(message(), lane));
    expect(answer).toMatchObject({ status: 200, attempts: 4, body: undefined });
    expect(asapp.arrived.slice(1).map(({ atMs }) => atMs - startMs)).toEqual([11, 261, 761, 1_761]);
    expect(asapp.carriedOut).toHaveLength(1);
  });

  it('is not asked again about what is wrong with the call', async () => {
    const { api, asapp } = await setUp();
    const { body: _body, ...empty } = message();
    const refused = callPartner(api, { ...empty, body: { text: '' }, ...lane }, messageId);
    await expect(refused).rejects.toBeInstanceOf(PartnerRefusal);
    await expect(refused).rejects.toMatchObject({ status: 400, code: '400-01' });
    expect(asapp.arrived).toHaveLength(1);
  });

  it('gives a 409 to a first attempt back as it is', async () => {
    const { api, clock } = await setUp();
    await api.call(message(), lane);
    clock.advance(11);
    expect(await api.call(message(), lane)).toMatchObject({ status: 409, attempts: 1, code: '409-01' });
  });

  it('tells the caller to wait when its day is used up', async () => {
    const { api, asapp, drive } = await setUp();
    asapp.dailyLimit = 0;
    const call = drive(api.call(message(), lane));
    await expect(call).rejects.toMatchObject({ code: 'PARTNER_LIMIT_REACHED', retryAfterSeconds: 4 });
  });

  it('never sees more than 100 calls a second, evenly spread', async () => {
    const { api, asapp, drive } = await setUp();
    const calls = Array.from({ length: 150 }, (_none, i) => api.call(message(`Hello ${i}`), lane));
    const answers = await drive(Promise.all(calls));
    expect(answers.every(({ status, attempts }) => status === 200 && attempts === 1)).toBe(true);
    const atMs = asapp.carriedOut.map((one) => one.atMs);
    expect(atMs).toHaveLength(150);
    expect(Math.min(...atMs.slice(1).map((ms, i) => ms - (atMs[i] as number)))).toBeGreaterThanOrEqual(10);
  });

  it('has its sandbox at another address', async () => {
    const clock = createTestClock();
    const auth = [{ type: 'api_key', header: 'asapp-api-id', value: asappCredentials.id }];
    await expect(
      setUpPartner(clock, { preset: 'asapp', variant: 'moon', base_url: 'https://x.test', auth }),
    ).rejects.toThrow('production, sandbox');
  });
});

describe('CMzon', () => {
  const message = { method: 'POST' as const, path: '/v1/messages', body: { to: '+15550100', type: 'text' } };
  const setUp = async (more: Record<string, unknown> = {}, options: { daily?: number } = {}) => {
    const clock = createTestClock();
    const cmzon = await keep(startCmzon(clock, options));
    const auth = [{ type: 'bearer', token: cmzonCredentials.token }];
    const partner = await keep(setUpPartner(clock, { preset: 'cmzon', base_url: cmzon.url, auth, ...more }));
    return { clock, cmzon, ...partner };
  };

  it('is called with its token', async () => {
    const { api, cmzon } = await setUp();
    const answer = await callPartner(api, { ...message, ...lane }, z.object({ id: z.string() }));
    expect(answer.id).toBe('wamid.1');
    expect(cmzon.arrived[0]?.headers['authorization']).toBe(`Bearer ${cmzonCredentials.token}`);
  });

  it('sees 80 messages a second and no more, in the order in which they were sent', async () => {
    const { api, cmzon, drive } = await setUp();
    const calls = Array.from({ length: 200 }, (_none, i) =>
      api.call({ ...message, body: { to: `+1555${i}`, type: 'text' } }, lane),
    );
    const answers = await drive(Promise.all(calls));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(200);
    expect(answers.every(({ attempts }) => attempts === 1)).toBe(true);
    expect(cmzon.carriedOut.map(({ body }) => (JSON.parse(body) as { to: string }).to)).toEqual(
      calls.map((_call, i) => `+1555${i}`),
    );
  });

  it('keeps the day on our side: what is beyond it is refused here, with the time to wait', async () => {
    const limits = [
      { quota: 80, window_seconds: 1 },
      { quota: 100, window_seconds: 86_400 },
    ];
    const { api, cmzon, drive, clock } = await setUp({ limits }, { daily: 100 });
    const startMs = clock.nowMs();
    await drive(Promise.all(Array.from({ length: 100 }, () => api.call(message, lane))));
    const beyond = api.call(message, lane);
    await expect(beyond).rejects.toMatchObject({
      code: 'PARTNER_LIMIT_REACHED',
      kind: 'rate_limited',
      retryAfterSeconds: Math.ceil((86_400_250 - (clock.nowMs() - startMs)) / 1_000),
    });
    expect(cmzon.arrived).toHaveLength(100);
    expect(cmzon.carriedOut).toHaveLength(100);
  });

  it('counts new accounts by their own, smaller day', async () => {
    const { api, cmzon, clock } = await setUp({ variant: 'new' }, { daily: 1_000 });
    for (let i = 0; i < 1_000; i += 1) {
      clock.advance(14);
      await api.call(message, lane);
    }
    clock.advance(14);
    await expect(api.call(message, lane)).rejects.toMatchObject({ code: 'PARTNER_LIMIT_REACHED' });
    expect(cmzon.carriedOut).toHaveLength(1_000);
  });

  it('is believed when its error says how long to wait, and the other calls wait, too', async () => {
    const { api, cmzon, drive, clock } = await setUp();
    const body = { error: { code: 'RATE_LIMIT_EXCEEDED', message: 'wait', details: {}, retry_after: 2 } };
    cmzon.next.push({ status: 429, body });
    const startMs = clock.nowMs();
    const answers = await drive(Promise.all([api.call(message, lane), api.call(message, lane)]));
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    expect(cmzon.arrived.map(({ atMs }) => atMs - startMs).filter((atMs) => atMs > 14)).toHaveLength(2);
    expect(Math.min(...cmzon.carriedOut.map(({ atMs }) => atMs - startMs))).toBeGreaterThanOrEqual(2_000);
  });

  it('is not asked again before the minute that it wants is over', async () => {
    const { api, cmzon, clock, drive } = await setUp({}, { daily: 0 });
    const refused = { code: 'PARTNER_LIMIT_REACHED', retryAfterSeconds: 60 };
    await expect(drive(api.call(message, lane))).rejects.toMatchObject(refused);
    await expect(api.call(message, lane)).rejects.toMatchObject(refused);
    clock.advance(30_000);
    await expect(api.call(message, lane)).rejects.toMatchObject({ retryAfterSeconds: 30 });
    expect(cmzon.arrived).toHaveLength(1);
  });

  it('is not sent a message twice when it fails', async () => {
    const { api, cmzon } = await setUp();
    cmzon.next.push({ status: 500, body: { error: { code: 'INTERNAL' } } });
    await expect(api.call(message, lane)).rejects.toMatchObject({ code: 'PARTNER_API_ERROR' });
    expect(cmzon.arrived).toHaveLength(1);
  });

  it('refusing our token is our own trouble, and no caller’s', async () => {
    const { api, cmzon, logged } = await setUp();
    cmzon.tokenIsLive = false;
    await expect(api.call(message, lane)).rejects.toMatchObject({ code: 'PARTNER_API_UNAVAILABLE' });
    expect(logged()).not.toContain(cmzonCredentials.token);
  });

  it('keeps its token requests in JSON, with the scope and the addresses that it publishes', async () => {
    const { connectionSetting } = await import('../../../src/connections/presets/preset-settings.ts');
    const { clientId, clientSecret } = cmzonCredentials;
    const parsed = connectionSetting.parse({
      preset: 'cmzon',
      auth: [{ type: 'authorization_code', client_id: clientId, client_secret: clientSecret }],
    });
    expect(parsed.auth[0]).toMatchObject({
      authorization_url: 'https://api.cmzon.com/oauth/authorize',
      token_url: 'https://api.cmzon.com/oauth/token',
      request_format: 'json',
      client_authentication: 'body',
      scope: 'whatsapp_business',
    });
  });
});

describe('Coext', () => {
  const message = {
    method: 'POST' as const,
    path: '/api/v1/external/messages/text',
    body: { to: '+15550100', text: 'Grüße' },
  };
  const signature = { type: 'signature_v1', key_id: coextCredentials.key, secret: coextCredentials.secret };
  const setUp = async (more: Record<string, unknown> = {}) => {
    const clock = createTestClock();
    const environment = more['variant'] === 'development' ? 'development' : 'production';
    const coext = await keep(startCoext(clock, { environment }));
    const partner = await keep(
      setUpPartner(clock, { preset: 'coext', base_url: coext.url, auth: [signature], ...more }),
    );
    return { clock, coext, ...partner };
  };

  it('finds our signature right, computed by its own hands', async () => {
    const { api, coext } = await setUp();
    coext.signedOnly = true;
    expect(await api.call(message, lane)).toMatchObject({ status: 200 });
    expect(coext.arrived[0]?.headers['x-api-signature']).toMatch(/^[0-9a-f]{64}$/);
    expect(coext.arrived[0]?.headers['x-api-key']).toBe(coextCredentials.key);
  });

  it('takes the key alone where the key does not ask for signatures', async () => {
    const { api } = await setUp({ auth: [{ type: 'api_key', value: coextCredentials.key }] });
    expect(await api.call(message, lane)).toMatchObject({ status: 200 });
  });

  it('refuses a wrong secret, which our callers see as our trouble', async () => {
    const { api, coext, logged } = await setUp({
      auth: [{ ...signature, secret: 'sk_live_another-secret-0123456789' }],
    });
    await expect(api.call(message, lane)).rejects.toMatchObject({ code: 'PARTNER_API_UNAVAILABLE' });
    expect(coext.carriedOut).toEqual([]);
    expect(logged()).not.toContain('sk_live');
  });

  it.each(['expired', 'unknown'] as const)('with a key that is %s is unavailable', async (key) => {
    const { api, coext } = await setUp();
    coext.key = key;
    await expect(api.call(message, lane)).rejects.toMatchObject({ code: 'PARTNER_API_UNAVAILABLE' });
  });

  it('signs every attempt anew', async () => {
    const { api, coext, drive } = await setUp();
    coext.next.push({ status: 429 });
    expect(await drive(api.call(message, lane))).toMatchObject({ status: 200, attempts: 2 });
    const [first, second] = coext.arrived.map(({ headers }) => headers['x-timestamp']);
    expect(Number(second) - Number(first)).toBe(1);
  });

  it('sees ten calls a minute in development, and the next one when there is room', async () => {
    const { api, coext, clock } = await setUp({ variant: 'development' });
    for (let i = 0; i < 10; i += 1) await api.call(message, lane);
    clock.advance(20_000);
    const refusal = { code: 'PARTNER_LIMIT_REACHED', retryAfterSeconds: 41 };
    await expect(api.call(message, lane)).rejects.toMatchObject(refusal);
    clock.advance(40_250);
    await api.call(message, lane);
    expect(coext.carriedOut).toHaveLength(11);
    expect(coext.arrived).toHaveLength(11);
  });
});

describe('Audexum', () => {
  const call = { method: 'GET' as const, path: '/v1/anything' };
  const setUp = async (auth: (url: string) => Record<string, unknown>) => {
    const clock = createTestClock();
    const audexum = await keep(startAudexum(clock));
    const written = { preset: 'audexum', base_url: audexum.url, auth: [auth(audexum.url)] };
    return { clock, audexum, ...(await keep(setUpPartner(clock, written))) };
  };
  const byClient = (url: string) => ({
    type: 'client_credentials',
    token_url: `${url}/oauth/token`,
    client_id: audexumCredentials.clientId,
    client_secret: audexumCredentials.clientSecret,
  });

  it('gives one token for an hour of calls, and a new one after it', async () => {
    const { api, audexum, clock } = await setUp(byClient);
    for (let i = 0; i < 5; i += 1) await api.call(call, lane);
    expect(audexum.tokens.issued()).toBe(1);
    expect(audexum.arrived[0]?.body).toContain('client_secret=');
    clock.advance(3_600_000);
    expect(await api.call(call, lane)).toMatchObject({ status: 200 });
    expect(audexum.tokens.issued()).toBe(2);
  });

  it('ending a token early costs one more request, and no caller notices', async () => {
    const { api, audexum } = await setUp(byClient);
    await api.call(call, lane);
    audexum.tokens.endAll();
    expect(await api.call(call, lane)).toMatchObject({ status: 200 });
    expect(audexum.tokens.issued()).toBe(2);
  });

  it('with a revoked key is unavailable', async () => {
    const { api, audexum } = await setUp(() => ({ type: 'bearer', token: audexumCredentials.apiKey }));
    expect(await api.call(call, lane)).toMatchObject({ status: 200 });
    audexum.keyIsLive = false;
    await expect(api.call(call, lane)).rejects.toMatchObject({ code: 'PARTNER_API_UNAVAILABLE' });
  });
});

describe('MessengerX.io', () => {
  it('is called with its key, and a revoked key is our trouble', async () => {
    const clock = createTestClock();
    const messengerx = await keep(startMessengerx(clock));
    const auth = [{ type: 'bearer', token: messengerxCredentials.apiKey }];
    const { api } = await keep(setUpPartner(clock, { preset: 'messengerx', base_url: messengerx.url, auth }));
    const call = {
      method: 'POST' as const,
      path: '/v1/messages/send',
      body: { users: ['c1abc'], message: { text: 'Hello' } },
    };
    const answer = await callPartner(api, { ...call, ...lane }, z.object({ message_id: z.string() }));
    expect(answer).toEqual({ message_id: 'mx-1' });
    messengerx.keyIsLive = false;
    await expect(api.call(call, lane)).rejects.toMatchObject({ code: 'PARTNER_API_UNAVAILABLE' });
  });
});
