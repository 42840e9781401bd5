import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  authorize,
  authorizeAddress,
  createBrowser,
  ownPath,
  pkce,
  redemption,
  registerApp,
  renewal,
  type TestApp,
} from '../support/oauth-app.ts';
import { startService, type TestService } from '../support/service.ts';

let t: TestService;
let vendor: TestApp;
let withoutPkce: TestApp;
beforeAll(async () => {
  t = await startService();
  vendor = await registerApp(t, { scopes: [], party: 'first', openid: true });
  withoutPkce = await registerApp(t, { scopes: [], party: 'first', openid: { pkce: 'vendor' } });
});
afterAll(() => t.dispose());

const OPENID = { scope: 'openid' };

/** Parameters of the redirect that an address ends in. */
async function answerOf(address: string, browser = createBrowser(t)): Promise<URLSearchParams> {
  const { status, headers } = await browser.get(address);
  expect(status).toBe(303);
  return new URL(headers['location'] as string).searchParams;
}

async function signedIn(username = 'mira') {
  const browser = createBrowser(t);
  await authorize(t, vendor, { browser, username, challenge: pkce().challenge, change: OPENID });
  return browser;
}

async function redeem(app: TestApp, answer: URLSearchParams, verifier: string | undefined) {
  const { code_verifier: _none, ...rest } = redemption(app, answer.get('code') as string, verifier ?? '');
  const body = verifier === undefined ? rest : { ...rest, code_verifier: verifier };
  return t.api.post('/oauth/token').type('form').send(body);
}

const claimsOf = (token: string) =>
  JSON.parse(Buffer.from(token.split('.')[1] as string, 'base64url').toString()) as Record<string, unknown>;

describe('an authentication request', () => {
  it('of the company’s own vendor brings an ID token with its nonce, and asks nobody', async () => {
    const { verifier, challenge } = pkce();
    const answer = await authorize(t, vendor, { challenge, change: { ...OPENID, nonce: 'n-0S6_WzA2Mj' } });
    const { body } = await redeem(vendor, answer, verifier);
    expect(claimsOf(body.id_token)).toMatchObject({
      iss: 'https://id.test',
      aud: vendor.clientId,
      nonce: 'n-0S6_WzA2Mj',
    });
    const { body: proof } = await t.api.post('/customer_authenticate').send({
      username: 'mira',
      password: 'correct horse battery staple',
      channel: 'ios',
      delivery: 'token',
    });
    expect(claimsOf(body.id_token)['sub']).toBe(proof.customer_id);
  });

  it('may hold words that are not ours, and none that the client lacks', async () => {
    const browser = await signedIn();
    const asked = (scope: string) => answerOf(authorizeAddress(vendor, pkce().challenge, { scope }), browser);
    expect((await asked('openid profile email offline_access')).get('code')).toMatch(/^ac_/);
    expect((await asked('openid profile:read')).get('error')).toBe('invalid_scope');
    expect((await asked('profile email')).get('error')).toBe('invalid_scope');
  });

  it('is what brings ID tokens: a renewal without openid brings none', async () => {
    const both = await registerApp(t, { party: 'first', openid: true });
    const { verifier, challenge } = pkce();
    const answer = await authorize(t, both, { challenge, change: { scope: 'openid profile:read' } });
    const { body } = await redeem(both, answer, verifier);
    expect(body).toMatchObject({ scope: 'openid profile:read', id_token: expect.any(String) });
    const narrow = renewal(both, body.refresh_token as string, { scope: 'profile:read' });
    const renewed = await t.api.post('/oauth/token').type('form').send(narrow).expect(200);
    expect(renewed.body).not.toHaveProperty('id_token');
    await t.api
      .post('/getprofile')
      .set({ authorization: `Bearer ${String(renewed.body.access_token)}` })
      .expect(200);
  });

  it('without PKCE needs the registration to say so, and a nonce', async () => {
    const browser = await signedIn();
    const bare = { ...OPENID, code_challenge: undefined, code_challenge_method: undefined };
    const refused = await answerOf(authorizeAddress(vendor, '', { ...bare, nonce: 'n' }), browser);
    expect(refused.get('error')).toBe('invalid_request');
    const noNonce = await answerOf(authorizeAddress(withoutPkce, '', bare), browser);
    expect(noNonce.get('error')).toBe('invalid_request');
    const answer = await answerOf(authorizeAddress(withoutPkce, '', { ...bare, nonce: 'n' }), browser);
    const { status, body } = await redeem(withoutPkce, answer, undefined);
    expect(status).toBe(200);
    expect(claimsOf(body.id_token)['nonce']).toBe('n');
  });

  it('that brought a challenge is not redeemed without the verifier', async () => {
    const browser = await signedIn();
    const address = authorizeAddress(withoutPkce, pkce().challenge, { ...OPENID, nonce: 'n' });
    const { status, body } = await redeem(withoutPkce, await answerOf(address, browser), undefined);
    expect([status, body.error]).toEqual([400, 'invalid_grant']);
  });

  it('gives each code its own nonce, so that codes cannot be exchanged unnoticed', async () => {
    const browser = await signedIn();
    const bare = { ...OPENID, code_challenge: undefined, code_challenge_method: undefined };
    const nonces = await Promise.all(
      ['one', 'two'].map(async (nonce) => {
        const answer = await answerOf(authorizeAddress(withoutPkce, '', { ...bare, nonce }), browser);
        const { body } = await redeem(withoutPkce, answer, undefined);
        return claimsOf(body.id_token)['nonce'];
      }),
    );
    expect(nonces).toEqual(['one', 'two']);
  });

  it.each([
    ['nonce', 'n'.repeat(256)],
    ['nonce', 'ü'],
    ['prompt', 'none login'],
    ['prompt', 'dance'],
    ['max_age', '-1'],
    ['max_age', '1e3'],
  ])('is refused at the app with the %s %s', async (name, value) => {
    const address = authorizeAddress(vendor, pkce().challenge, { ...OPENID, [name]: value });
    expect((await answerOf(address)).get('error')).toBe('invalid_request');
  });
});

