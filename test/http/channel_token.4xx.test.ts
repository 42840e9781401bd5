import { assert, asyncProperty, jsonValue, oneof, record, string } from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { COOKIE_NAME, SHOP_ORIGIN } from '../support/service.ts';
import { type ChannelService, startChannelService } from './channel-settings.ts';

let t: ChannelService;
let cookie: string;
beforeAll(async () => {
  t = await startChannelService();
  cookie = await t.signInWithCookie();
});
afterAll(() => t.dispose());
beforeEach(() => {
  t.crm.mode = 'ok';
  t.clock.advance(31_000);
});

const page = (more: Record<string, string> = {}) => ({
  cookie,
  origin: SHOP_ORIGIN,
  'x-symbolon-csrf': '1',
  ...more,
});
const ask = (channel: string, headers: Record<string, string>, body?: object) => {
  const call = t.api.post(`/channels/${channel}/token`).set(headers);
  return body === undefined ? call : call.send(body);
};
const codeOf = async (call: PromiseLike<{ status: number; body: unknown }>) => {
  const { status, body } = await call;
  return [status, (body as { error: { code: string } }).error.code];
};

describe('a proof for a channel is refused', () => {
  it('without a session', async () => {
    const { cookie: _, ...bare } = page();
    expect(await codeOf(ask('zendesk', bare))).toEqual([401, 'NOT_SIGNED_IN']);
    expect(await codeOf(ask('zendesk', page({ cookie: `${COOKIE_NAME}=s%3Aforged.x` })))).toEqual([
      401,
      'NOT_SIGNED_IN',
    ]);
  });

  it('to a page that does not say that it made the call itself', async () => {
    const { 'x-symbolon-csrf': _, ...without } = page();
    expect(await codeOf(ask('zendesk', without))).toEqual([403, 'CSRF_REJECTED']);
  });

  it('to an origin that this channel does not list, or to none', async () => {
    for (const origin of ['https://evil.test', 'https://south.test', 'null', 'http://shop.test']) {
      expect(await codeOf(ask('zendesk', page({ origin })))).toEqual([403, 'ORIGIN_NOT_ALLOWED']);
    }
    const { origin: _, ...none } = page();
    expect(await codeOf(ask('zendesk', none))).toEqual([403, 'ORIGIN_NOT_ALLOWED']);
  });

  it("for another partner's channel, even from an origin of that channel", async () => {
    expect(await codeOf(ask('south-zendesk', page()))).toEqual([403, 'ORIGIN_NOT_ALLOWED']);
    expect(await codeOf(ask('south-zendesk', page({ origin: 'https://south.test' })))).toEqual([
      403,
      'CHANNEL_NOT_ALLOWED',
    ]);
    const token = await t.refreshToken();
    expect(await codeOf(ask('south-zendesk', {}, { refresh_token: token }))).toEqual([
      403,
      'CHANNEL_NOT_ALLOWED',
    ]);
    await ask('zendesk', {}, { refresh_token: token }).expect(200);
  });

  it('from a customer token, wherever it is put: vendors hold those', async () => {
    const { JWT } = await t.signIn('ios');
    const places: [Record<string, string>, object | undefined][] = [
      [{ authorization: `Bearer ${JWT}` }, undefined],
      [{ 'customer-auth': `JWT ${JWT}` }, undefined],
      [{}, { customer_auth: JWT }],
      [{}, { subject_token: JWT, subject_token_type: 'urn:ietf:params:oauth:token-type:jwt' }],
      [{ cookie: `${COOKIE_NAME}=${JWT}` }, undefined],
    ];
    for (const [headers, body] of places) {
      const { cookie: _, ...signedOut } = page();
      expect(await codeOf(ask('zendesk', { ...signedOut, ...headers }, body))).toEqual([
        401,
        'NOT_SIGNED_IN',
      ]);
    }
    const [status] = await codeOf(ask('zendesk', {}, { refresh_token: JWT.slice(0, 128) }));
    expect(status).toBe(401);
    expect(await codeOf(ask('zendesk', {}, { refresh_token: JWT }))).toEqual([400, 'INVALID_REQUEST']);
  });

  it('for a channel that is not configured, or has no profile', async () => {
    expect(await codeOf(ask('nowhere', page()))).toEqual([400, 'UNKNOWN_CHANNEL']);
    expect(await codeOf(ask('web', page()))).toEqual([404, 'CHANNEL_HAS_NO_PROFILE']);
  });

  it('with inputs that the record does not know, or too many', async () => {
    expect(await codeOf(ask('zendesk', page(), { input: { user: 'x' } }))).toEqual([400, 'INVALID_REQUEST']);
    const many = Object.fromEntries(Array.from({ length: 21 }, (_, i) => [`i${i}`, 'x']));
    expect(await codeOf(ask('zendesk', page(), { input: many }))).toEqual([400, 'INVALID_REQUEST']);
    expect(await codeOf(ask('zendesk', page(), { input: 'no object' }))).toEqual([400, 'INVALID_REQUEST']);
    expect(await codeOf(ask('zendesk', page(), { grant_type: 'refresh_token' }))).toEqual([
      400,
      'INVALID_REQUEST',
    ]);
  });

  it('after the session has ended, by sign-out or by the operator', async () => {
    const mine = await t.signInWithCookie();
    await ask('zendesk', page({ cookie: mine })).expect(200);
    await t.api
      .delete('/customer_session')
      .set(page({ cookie: mine }))
      .expect(204);
    expect(await codeOf(ask('zendesk', page({ cookie: mine })))).toEqual([401, 'NOT_SIGNED_IN']);
    const noors = await t.signInWithCookie('noor');
    const { body } = await ask('chatwoot', page({ cookie: noors })).expect(200);
    const { customer_id: id } = body as { customer_id: string };
    await t.admin.post(`/admin/customers/${id}/end-sessions`).send({ reason: 'test' }).expect(200);
    expect(await codeOf(ask('chatwoot', page({ cookie: noors })))).toEqual([401, 'NOT_SIGNED_IN']);
  });

  it('when the value that the vendor needs has the wrong type, which is named', async () => {
    const { body, status } = await ask('crisp', page());
    expect(status).toBe(409);
    expect(body).toMatchObject({
      error: { code: 'CHANNEL_VALUE_NOT_ALLOWED', details: { member: 'email', fault: 'type' } },
    });
  });
});

