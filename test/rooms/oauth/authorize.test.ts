import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AuthorizationRequest } from '../../../src/oauth/authorization-request.ts';
import type { CustomerSession } from '../../../src/sessions/session.ts';
import { pkce } from '../../support/oauth-app.ts';
import { ADMIN } from '../fixture.ts';
import {
  claimsOf,
  ISSUER,
  openAuthorizationServer,
  refusal,
  type TestProvider,
  VENDOR_PAGE,
} from './openid-fixture.ts';

let t: TestProvider;
beforeEach(async () => {
  t = await openAuthorizationServer();
});
afterEach(() => t.close());

type Settings = NonNullable<Parameters<TestProvider['register']>[0]>;
const OPENID = { pkce: 'required', claims: {}, claimsInIdToken: false, acr: undefined } as const;
const facts = { requestId: 'req-1', address: '192.0.2.9' };

/** An app of a third party, with what it sends the browser with. */
async function openApp(settings: Partial<Settings> = {}) {
  const vendor = await t.register({
    openid: undefined,
    scopes: ['profile:read', 'whoami'],
    party: 'third',
    ...settings,
  });
  const { verifier, challenge } = pkce();
  const redirectUri = settings.redirectUris?.[0] ?? VENDOR_PAGE;
  const ask = async (more: Record<string, string> = {}): Promise<AuthorizationRequest> => {
    const read = await t.server.endpoints.readAuthorization({
      client_id: vendor.clientId,
      redirect_uri: redirectUri,
      response_type: 'code',
      code_challenge: challenge,
      code_challenge_method: 'S256',
      state: 'st',
      scope: 'profile:read',
      ...more,
    });
    if (read.outcome !== 'valid') throw new Error(JSON.stringify(read));
    return read.request;
  };
  const redeem = (redirectTo: string | undefined, more: Record<string, string> = {}) =>
    t.ask(vendor, {
      grant_type: 'authorization_code',
      code: new URL(redirectTo as string).searchParams.get('code') ?? '',
      redirect_uri: redirectUri,
      code_verifier: verifier,
      ...more,
    });
  return { vendor, verifier, ask, redeem };
}

const next = (request: AuthorizationRequest, session?: CustomerSession) =>
  t.server.endpoints.authorize.next(request, session);
const agree = (request: AuthorizationRequest, session: CustomerSession, agreed = true) =>
  t.server.endpoints.authorize.decided(request, session, agreed, facts);
const told = (redirectTo: string | undefined) =>
  Object.fromEntries(new URL(redirectTo as string).searchParams);
const person = (reference = '4711') =>
  ({ space: 'crm', reference }) as Parameters<typeof t.server.endpoints.consents.listOf>[0];