describe('the parameters prompt and max_age', () => {
  const address = (change: Record<string, string>, app = vendor) =>
    authorizeAddress(app, pkce().challenge, { ...OPENID, ...change });

  it('none shows nothing to anybody: a code, or what would have been needed', async () => {
    expect((await answerOf(address({ prompt: 'none' }))).get('error')).toBe('login_required');
    const browser = await signedIn();
    expect((await answerOf(address({ prompt: 'none' }), browser)).get('code')).toMatch(/^ac_/);
    const third = await registerApp(t, { scopes: [], openid: true });
    expect((await answerOf(address({ prompt: 'none' }, third), browser)).get('error')).toBe(
      'consent_required',
    );
  });

  it.each<Record<string, string>>([{ prompt: 'login' }, { prompt: 'select_account' }, { max_age: '0' }])(
    '%j signs in anew, once',
    async (change) => {
      const browser = await signedIn();
      t.clock.advance(90_000);
      const page = await browser.get(address(change));
      expect(page.text).toContain('name="password"');
      const again = await browser.signIn(page);
      const answer = await answerOf(ownPath(again.headers['location']), browser);
      expect(answer.get('code')).toMatch(/^ac_/);
    },
  );

  it('max_age asks for the password once the sign-in is older', async () => {
    const browser = await signedIn();
    t.clock.advance(60_000);
    expect((await answerOf(address({ max_age: '60' }), browser)).get('code')).toMatch(/^ac_/);
    t.clock.advance(1_000);
    expect((await browser.get(address({ max_age: '60' }))).text).toContain('name="password"');
    expect((await answerOf(address({ max_age: '60', prompt: 'none' }), browser)).get('error')).toBe(
      'login_required',
    );
  });

  it('mean nothing to an app of OAuth 2.0 alone', async () => {
    const app = await registerApp(t, { party: 'first' });
    const browser = await signedIn();
    const plain = authorizeAddress(app, pkce().challenge, { prompt: 'login', max_age: '0', nonce: 'ü' });
    expect((await answerOf(plain, browser)).get('code')).toMatch(/^ac_/);
  });
});