describe('while a profile backend is away', () => {
  it('an attribute that the vendor can do without is left out, and that is recorded', async () => {
    t.crm.mode = 'failing';
    const proof = await t.proof('zendesk', cookie);
    const claims = JSON.parse(
      Buffer.from(String(proof['token']).split('.')[1] ?? '', 'base64url').toString(),
    ) as object;
    expect(claims).not.toHaveProperty('name');
    const { body } = await t.admin.get('/admin/audit?event=channel.proof_issued&limit=1').expect(200);
    expect((body as { items: unknown[] }).items[0]).toMatchObject({ details: { left_out: 'name' } });
    t.crm.mode = 'ok';
    const again = await t.proof('zendesk', cookie);
    expect(Buffer.from(String(again['token']).split('.')[1] ?? '', 'base64url').toString()).toContain(
      '"name":"gold"',
    );
  });

  it('one that it cannot do without is 503, at once and with a time to come back', async () => {
    t.billing.mode = 'failing';
    const answer = await ask('crisp', page());
    expect(answer.status).toBe(503);
    expect(answer.body).toMatchObject({ error: { code: 'CHANNEL_ATTRIBUTES_UNAVAILABLE', retry_after: 5 } });
    t.billing.mode = 'ok';
  });

  it('what was answered is remembered for half a minute, for this customer alone', async () => {
    const before = t.crm.requests.length;
    await t.proof('zendesk', cookie);
    await t.proof('zendesk', cookie);
    expect(t.crm.requests.length - before).toBe(1);
    await t.proof('zendesk', await t.signInWithCookie('noor'));
    expect(t.crm.requests.length - before).toBe(2);
    t.clock.advance(31_000);
    await t.proof('zendesk', cookie);
    expect(t.crm.requests.length - before).toBe(3);
  });
});

it('no body, whatever it holds, makes it fail in another way than it says', async () => {
  const body = oneof(
    jsonValue(),
    record({ input: jsonValue() }),
    record({ refresh_token: string(), input: jsonValue() }),
    record({ grant_type: string(), refresh_token: string() }),
  );
  await assert(
    asyncProperty(body, async (value) => {
      t.clock.advance(1_000);
      const answer = await t.api
        .post('/channels/zendesk/token')
        .set(page({ 'content-type': 'application/json' }))
        .send(JSON.stringify(value));
      expect([200, 400, 401]).toContain(answer.status);
    }),
    { numRuns: 60 },
  );
});
