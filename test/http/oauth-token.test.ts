import { altered } from '../support/altered-token.ts';
import { decodeJwt } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type AppTokens,
  authorize,
  CALLBACK,
  connect,
  createBrowser,
  pkce,
  redemption,
  registerApp,
  renewal,
  type TestApp,
} from '../support/oauth-app.ts';
import { startService, type TestService } from '../support/service.ts';

let t: TestService;
let app: TestApp;
beforeEach(async () => {
  t = await startService();
  app = await registerApp(t);
});
afterEach(() => t.dispose());

const { verifier, challenge } = pkce();
const token = (fields: Record<string, string>) => t.api.post('/oauth/token').type('form').send(fields);
const newCode = async (own = app, more: { username?: string; change?: Record<string, string> } = {}) =>
  (await authorize(t, own, { challenge, ...more })).get('code') as string;
const profile = (accessToken: string) =>
  t.api.post('/getprofile').set('authorization', `Bearer ${accessToken}`);

describe('an authorization code', () => {
  it('has at least 128 random bits and lives a minute', async () => {
    const [one, two] = [await newCode(), await newCode()];
    expect(one).toMatch(/^ac_[0-9A-Za-z]{43}$/);
    expect(one).not.toBe(two);
    t.clock.advance(59_999);
    await token(redemption(app, one, verifier)).expect(200);
    t.clock.advance(1);
    const { body } = await token(redemption(app, two, verifier)).expect(400);
    expect(body.error).toBe('invalid_grant');
  });

  it.each([
    ['another client', async () => redemption(await registerApp(t), await newCode(), verifier)],
    [
      'another redirect address',
      async () => ({ ...redemption(app, await newCode(), verifier), redirect_uri: `${CALLBACK}/` }),
    ],
    ['another verifier', async () => redemption(app, await newCode(), pkce().verifier)],
    ['a verifier that is too short', async () => redemption(app, await newCode(), verifier.slice(0, 42))],
    ['a verifier that is too long', async () => redemption(app, await newCode(), 'a'.repeat(129))],
    ['a verifier with other characters', async () => redemption(app, await newCode(), `${verifier}+`)],
    ['the challenge in place of the verifier', async () => redemption(app, await newCode(), challenge)],
    ['a code of one character less', async () => redemption(app, (await newCode()).slice(0, -1), verifier)],
  ])('is refused with %s, and is used up by the try', async (_what, request) => {
    const fields: Record<string, string> = await request();
    expect((await token(fields).expect(400)).body.error).toBe('invalid_grant');
    const right = redemption(app, fields.code as string, verifier);
    expect((await token(right).expect(400)).body.error).toBe('invalid_grant');
  });

  it.each(['code', 'redirect_uri', 'code_verifier'])('needs %s beside it', async (name) => {
    const { [name]: _left, ...fields } = redemption(app, await newCode(), verifier);
    expect((await token(fields as Record<string, string>).expect(400)).body.error).toBe('invalid_request');
    expect((await token({ ...fields, [name]: '' }).expect(400)).body.error).toBe('invalid_request');
  });

  it('that comes back ends everything that came of it, at once', async () => {
    const code = await newCode();
    const { body } = await token(redemption(app, code, verifier)).expect(200);
    await profile(body.access_token).expect(200);
    const { body: renewed } = await token(renewal(app, body.refresh_token)).expect(200);
    expect((await token(redemption(app, code, verifier)).expect(400)).body.error).toBe('invalid_grant');
    await profile(body.access_token).expect(401);
    await profile(renewed.access_token).expect(401);
    await token(renewal(app, renewed.refresh_token)).expect(400);
    expect(t.logs().some(({ event }) => event === 'authorization_code.reused')).toBe(true);
  });

  it('that comes back hours later still ends what came of it', async () => {
    const code = await newCode();
    const { body } = await token(redemption(app, code, verifier)).expect(200);
    t.clock.advance(5 * 3_600_000);
    await token(redemption(app, code, verifier)).expect(400);
    await token(renewal(app, body.refresh_token)).expect(400);
  });

  it('used two hundred times at once is good for one, whose tokens end', async () => {
    const code = await newCode();
    const answers = await Promise.all(
      Array.from({ length: 200 }, () => t.api.post('/oauth/token').send(redemption(app, code, verifier))),
    );
    const won = answers.filter(({ status }) => status === 200);
    expect(won).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 400)).toHaveLength(199);
    const [winner] = won.map(({ body }) => body as AppTokens);
    const { access_token: access, refresh_token: refresh } = winner as AppTokens;
    await profile(access).expect(401);
    await token(renewal(app, refresh)).expect(400);
  });

  it('is refused once the customer has signed out', async () => {
    const browser = createBrowser(t);
    const code = (await authorize(t, app, { challenge, browser })).get('code') as string;
    const cookie = [...browser.jar].map(([name, value]) => `${name}=${value}`).join('; ');
    await t.api
      .delete('/customer_session')
      .set({ cookie, origin: 'https://shop.test', 'x-symbolon-csrf': '1' })
      .expect(204);
    await token(redemption(app, code, verifier)).expect(400);
  });

  it('gives no refresh token to a client without that grant', async () => {
    const short = await registerApp(t, { grant_types: ['authorization_code'] });
    const tokens = await connect(t, short);
    expect(tokens).not.toHaveProperty('refresh_token');
    expect((await token(renewal(short, 'rt_none')).expect(400)).body.error).toBe('unauthorized_client');
  });
});