describe('the parameter id_token_hint', () => {
  const hintOf = async (username: string, app = vendor) => {
    const { verifier, challenge } = pkce();
    const answer = await authorize(t, app, { username, challenge, change: OPENID });
    const { body } = await redeem(app, answer, verifier);
    return body.id_token as string;
  };
  const address = (change: Record<string, string>, app = vendor) =>
    authorizeAddress(app, pkce().challenge, { ...OPENID, ...change });

  it('lets the customer whom it names through unseen, long after it expired, and nobody else', async () => {
    const hint = { id_token_hint: await hintOf('mira') };
    t.clock.advance(86_400_000);
    const [miras, noors] = [await signedIn('mira'), await signedIn('noor')];
    const silent = address({ ...hint, prompt: 'none' });
    expect((await answerOf(silent, miras)).get('code')).toMatch(/^ac_/);
    expect(Object.fromEntries(await answerOf(silent, noors))).toMatchObject({
      error: 'login_required',
      state: expect.stringMatching(/\S/) as string,
    });
    expect((await answerOf(silent)).get('error')).toBe('login_required');
    expect((await answerOf(address(hint), miras)).get('code')).toMatch(/^ac_/);
  });

  it('asks somebody else to sign in, and gives a code to the customer whom it names alone', async () => {
    const hint = { id_token_hint: await hintOf('mira') };
    for (const change of [hint, { ...hint, prompt: 'login' }, { ...hint, max_age: '0' }]) {
      const page = await (await signedIn('noor')).get(address(change));
      expect(page.text).toContain('name="password"');
      const browser = createBrowser(t);
      const shown = await browser.get(address(change));
      const other = await browser.signIn(shown, 'noor');
      expect(other.status).toBe(303);
      const refused = new URL(other.headers['location'] as string);
      expect(`${refused.origin}${refused.pathname}`).toBe(vendor.redirectUri);
      expect(refused.searchParams.get('error')).toBe('login_required');
      expect(refused.searchParams.get('code')).toBeNull();
      const again = await browser.signIn(await browser.get(address(change)), 'mira');
      const answer = await answerOf(ownPath(again.headers['location']), browser);
      expect(answer.get('code')).toMatch(/^ac_/);
    }
  });

  it('holds on the consent page, also when the customer switches there', async () => {
    const third = await registerApp(t, { scopes: [], openid: true });
    const hint = { id_token_hint: await hintOf('mira', third), prompt: 'consent' };
    const browser = await signedIn('mira');
    const switched = await browser.decide(await browser.get(address(hint, third)), 'switch');
    const page = await browser.get(ownPath(switched.headers['location']));
    const other = await browser.signIn(page, 'noor');
    expect(new URL(other.headers['location'] as string).searchParams.get('error')).toBe('login_required');
    const agreed = await (async () => {
      const miras = await signedIn('mira');
      return miras.decide(await miras.get(address(hint, third)), 'allow');
    })();
    expect(new URL(agreed.headers['location'] as string).searchParams.get('code')).toMatch(/^ac_/);
  });

  it('is refused at the app when it is no ID token of that app, and left alone without openid', async () => {
    const browser = await signedIn('mira');
    const foreign = await hintOf('mira', await registerApp(t, { scopes: [], party: 'first', openid: true }));
    for (const hint of ['junk', foreign]) {
      const answer = await answerOf(address({ id_token_hint: hint, prompt: 'none' }), browser);
      expect(answer.get('error')).toBe('invalid_request');
    }
    const plain = await registerApp(t, { party: 'first' });
    const asked = authorizeAddress(plain, pkce().challenge, { id_token_hint: 'junk' });
    expect((await answerOf(asked, browser)).get('code')).toMatch(/^ac_/);
  });

  it('that names a customer who was merged means the survivor', async () => {
    const [hint, survivors] = [await hintOf('noor'), await hintOf('mira')];
    const [noor, mira] = [hint, survivors].map((token) => claimsOf(token)['sub'] as string);
    const browser = await signedIn('noor');
    await t.admin
      .post(`/admin/customers/${noor}/merge`)
      .send({ reason: 'test 2026-1', into: mira })
      .expect(200);
    for (const id_token_hint of [hint, survivors]) {
      for (const whose of [browser, await signedIn('mira')]) {
        const answer = await answerOf(address({ id_token_hint, prompt: 'none' }), whose);
        expect(answer.get('code')).toMatch(/^ac_/);
      }
    }
  });
});

describe('a vendor that is not of the company', () => {
  it('is agreed to first, in words about the identifier alone', async () => {
    const third = await registerApp(t, { label: 'Foreign Chat', scopes: [], openid: true });
    const browser = await signedIn('noor');
    const { verifier, challenge } = pkce();
    const page = await browser.get(authorizeAddress(third, challenge, OPENID));
    expect(page.text).toContain('by an identifier that says nothing about you');
    expect(page.text).not.toContain('See these facts');
    const answer = await browser.decide(page, 'allow');
    const { body } = await redeem(
      third,
      new URL(answer.headers['location'] as string).searchParams,
      verifier,
    );
    expect(claimsOf(body.id_token)['aud']).toBe(third.clientId);
  });
});