describe('an app of a third party', () => {
  it('gets a code once the customer has signed in and agreed, and it names that customer alone', async () => {
    const { ask, redeem, vendor } = await openApp();
    const request = await ask();
    expect(await next(request)).toEqual({ step: 'sign_in' });
    const session = t.signIn();
    expect(await next(request, session)).toEqual({ step: 'consent' });
    const redirectTo = await agree(request, session);
    expect(told(redirectTo)).toEqual({
      code: expect.stringMatching(/^ac_[0-9A-Za-z]{43}$/) as string,
      state: 'st',
      iss: ISSUER,
    });
    const answer = await redeem(redirectTo);
    expect(answer).toMatchObject({
      scopes: ['profile:read'],
      customerId: session.customerId,
      idToken: undefined,
    });
    const verified = t.accessTokens.verify(answer.issued.token);
    expect(verified).toMatchObject({
      ok: true,
      token: {
        clientId: vendor.clientId,
        customer: { customerId: session.customerId, channel: 'web', sid: undefined },
      },
    });
    const opened = verified.ok ? t.accessTokens.openCustomer(verified.token) : undefined;
    expect(opened?.reference).toBe('4711');
    expect([opened?.agreedTo('mail'), opened?.agreedTo('plan'), opened?.agreedTo('balance')]).toEqual([
      true,
      true,
      false,
    ]);
  });

  it('is not asked about again, until it wants more or its partner may see more', async () => {
    const { ask } = await openApp();
    const session = t.signIn();
    await agree(await ask(), session);
    expect(await next(await ask(), session)).toMatchObject({ step: 'redirect' });
    expect(await next(await ask({ scope: 'profile:read whoami' }), session)).toEqual({ step: 'consent' });
    await t.partners.update('vendor', { visibleFields: ['mail', 'plan', 'balance'] }, ADMIN);
    expect(await next(await ask(), session)).toEqual({ step: 'consent' });
    await agree(await ask({ scope: 'whoami' }), session);
    expect(await next(await ask({ scope: 'whoami' }), session)).toMatchObject({ step: 'redirect' });
    expect(await next(await ask(), session)).toEqual({ step: 'consent' });
    await agree(await ask(), session);
    expect(await next(await ask({ scope: 'profile:read whoami' }), session)).toMatchObject({
      step: 'redirect',
    });
  });

  it('sees no field that came after the customer had agreed', async () => {
    const { ask, redeem } = await openApp();
    const session = t.signIn();
    await agree(await ask(), session);
    const step = await next(await ask(), session);
    const answer = await redeem(step.step === 'redirect' ? step.redirectTo : undefined);
    const verified = t.accessTokens.verify(answer.issued.token);
    const opened = verified.ok ? t.accessTokens.openCustomer(verified.token) : undefined;
    expect([opened?.agreedTo('plan'), opened?.agreedTo('balance')]).toEqual([true, false]);
  });

  it('asks each customer, and one customer’s agreement is no other’s', async () => {
    const { ask } = await openApp();
    await agree(await ask(), t.signIn('4711'));
    expect(await next(await ask(), t.signIn('4712'))).toEqual({ step: 'consent' });
  });

  it('is told when the customer does not agree, and nothing is remembered', async () => {
    const { ask, vendor } = await openApp();
    const session = t.signIn();
    expect(told(await agree(await ask(), session, false))).toEqual({
      error: 'access_denied',
      error_description: expect.stringMatching(/\S/) as string,
      state: 'st',
      iss: ISSUER,
    });
    expect(await next(await ask(), session)).toEqual({ step: 'consent' });
    await agree(await ask(), session);
    const records = (await t.audited()).filter(({ event }) => event.startsWith('consent.'));
    const common = {
      actor: 'customer',
      partner: 'vendor',
      clientId: vendor.clientId,
      customerId: session.customerId,
      ...facts,
    };
    expect(records).toMatchObject([
      { event: 'consent.denied', outcome: 'refused', ...common },
      { event: 'consent.given', outcome: 'success', ...common },
    ]);
  });

  it('gets nothing from a session that is over, whatever the customer decided meanwhile', async () => {
    const { ask } = await openApp();
    const session = t.signIn();
    const request = await ask();
    await t.sessions.end(session);
    expect(await next(request, session)).toEqual({ step: 'sign_in' });
    expect(await agree(request, session)).toBeUndefined();
    expect((await t.audited()).filter(({ event }) => event.startsWith('consent.'))).toEqual([]);
  });

  it('is asked about each time where another app could pose as it', async () => {
    const { ask } = await openApp({
      authentication: 'none',
      applicationType: 'native',
      redirectUris: ['com.example.app:/callback'],
    });
    const session = t.signIn();
    for (let i = 0; i < 2; i++) {
      expect(await next(await ask(), session)).toEqual({ step: 'consent' });
      await agree(await ask(), session);
    }
  });
});

describe('an app of the company’s own', () => {
  it('is not asked about, sees every field, and stands in the list of connected apps', async () => {
    const { ask, redeem, vendor } = await openApp({ party: 'first' });
    const session = t.signIn();
    const step = await next(await ask(), session);
    const answer = await redeem(step.step === 'redirect' ? step.redirectTo : undefined);
    const verified = t.accessTokens.verify(answer.issued.token);
    const opened = verified.ok ? t.accessTokens.openCustomer(verified.token) : undefined;
    expect(opened?.agreedTo('anything')).toBe(true);
    expect(await t.server.endpoints.consents.listOf(person())).toMatchObject([{ clientId: vendor.clientId }]);
  });

  it('is asked about all the same where another app could pose as it', async () => {
    const { ask } = await openApp({
      party: 'first',
      authentication: 'none',
      applicationType: 'native',
      redirectUris: ['com.example.app:/callback', 'http://127.0.0.1/cb', VENDOR_PAGE],
    });
    const step = async (redirect_uri: string) => (await next(await ask({ redirect_uri }), t.signIn())).step;
    expect(await step('com.example.app:/callback')).toBe('consent');
    expect(await step('http://127.0.0.1:4000/cb')).toBe('consent');
    expect(await step(VENDOR_PAGE)).toBe('redirect');
  });
});

it('an installed app that proves itself with a secret cannot be posed as', async () => {
  const { ask } = await openApp({
    party: 'first',
    authentication: 'secret',
    applicationType: 'native',
    redirectUris: ['http://127.0.0.1/cb'],
  });
  expect(await next(await ask(), t.signIn())).toMatchObject({ step: 'redirect' });
});