describe('an access token that names a customer', () => {
  it('answers about that customer alone: another customer proof beside it is refused', async () => {
    const { access_token: access } = await connect(t, app);
    const [own, other] = [await t.signIn('ios', 'mira'), await t.signIn('ios', 'noor')];
    const { body } = await profile(access).expect(200);
    expect(body.customer_id).toBe(own.customer_id);
    await profile(access).set('customer-auth', `JWT ${own.JWT}`).expect(200);
    const refused = await profile(access).set('customer-auth', `JWT ${other.JWT}`).expect(401);
    expect(refused.body.error.code).toBe('INVALID_CUSTOMER_TOKEN');
  });

  it('may come with a key of its own partner, and with no other', async () => {
    const { access_token: access } = await connect(t, app);
    await profile(access).set('api-key', t.north.key.publicId).expect(200);
    await profile(access).set('api-key', t.south.key.publicId).expect(401);
  });

  it('does nothing without its scope', async () => {
    const small = await registerApp(t, { scopes: ['profile:read', 'whoami'] });
    const code = await newCode(small, { change: { scope: 'whoami' } });
    const { body } = await token(redemption(small, code, verifier)).expect(200);
    expect(body.scope).toBe('whoami');
    expect((await profile(body.access_token).expect(403)).body.error.code).toBe('INSUFFICIENT_SCOPE');
  });

  it('ends, with its refresh token, when the company disables the customer', async () => {
    const held = await connect(t, app);
    t.clock.advance(1);
    await t.admin.post('/admin/directories/directory/users/mira/disable').expect(200);
    await profile(held.access_token).expect(401);
    t.clock.advance(13 * 86_400_000);
    await token(renewal(app, held.refresh_token)).expect(400);
  });

  it('ends with everything of the customer, and with its client', async () => {
    const first = await connect(t, app);
    const customerId = decodeJwt(first.access_token).sub as string;
    t.clock.advance(1);
    await t.admin
      .post(`/admin/customers/${customerId}/end-sessions`)
      .send({ reason: 'lost telephone' })
      .expect(200);
    await profile(first.access_token).expect(401);
    await token(renewal(app, first.refresh_token)).expect(400);
    t.clock.advance(1);
    const second = await connect(t, app);
    await profile(second.access_token).expect(200);
    await t.admin.post(`/admin/clients/${app.clientId}/revoke`).expect(200);
    await profile(second.access_token).expect(401);
    await token(renewal(app, second.refresh_token)).expect(401);
  });
});

