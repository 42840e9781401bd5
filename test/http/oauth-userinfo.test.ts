import { createHmac, createPublicKey, type JsonWebKey } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  authorize,
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
let vendor: TestApp;
beforeAll(async () => {
  t = await startService();
  const openid = {
    claims: { membership: 'plan', account: 'balance', unknown: 'unmapped', secret: 'hidden' },
  };
  vendor = await registerApp(t, { scopes: [], party: 'first', openid });
});
afterAll(() => t.dispose());

interface VendorTokens {
  access_token: string;
  refresh_token: string;
  id_token: string;
}

async function signIn(app = vendor, username = 'mira') {
  const browser = createBrowser(t);
  const { verifier, challenge } = pkce();
  const change = { scope: 'openid' };
  const answer = await authorize(t, app, { browser, username, challenge, change });
  const { body } = await t.api
    .post('/oauth/token')
    .type('form')
    .send(redemption(app, answer.get('code') as string, verifier))
    .expect(200);
  return { browser, tokens: body as VendorTokens };
}

const claimsOf = (token: string) =>
  JSON.parse(Buffer.from(token.split('.')[1] as string, 'base64url').toString()) as Record<string, unknown>;
const ask = (token: string, method: 'get' | 'post' = 'get') =>
  t.api[method]('/oauth/userinfo').set('authorization', `Bearer ${token}`);

describe('the userinfo endpoint', () => {
  it.each(['get', 'post'] as const)(
    'answers %s with the identifier and the registered claims',
    async (method) => {
      const { tokens } = await signIn();
      const { body } = await ask(tokens.access_token, method).expect(200);
      expect(body).toEqual({
        sub: claimsOf(tokens.id_token)['sub'],
        membership: 'gold',
        account: { amount: 12.5, currency: 'EUR' },
      });
    },
  );

  it('asks no backend for a vendor without claims', async () => {
    const bare = await registerApp(t, { scopes: [], party: 'first', openid: true });
    const { tokens } = await signIn(bare);
    const before = t.crm.requests.length;
    const { body } = await ask(tokens.access_token).expect(200);
    expect(Object.keys(body as object)).toEqual(['sub']);
    expect(t.crm.requests.length).toBe(before);
  });

  it('gives no claim of the profile in an ID token that was not asked to hold any', async () => {
    const { tokens } = await signIn();
    expect(claimsOf(tokens.id_token)).not.toHaveProperty('membership');
  });

  it('is for tokens of OpenID Connect alone', async () => {
    const app = await registerApp(t);
    const { access_token: appToken } = await connect(t, app);
    await ask(appToken).expect(403);
    await ask(await t.accessToken()).expect(403);
    await t.api.get('/oauth/userinfo').expect(401);
  });

  it('refuses everything else that we sign, and no ID token opens anything', async () => {
    const { tokens } = await signIn();
    const { JWT } = await t.signIn();
    for (const foreign of [tokens.id_token, JWT, tokens.refresh_token]) await ask(foreign).expect(401);

    const style = await t.asappStyle();
    const profile = (headers: Record<string, string>) => t.api.post('/getprofile').set(headers);
    await profile({ ...style, 'customer-auth': `JWT ${tokens.id_token}` }).expect(401);
    await profile({ ...style, 'customer-auth': `JWT ${tokens.access_token}` }).expect(401);
    await profile({ authorization: `Bearer ${tokens.id_token}` }).expect(401);
    // The vendor's own access token is for userinfo alone.
    await profile({ authorization: `Bearer ${tokens.access_token}` }).expect(403);

    const exchange = await registerApp(t, {
      redirect_uris: [],
      grant_types: ['urn:ietf:params:oauth:grant-type:token-exchange'],
    });
    const { body } = await t.api
      .post('/oauth/token')
      .type('form')
      .send({
        grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
        client_id: exchange.clientId,
        client_secret: exchange.clientSecret,
        subject_token: tokens.id_token,
        subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
      })
      .expect(400);
    expect(body).toMatchObject({ error: 'invalid_request' });
  });

  it('takes no token whose algorithm was changed to one that our public key would sign', async () => {
    const { tokens } = await signIn();
    const { body } = await t.api.get('/.well-known/jwks.json').expect(200);
    const { keys } = body as { keys: (JsonWebKey & { alg: string; kid: string })[] };
    const rsa = keys.find(({ alg }) => alg === 'RS256') as JsonWebKey & { kid: string };
    const pem = createPublicKey({ key: rsa, format: 'jwk' }).export({ type: 'spki', format: 'pem' });
    const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const claims = tokens.access_token.split('.')[1] as string;
    for (const alg of ['HS256', 'none']) {
      const input = `${encode({ alg, typ: 'at+jwt', kid: rsa.kid })}.${claims}`;
      const signature = alg === 'none' ? '' : createHmac('sha256', pem).update(input).digest('base64url');
      await ask(`${input}.${signature}`).expect(401);
    }
  });

  it('says that a profile cannot be read rather than leaving its claims out', async () => {
    const { tokens } = await signIn();
    t.crm.mode = 'failing';
    const { body } = await ask(tokens.access_token);
    expect((body as { error: { code: string } }).error.code).toMatch(/^BACKEND_/);
    t.crm.mode = 'ok';
  });
});

it('a customer who is merged keeps the name that the vendor knows, in userinfo and renewals', async () => {
  const { tokens } = await signIn(vendor, 'noor');
  const { sub } = claimsOf(tokens.id_token);
  const { customer_id: into } = await t.signIn();
  const merge = t.admin.post(`/admin/customers/${String(sub)}/merge`);
  await merge.send({ into, reason: 'one person' }).expect(200);
  const { body } = await ask(tokens.access_token).expect(200);
  expect(body).toMatchObject({ sub });
  const renewed = await t.api
    .post('/oauth/token')
    .type('form')
    .send(renewal(vendor, tokens.refresh_token))
    .expect(200);
  expect(claimsOf((renewed.body as VendorTokens).id_token)['sub']).toBe(sub);
});

describe('signing out', () => {
  it('ends the access, refresh and ID tokens to come of a vendor at once', async () => {
    const { browser, tokens } = await signIn();
    await ask(tokens.access_token).expect(200);
    const cookie = [...browser.jar].map(([name, value]) => `${name}=${value}`).join('; ');
    await t.api
      .delete('/customer_session')
      .set({ cookie, 'x-symbolon-csrf': '1', origin: 'https://id.test' })
      .expect(204);
    await ask(tokens.access_token).expect(401);
    const { body } = await t.api
      .post('/oauth/token')
      .type('form')
      .send(renewal(vendor, tokens.refresh_token))
      .expect(400);
    expect(body).toMatchObject({ error: 'invalid_grant' });
  });

  it('leaves apps alone, which the customer connected for good', async () => {
    const app = await registerApp(t);
    const browser = createBrowser(t);
    const tokens = await connect(t, app, { browser });
    const cookie = [...browser.jar].map(([name, value]) => `${name}=${value}`).join('; ');
    await t.api
      .delete('/customer_session')
      .set({ cookie, 'x-symbolon-csrf': '1', origin: 'https://id.test' })
      .expect(204);
    await t.api.post('/oauth/token').type('form').send(renewal(app, tokens.refresh_token)).expect(200);
  });
});
