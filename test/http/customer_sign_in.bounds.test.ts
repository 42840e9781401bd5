import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { authorizeAddress, pkce, redemption, registerApp } from '../support/oauth-app.ts';
import { APP_REDIRECT, CLIENT_ID, HELP, redirectingSettings } from '../support/redirecting-service.ts';
import { type ScriptedProvider, startScriptedProvider } from '../support/scripted-provider.ts';
import { SHOP_ORIGIN, startService, type TestService } from '../support/service.ts';
import { sendJson } from '../support/site.ts';

let provider: ScriptedProvider;
let t: TestService;
beforeAll(async () => {
  provider = await startScriptedProvider();
  t = await startService({ settings: redirectingSettings({ issuer: provider.url }) });
});
afterAll(async () => {
  await t.dispose();
  await provider.close();
});

const visit = (path: string, headers: Record<string, string> = {}) =>
  fetch(t.url + path, { redirect: 'manual', headers });
const begin = (query: Record<string, string>, headers: Record<string, string> = {}) =>
  visit(`/customer_sign_in?${new URLSearchParams({ channel: 'web', ...query }).toString()}`, headers);
const pairOf = (cookie: string) => cookie.split(';')[0] as string;
const nowSeconds = () => Math.floor(t.clock.nowMs() / 1000);

describe('a browser that begins many sign-ins at once', () => {
  it('still has room for its headers, in any proxy', async () => {
    const query = { return_to: `${SHOP_ORIGIN}/?${'x'.repeat(970)}` };
    const answers = await Promise.all(Array.from({ length: 12 }, () => begin(query)));
    const jar = new Map<string, string>();
    for (const { headers } of answers) {
      for (const cookie of headers.getSetCookie()) {
        const [name = '', value = ''] = pairOf(cookie).split('=');
        jar.set(name, value);
      }
    }
    expect(jar.size).toBeLessThanOrEqual(4);
    const cookie = [...jar].map((pair) => pair.join('=')).join('; ');
    expect(cookie.length).toBeLessThan(7_800);
    expect((await visit('/customer_session', { cookie })).status).toBe(401);
    expect((await begin(query, { cookie })).status).toBe(303);
  });

  it('uses four places before it takes one over', async () => {
    const names = new Set<string>();
    let cookie = '';
    for (let i = 0; i < 4; i++) {
      const answer = await begin({ return_to: HELP }, cookie === '' ? {} : { cookie });
      const pair = pairOf(answer.headers.getSetCookie()[0] as string);
      names.add(pair.split('=')[0] as string);
      cookie = cookie === '' ? pair : `${cookie}; ${pair}`;
    }
    expect(names.size).toBe(4);
  });

  it('is rid of what earlier versions left there', async () => {
    const old = '__Host-symbolon-sign-in-0123456789abcdef';
    const answer = await begin({ return_to: HELP }, { cookie: `${old}=x` });
    expect(answer.headers.getSetCookie().some((one) => one.startsWith(`${old}=; `))).toBe(true);
  });
});

it('a state and an address that are too long together are refused', async () => {
  const { challenge } = pkce();
  const app = { code_challenge: challenge, code_challenge_method: 'S256', channel: 'ios' };
  const answer = await begin({ ...app, return_to: APP_REDIRECT, state: 'x'.repeat(512) });
  expect(answer.status).toBe(303);
  expect(pairOf(answer.headers.getSetCookie()[0] as string).length).toBeLessThan(1_850);
});

it.each([`blob:${SHOP_ORIGIN}/x`, `http://${SHOP_ORIGIN.slice(8)}/`, `filesystem:${SHOP_ORIGIN}/x`])(
  'never leads back to %s',
  async (return_to) => {
    expect((await begin({ return_to })).status).toBe(400);
  },
);

/** A sign-in at a provider that checked the customer's password so long ago. */
async function signIn(checkedSecondsAgo: number): Promise<string> {
  const started = await begin({ return_to: HELP });
  const to = new URL(started.headers.get('location') as string);
  provider.token = async (_call, response) => {
    const nonce = to.searchParams.get('nonce');
    const times = { iat: nowSeconds(), exp: nowSeconds() + 300, auth_time: nowSeconds() - checkedSecondsAgo };
    const claims = { iss: provider.url, aud: CLIENT_ID, sub: 'mira-7', nonce, ...times };
    sendJson(response, 200, { id_token: await provider.signer.sign(claims), token_type: 'Bearer' });
  };
  const state = to.searchParams.get('state') as string;
  const back = new URLSearchParams({ code: 'abc', state, iss: provider.url }).toString();
  const cookie = pairOf(started.headers.getSetCookie()[0] as string);
  const finished = await visit(`/customer_sign_in/callback/login?${back}`, { cookie });
  return pairOf(finished.headers.getSetCookie().find((one) => one.startsWith('__Host-symbolon=')) as string);
}

describe('an OpenID client of ours, after single sign-on', () => {
  it('learns when the customer really proved who they are, and can ask for something newer', async () => {
    const app = await registerApp(t, { scopes: [], party: 'first', openid: true });
    const cookie = await signIn(7 * 3_600);
    const { verifier, challenge } = pkce();
    const ask = async (more: Record<string, string>) => {
      const address = authorizeAddress(app, challenge, { scope: 'openid', channel: 'web', ...more });
      return new URL((await visit(address, { cookie })).headers.get('location') as string).searchParams;
    };
    expect((await ask({ max_age: '60', prompt: 'none' })).get('error')).toBe('login_required');
    const code = (await ask({ max_age: '36000', prompt: 'none' })).get('code') as string;
    const { body } = await t.api
      .post('/oauth/token')
      .type('form')
      .send(redemption(app, code, verifier));
    const { id_token: idToken } = body as { id_token: string };
    const claims = JSON.parse(Buffer.from(idToken.split('.')[1] as string, 'base64url').toString()) as {
      auth_time: number;
    };
    expect(nowSeconds() - claims.auth_time).toBe(7 * 3_600);
  });

  it('is signed in although the provider checked the password before the last sign-out', async () => {
    const first = await signIn(60);
    t.clock.advance(5_000);
    const out = { cookie: first, origin: SHOP_ORIGIN, 'x-symbolon-csrf': '1' };
    await t.api.delete('/customer_session?everywhere=true').set(out).expect(204);
    t.clock.advance(5_000);
    const again = await signIn(70);
    expect((await visit('/customer_session', { cookie: again })).status).toBe(200);
  });
});