describe('a customer who signed in elsewhere', () => {
  it('at another channel of the same partner is the same customer', async () => {
    const { ask, redeem } = await openApp();
    const session = t.signIn('4711', 'ios');
    const answer = await redeem(await agree(await ask(), session));
    expect(answer.customerId).toBe(session.customerId);
  });

  it('at another partner has this partner’s own identifier, if the same directory vouches for both', async () => {
    const { ask, redeem } = await openApp();
    const session = t.signIn('4711', 'other');
    const authenticator = t.channel.authenticators[0] as string;
    const vouched = { ...session, authenticator };
    const first = await redeem(await agree(await ask(), vouched));
    expect(first.customerId).not.toBe(session.customerId);
    expect(first.customerId).toMatch(/^c1[a-z2-7]{32}$/);
    const second = await redeem(await agree(await ask(), vouched));
    expect(second.customerId).toBe(first.customerId);
    expect(await next(await ask(), { ...session, authenticator: 'nobody-of-this-name' })).toEqual({
      step: 'sign_in',
    });
  });
});

describe('what OpenID Connect asks of the customer', () => {
  const openVendor = () => openApp({ openid: OPENID, scopes: ['whoami'], party: 'third' });
  const scope = 'openid whoami';

  it('is nothing at all under prompt=none: the app is told what would have to be shown', async () => {
    const { ask } = await openVendor();
    const silent = await ask({ scope, prompt: 'none' });
    const refused = async (session?: CustomerSession) => {
      const step = await next(silent, session);
      if (step.step !== 'refused') throw new Error(step.step);
      expect(told(step.redirectTo)).toEqual({
        error: step.error,
        error_description: expect.stringMatching(/\S/) as string,
        state: 'st',
        iss: ISSUER,
      });
      return step.error;
    };
    const session = t.signIn();
    expect(await refused()).toBe('login_required');
    expect(await refused(session)).toBe('consent_required');
    await agree(await ask({ scope }), session);
    expect(await next(silent, session)).toMatchObject({ step: 'redirect' });
  });

  it('is a new sign-in under prompt=login, and a new agreement under prompt=consent', async () => {
    const { ask } = await openVendor();
    const session = t.signIn();
    await agree(await ask({ scope }), session);
    expect(await next(await ask({ scope }), session)).toMatchObject({ step: 'redirect' });
    expect(await next(await ask({ scope, prompt: 'login' }), session)).toEqual({ step: 'sign_in' });
    expect(await next(await ask({ scope, prompt: 'consent' }), session)).toEqual({ step: 'consent' });
  });

  it('is a sign-in that is no older than max_age', async () => {
    const { ask } = await openVendor();
    const session = t.signIn();
    await agree(await ask({ scope }), session);
    const request = await ask({ scope, max_age: '60' });
    t.clock.advance(60_000);
    expect(await next(request, session)).toMatchObject({ step: 'redirect' });
    t.clock.advance(1);
    expect(await next(request, session)).toEqual({ step: 'sign_in' });
    expect(await next(await ask({ scope: 'whoami', max_age: '60' }), session)).toMatchObject({
      step: 'redirect',
    });
  });

  it('goes by when the credentials were checked, where that was before the sign-in here', async () => {
    const { ask, redeem } = await openVendor();
    const session = { ...t.signIn(), checkedAtMs: t.clock.nowMs() - 61_000 };
    expect(await next(await ask({ scope, max_age: '60' }), session)).toEqual({ step: 'sign_in' });
    const answer = await redeem(await agree(await ask({ scope, nonce: 'n-1' }), session));
    expect(claimsOf(answer.idToken as string)).toMatchObject({
      nonce: 'n-1',
      sub: session.customerId,
      auth_time: Math.floor((t.clock.nowMs() - 61_000) / 1000),
    });
  });

  it('is that the customer of the id_token_hint, and nobody else, is signed in', async () => {
    const { ask, redeem } = await openVendor();
    const [mira, noor] = [t.signIn('4711'), t.signIn('4712')];
    const { idToken } = await redeem(await agree(await ask({ scope }), mira));
    await agree(await ask({ scope }), noor);
    const hinted = { scope, id_token_hint: idToken as string };
    const silent = await ask({ ...hinted, prompt: 'none' });
    expect(await next(silent, mira)).toMatchObject({ step: 'redirect' });
    expect(await next(silent, noor)).toMatchObject({ step: 'refused', error: 'login_required' });
    const seen = await ask(hinted);
    expect(await next(seen, mira)).toMatchObject({ step: 'redirect' });
    expect(await next(seen, noor)).toEqual({ step: 'sign_in' });
    const { refusedAfterSignIn } = t.server.endpoints.authorize;
    expect(await refusedAfterSignIn(seen, mira)).toBeUndefined();
    expect(await refusedAfterSignIn(await ask({ scope }), noor)).toBeUndefined();
    for (const refused of [await refusedAfterSignIn(seen, noor), await agree(seen, noor)]) {
      expect(told(refused)).toMatchObject({ error: 'login_required', state: 'st' });
    }
  });

  it('ends with the session: code, tokens and refresh tokens', async () => {
    const { ask, redeem, vendor } = await openVendor();
    const session = t.signIn();
    const answer = await redeem(await agree(await ask({ scope }), session));
    expect(t.accessTokens.verify(answer.issued.token)).toMatchObject({
      token: { customer: { sid: session.sid } },
    });
    const pending = await agree(await ask({ scope }), session);
    await t.sessions.end(session);
    expect(await refusal(redeem(pending))).toBe('invalid_grant');
    const renewal = { grant_type: 'refresh_token', refresh_token: answer.refreshToken as string };
    expect(await refusal(t.ask(vendor, renewal))).toBe('invalid_grant');
  });
});