describe('a refresh token', () => {
  it('is used once: its successor takes over', async () => {
    const first = await connect(t, app);
    const { body: second } = await token(renewal(app, first.refresh_token)).expect(200);
    expect(second.refresh_token).not.toBe(first.refresh_token);
    const { body: third } = await token(renewal(app, second.refresh_token)).expect(200);
    await profile(third.access_token).expect(200);
  });

  it('gives the same answer again for ten seconds, in case the first was lost', async () => {
    const { refresh_token: old } = await connect(t, app);
    const { text: answer } = await token(renewal(app, old)).expect(200);
    t.clock.advance(9_999);
    expect((await token(renewal(app, old)).expect(200)).text).toBe(answer);
    t.clock.advance(1);
    await token(renewal(app, old)).expect(400);
    const { refresh_token: successor } = JSON.parse(answer) as AppTokens;
    expect((await token(renewal(app, successor)).expect(400)).body.error).toBe('invalid_grant');
    expect(t.logs().some(({ event }) => event === 'refresh_token.reused')).toBe(true);
  });

  it('gives nothing again once its successor has been presented, and the family ends', async () => {
    const { refresh_token: old } = await connect(t, app);
    const { body: second } = await token(renewal(app, old)).expect(200);
    const { body: third } = await token(renewal(app, second.refresh_token)).expect(200);
    await token(renewal(app, old)).expect(400);
    await token(renewal(app, third.refresh_token)).expect(400);
    await profile(third.access_token).expect(401);
  });

  it('used two hundred times at once has one successor', async () => {
    const { refresh_token: old } = await connect(t, app);
    const answers = await Promise.all(
      Array.from({ length: 200 }, () => t.api.post('/oauth/token').send(renewal(app, old))),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
  });

  it('is bound to its client', async () => {
    const { refresh_token: old } = await connect(t, app);
    const other = await registerApp(t);
    expect((await token(renewal(other, old)).expect(400)).body.error).toBe('invalid_grant');
    await token(renewal(app, old)).expect(200);
  });

  it('lets scopes shrink for one answer and grow for none', async () => {
    const wide = await registerApp(t, { scopes: ['profile:read', 'whoami'] });
    const first = await connect(t, wide);
    const { body: narrow } = await token(renewal(wide, first.refresh_token, { scope: 'whoami' })).expect(200);
    expect(narrow.scope).toBe('whoami');
    const { body: whole } = await token(renewal(wide, narrow.refresh_token)).expect(200);
    expect(whole.scope).toBe('profile:read whoami');

    const small = await newCode(wide, { change: { scope: 'whoami' } });
    const { body } = await token(redemption(wide, small, verifier)).expect(200);
    const grown = await token(renewal(wide, body.refresh_token, { scope: 'profile:read' })).expect(400);
    expect(grown.body.error).toBe('invalid_scope');
    await token(renewal(wide, body.refresh_token)).expect(200);
  });

  it('loses scopes that its client has lost', async () => {
    const wide = await registerApp(t, { scopes: ['profile:read', 'whoami'] });
    const first = await connect(t, wide);
    await t.admin
      .patch(`/admin/clients/${wide.clientId}`)
      .send({ scopes: ['whoami'] })
      .expect(200);
    const { body } = await token(renewal(wide, first.refresh_token)).expect(200);
    expect(body.scope).toBe('whoami');
  });

  it('is over when it is not used for fourteen days, and after ninety days in any case', async () => {
    const day = 86_400_000;
    const idle = await connect(t, app);
    t.clock.advance(14 * day);
    await token(renewal(app, idle.refresh_token)).expect(400);
    let { refresh_token: current } = await connect(t, app);
    for (let days = 0; days < 89; days += 12) {
      const { body } = await token(renewal(app, current)).expect(200);
      current = body.refresh_token;
      t.clock.advance(12 * day);
    }
    await token(renewal(app, current)).expect(400);
  });

  it.each(['rt_', 'rt_AAAA', `rt_${'A'.repeat(91)}`, 'nothing', 'ac_x', '\0'])(
    'that was never one of ours ends nothing: %j',
    async (invented) => {
      const { refresh_token: real } = await connect(t, app);
      expect((await token(renewal(app, invented)).expect(400)).body.error).toBe('invalid_grant');
      const forged = altered(real, 20);
      await token(renewal(app, forged)).expect(400);
      await token(renewal(app, real)).expect(200);
    },
  );

  it('never stands in a log', async () => {
    const { refresh_token: current, access_token: access } = await connect(t, app);
    const written = JSON.stringify(t.logs());
    expect(written).not.toContain(current);
    expect(written).not.toContain(access.slice(-40));
  });
});

describe('the grants of a client', () => {
  it('are those that it registered', async () => {
    const fields = {
      grant_type: 'client_credentials',
      client_id: app.clientId,
      client_secret: app.clientSecret as string,
    };
    expect((await token(fields).expect(400)).body.error).toBe('unauthorized_client');
    const code = {
      ...redemption(app, 'ac_x', verifier),
      client_id: t.north.clientId,
      client_secret: t.north.clientSecret,
    };
    expect((await token(code).expect(400)).body.error).toBe('unauthorized_client');
  });

  it.each([
    'password',
    'implicit',
    'urn:ietf:params:oauth:grant-type:jwt-bearer',
    'Authorization_Code',
    '__proto__',
  ])('never hold %s', async (grantType) => {
    const { body } = await token({ ...redemption(app, 'ac_x', verifier), grant_type: grantType }).expect(400);
    expect(body.error).toBe('unsupported_grant_type');
  });

  it('give tokens for no other resource', async () => {
    const { refresh_token: current } = await connect(t, app);
    const { body } = await token(renewal(app, current, { resource: 'https://elsewhere.test' })).expect(400);
    expect(body.error).toBe('invalid_target');
    await token(renewal(app, current, { resource: 'https://id.test' })).expect(200);
  });
});