describe('connected apps', () => {
  it('are listed for the person, each once and oldest first, without those that are gone', async () => {
    const [one, two, gone] = [await openApp(), await openApp({ label: 'Second' }), await openApp()];
    const session = t.signIn();
    for (const app of [one, two, gone]) {
      await agree(await app.ask(), session);
      t.clock.advance(1_000);
    }
    await agree(await one.ask({ scope: 'whoami' }), session);
    await t.server.clients.revoke(gone.vendor.clientId, ADMIN);
    const startMs = t.clock.nowMs() - 3_000;
    expect(await t.server.endpoints.consents.listOf(person())).toEqual([
      {
        clientId: one.vendor.clientId,
        label: 'Vendor',
        partnerName: 'Vendor',
        scopes: ['profile:read', 'whoami'],
        grantedAtMs: startMs,
      },
      {
        clientId: two.vendor.clientId,
        label: 'Second',
        partnerName: 'Vendor',
        scopes: ['profile:read'],
        grantedAtMs: startMs + 1_000,
      },
    ]);
    expect(await t.server.endpoints.consents.listOf(person('4712'))).toEqual([]);
  });

  it('lose their access at once when it is withdrawn, and the others keep theirs', async () => {
    const [app, other] = [await openApp(), await openApp()];
    const session = t.signIn();
    const answer = await app.redeem(await agree(await app.ask(), session));
    const kept = await other.redeem(await agree(await other.ask(), session));
    const pending = await agree(await app.ask(), session);
    const withdraw = () => t.server.endpoints.consents.withdraw(person(), app.vendor.clientId, facts);
    t.clock.advance(1);
    expect(await withdraw()).toBe(true);
    expect(await withdraw()).toBe(false);
    const activity = (vendor: typeof app.vendor, token: string) =>
      t.server.endpoints.introspectToken({ parameters: { token }, basic: vendor, ...facts });
    expect(await activity(app.vendor, answer.issued.token)).toEqual({ active: false });
    expect(await activity(other.vendor, kept.issued.token)).toMatchObject({ active: true });
    const renewal = (token: string | undefined) => ({
      grant_type: 'refresh_token',
      refresh_token: token as string,
    });
    expect(await refusal(t.ask(app.vendor, renewal(answer.refreshToken)))).toBe('invalid_grant');
    expect((await t.ask(other.vendor, renewal(kept.refreshToken))).refreshToken).toBeDefined();
    expect(await refusal(app.redeem(pending))).toBe('invalid_grant');
    expect(await next(await app.ask(), session)).toEqual({ step: 'consent' });
    expect(await t.server.endpoints.consents.listOf(person())).toMatchObject([
      { clientId: other.vendor.clientId },
    ]);
    expect((await t.audited()).filter(({ event }) => event === 'consent.withdrawn')).toMatchObject([
      {
        outcome: 'success',
        actor: 'customer',
        clientId: app.vendor.clientId,
        customerId: session.customerId,
        ...facts,
      },
    ]);
  });

  it('stay withdrawn for longer than any token of theirs lives', async () => {
    const app = await openApp();
    const session = t.signIn();
    const answer = await app.redeem(await agree(await app.ask(), session));
    await t.server.endpoints.consents.withdraw(person(), app.vendor.clientId, facts);
    for (let minutes = 0; minutes < 10; minutes++) {
      t.clock.advance(59_000);
      await t.revocations.refresh();
      const parameters = { token: answer.issued.token };
      expect(await t.server.endpoints.introspectToken({ parameters, basic: app.vendor, ...facts })).toEqual({
        active: false,
      });
    }
  });

  it('are the same person’s after the key of the index was rotated', async () => {
    const app = await openApp();
    const session = t.signIn();
    await agree(await app.ask(), session);
    await t.keyring.rotate('identifier-index');
    expect(await t.server.endpoints.consents.listOf(person())).toHaveLength(1);
    await agree(await app.ask(), session);
    expect(await t.server.endpoints.consents.listOf(person())).toHaveLength(1);
    expect(await t.server.endpoints.consents.withdraw(person(), app.vendor.clientId, facts)).toBe(true);
  });
});
