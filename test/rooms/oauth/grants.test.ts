import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createAuthorizationCodes } from '../../../src/oauth/authorization-codes.ts';
import { TOKEN_EXCHANGE } from '../../../src/oauth/grants/token-exchange.ts';
import type { CustomerSession } from '../../../src/sessions/session.ts';
import { pkce } from '../../support/oauth-app.ts';
import { ADMIN } from '../fixture.ts';
import {
  claimsOf,
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
const facts = { requestId: 'req-1', address: '192.0.2.9' };
const JWT = 'urn:ietf:params:oauth:token-type:jwt';
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';

/** A third party's app with a code that the customer has just agreed to. */
async function agreed(settings: Partial<Settings> = {}, scope = 'profile:read whoami') {
  const app = await t.register({
    openid: undefined,
    scopes: ['profile:read', 'whoami'],
    party: 'third',
    ...settings,
  });
  const { verifier, challenge } = pkce();
  const session = t.signIn();
  const code = async (who: CustomerSession = session) => {
    const read = await t.server.endpoints.readAuthorization({
      client_id: app.clientId,
      redirect_uri: VENDOR_PAGE,
      response_type: 'code',
      code_challenge: challenge,
      code_challenge_method: 'S256',
      scope,
    });
    if (read.outcome !== 'valid') throw new Error(JSON.stringify(read));
    const redirectTo = await t.server.endpoints.authorize.decided(read.request, who, true, facts);
    return new URL(redirectTo as string).searchParams.get('code') as string;
  };
  const redemption = (one: string): Record<string, string> => ({
    grant_type: 'authorization_code',
    code: one,
    redirect_uri: VENDOR_PAGE,
    code_verifier: verifier,
  });
  const renewal = (token: string | undefined, more: Record<string, string> = {}) => ({
    grant_type: 'refresh_token',
    refresh_token: token as string,
    ...more,
  });
  return { app, session, code, redemption, renewal, verifier };
}

describe('an authorization code', () => {
  it.each(['code', 'redirect_uri', 'code_verifier'])('is not looked at without %s', async (name) => {
    const { app, code, redemption } = await agreed();
    const one = await code();
    expect(await refusal(t.ask(app, { ...redemption(one), [name]: '' }))).toBe('invalid_request');
    expect((await t.ask(app, redemption(one))).issued.token).toBeDefined();
  });

  it.each<[string, (right: string) => string]>([
    ['another', () => pkce().verifier],
    ['one that is too short', () => 'v'.repeat(42)],
    ['one that is too long', () => 'v'.repeat(129)],
    ['one with other characters', (right) => `${right.slice(0, -1)}+`],
    ['the challenge itself', (right) => `${right}=`],
  ])('is burnt by a guess with %s in the place of its verifier', async (_what, change) => {
    const { app, code, redemption, verifier } = await agreed();
    const one = await code();
    expect(await refusal(t.ask(app, { ...redemption(one), code_verifier: change(verifier) }))).toBe(
      'invalid_grant',
    );
    expect(await refusal(t.ask(app, redemption(one)))).toBe('invalid_grant');
  });

  it.each([
    '',
    'ac_short',
    `ac_${'0'.repeat(44)}`,
    `xac_${'0'.repeat(43)}`,
    `ac_${'0'.repeat(43)}`,
    `ac_${'-'.repeat(43)}`,
  ])('is not %j', async (code) => {
    const { app, redemption } = await agreed();
    expect(await refusal(t.ask(app, redemption(code)))).toBe(
      code === '' ? 'invalid_request' : 'invalid_grant',
    );
  });

  it('used twice ends what came of the first use, and that stands in the audit log', async () => {
    const { app, code, redemption, renewal } = await agreed();
    const one = await code();
    const first = await t.ask(app, redemption(one));
    t.clock.advance(80_000_000);
    expect(await refusal(t.ask(app, redemption(one)))).toBe('invalid_grant');
    expect(await refusal(t.ask(app, renewal(first.refreshToken)))).toBe('invalid_grant');
    const reused = (await t.audited()).filter(({ event }) => event === 'authorization_code.reused');
    expect(reused).toMatchObject([
      { outcome: 'refused', actor: 'partner', partner: 'vendor', clientId: app.clientId, ...facts },
    ]);
  });

  it('of one client is burnt, and nothing else happens, when another shows it', async () => {
    const { app, code, redemption } = await agreed();
    const stranger = await t.register({ openid: undefined, scopes: ['whoami'] });
    const one = await code();
    expect(await refusal(t.ask(stranger, redemption(one)))).toBe('invalid_grant');
    expect(await refusal(t.ask(app, redemption(one)))).toBe('invalid_grant');
  });

  it('brings no scope that the client lost meanwhile', async () => {
    const { app, code, redemption, renewal } = await agreed();
    const one = await code();
    await t.server.clients.update(app.clientId, { scopes: ['whoami'] }, ADMIN);
    const answer = await t.ask(app, redemption(one));
    expect(answer.scopes).toEqual(['whoami']);
    await t.server.clients.update(app.clientId, { scopes: ['whoami', 'profile:read'] }, ADMIN);
    expect((await t.ask(app, renewal(answer.refreshToken))).scopes).toEqual(['whoami']);
  });

  it('redeemed as the customer withdraws gives no lasting access', async () => {
    const { app, code, redemption, renewal, session } = await agreed();
    const one = await code();
    await t.stores.consents.remove(app.clientId as never, session.customerId);
    const answer = await t.ask(app, redemption(one));
    expect(await refusal(t.ask(app, renewal(answer.refreshToken)))).toBe('invalid_grant');
  });

  it.each<[string, (session: CustomerSession) => Promise<void>]>([
    ['the customer signed out', (session) => t.sessions.end(session)],
    ['the customer signed out everywhere', (session) => t.sessions.endAll(session.customerId)],
  ])('is worth nothing once %s', async (_what, end) => {
    const { app, code, redemption, session } = await agreed();
    const one = await code();
    await end(session);
    expect(await refusal(t.ask(app, redemption(one)))).toBe('invalid_grant');
  });

  it('lives a minute at most, and is forgotten a day after its use', async () => {
    const { stores, keyring, clock } = t;
    const pruned: unknown[] = [];
    const codes = (lifetimeSeconds: number) =>
      createAuthorizationCodes({
        store: {
          ...stores.authorizationCodes,
          prune: async (expiredBy) => {
            pruned.push(expiredBy);
            return 7;
          },
        },
        keyring,
        clock,
        lifetimeSeconds,
      });
    expect(codes(600).lifetimeSeconds).toBe(60);
    expect(codes(30).lifetimeSeconds).toBe(30);
    expect(await codes(30).prune()).toBe(7);
    expect(pruned).toEqual([{ unusedMs: clock.nowMs(), usedMs: clock.nowMs() - 86_400_000 }]);
    const { app, code, redemption } = await agreed();
    const one = await code();
    t.clock.advance(59_999);
    expect((await t.ask(app, redemption(one))).issued).toBeDefined();
  });
});

describe('a refresh token', () => {
  it('brings the same customer and scopes anew, and is replaced', async () => {
    const { app, code, redemption, renewal, session } = await agreed();
    const first = await t.ask(app, redemption(await code()));
    t.clock.advance(60_000);
    const second = await t.ask(app, renewal(first.refreshToken));
    expect(second).toMatchObject({ scopes: ['profile:read', 'whoami'], customerId: session.customerId });
    expect(second.refreshToken).not.toBe(first.refreshToken);
    expect(second.idToken).toBeUndefined();
    const verified = t.accessTokens.verify(second.issued.token);
    const opened = verified.ok ? t.accessTokens.openCustomer(verified.token) : undefined;
    expect(opened?.reference).toBe('4711');
    expect([opened?.agreedTo('plan'), opened?.agreedTo('balance')]).toEqual([true, false]);
    expect(verified).toMatchObject({ token: { customer: { channel: 'web', sid: undefined } } });
    expect(claimsOf(second.issued.token)['gid']).toBe(claimsOf(first.issued.token)['gid']);
  });

  it('gives the same answer again within ten seconds, and ends everything when it comes later', async () => {
    const { app, code, redemption, renewal } = await agreed();
    const first = await t.ask(app, redemption(await code()));
    const second = await t.ask(app, renewal(first.refreshToken));
    t.clock.advance(9_999);
    expect(await t.ask(app, renewal(first.refreshToken))).toEqual(second);
    t.clock.advance(2);
    expect(await refusal(t.ask(app, renewal(first.refreshToken)))).toBe('invalid_grant');
    expect(await refusal(t.ask(app, renewal(second.refreshToken)))).toBe('invalid_grant');
    const reused = (await t.audited()).filter(({ event }) => event === 'refresh_token.reused');
    expect(reused).toMatchObject([
      {
        outcome: 'refused',
        actor: 'partner',
        partner: 'vendor',
        clientId: app.clientId,
        customerId: first.customerId,
        ...facts,
      },
    ]);
  });

  it('may ask for less, for that answer alone, and never for more', async () => {
    const { app, code, redemption, renewal } = await agreed({}, 'whoami');
    const first = await t.ask(app, redemption(await code()));
    expect(await refusal(t.ask(app, renewal(first.refreshToken, { scope: 'whoami profile:read' })))).toBe(
      'invalid_scope',
    );
    const wide = await agreed();
    const all = await t.ask(wide.app, wide.redemption(await wide.code()));
    const less = await t.ask(wide.app, wide.renewal(all.refreshToken, { scope: 'whoami' }));
    expect(less.scopes).toEqual(['whoami']);
    expect((await t.ask(wide.app, wide.renewal(less.refreshToken))).scopes).toEqual([
      'profile:read',
      'whoami',
    ]);
  });

  it('is of use to its own client alone, and leaves no record of a reuse when it never was one', async () => {
    const { app, code, redemption, renewal } = await agreed();
    const stranger = await t.register({ openid: undefined, scopes: ['whoami'] });
    const first = await t.ask(app, redemption(await code()));
    expect(await refusal(t.ask(stranger, renewal(first.refreshToken)))).toBe('invalid_grant');
    expect(await refusal(t.ask(app, renewal('rt_nothing')))).toBe('invalid_grant');
    expect(await refusal(t.ask(app, renewal('')))).toBe('invalid_request');
    expect((await t.audited()).filter(({ event }) => event === 'refresh_token.reused')).toEqual([]);
    expect((await t.ask(app, renewal(first.refreshToken))).issued).toBeDefined();
  });

  it('ends with every sign-out of the customer, and not with one of a session that it does not belong to', async () => {
    const { app, code, redemption, renewal, session } = await agreed();
    const first = await t.ask(app, redemption(await code()));
    await t.sessions.end(session);
    const second = await t.ask(app, renewal(first.refreshToken));
    t.clock.advance(1);
    await t.sessions.endAll(session.customerId);
    expect(await refusal(t.ask(app, renewal(second.refreshToken)))).toBe('invalid_grant');
  });
});

describe('a customer token in exchange', () => {
  async function exchanging(more: Partial<Settings> = {}) {
    const app = await t.register({
      openid: undefined,
      scopes: ['profile:read', 'whoami'],
      grantTypes: [TOKEN_EXCHANGE],
      redirectUris: [],
      ...more,
    });
    const session = t.signIn();
    const subject = (lifetimeSeconds = 900, channel = 'web') =>
      t.customerTokens.issue({
        customerId: session.customerId,
        reference: '4711' as never,
        channel,
        sid: session.sid,
        authTimeMs: session.authTimeMs,
        lifetimeSeconds,
      }).token;
    const exchange = (parameters: Record<string, string> = {}) =>
      t.ask(app, {
        grant_type: TOKEN_EXCHANGE,
        subject_token: subject(),
        subject_token_type: JWT,
        ...parameters,
      });
    return { app, session, subject, exchange };
  }

  it('becomes an access token that names the customer, and says what it is', async () => {
    const { exchange, session } = await exchanging();
    const answer = await exchange({ requested_token_type: ACCESS_TOKEN, scope: 'whoami' });
    expect(answer).toMatchObject({
      scopes: ['whoami'],
      customerId: session.customerId,
      issuedTokenType: ACCESS_TOKEN,
    });
    expect(answer.refreshToken).toBeUndefined();
    const verified = t.accessTokens.verify(answer.issued.token);
    expect(verified).toMatchObject({
      token: { customer: { customerId: session.customerId, channel: 'web', sid: session.sid } },
    });
    const opened = verified.ok ? t.accessTokens.openCustomer(verified.token) : undefined;
    expect([opened?.reference, opened?.agreedTo('anything')]).toEqual(['4711', true]);
    expect((await exchange()).scopes).toEqual(['profile:read', 'whoami']);
  });

  it('gives a token that ends with it', async () => {
    const { exchange, subject } = await exchanging();
    expect((await exchange({ subject_token: subject(100) })).issued.expiresInSeconds).toBe(100);
    expect((await exchange()).issued.expiresInSeconds).toBe(600);
  });

  it.each<[string, Record<string, string>]>([
    ['without a token', { subject_token: '' }],
    ['without its type', { subject_token_type: '' }],
    ['of another type', { subject_token_type: ACCESS_TOKEN }],
    ['for another type', { requested_token_type: JWT }],
    ['in the name of an actor', { actor_token: 'x' }],
    ['with the type of an actor', { actor_token_type: JWT }],
    ['that is none', { subject_token: 'eyJ.eyJ.x' }],
  ])('%s is refused', async (_what, parameters) => {
    const { exchange } = await exchanging();
    expect(await refusal(exchange(parameters))).toBe('invalid_request');
  });

  it('of another partner’s channel, of a session that is over, or past its end is refused', async () => {
    const { exchange, subject, session } = await exchanging();
    expect(await refusal(exchange({ subject_token: subject(900, 'other') }))).toBe('invalid_request');
    const old = subject(60);
    t.clock.advance(120_000);
    expect(await refusal(exchange({ subject_token: old }))).toBe('invalid_request');
    const live = subject();
    await t.sessions.end(session);
    expect(await refusal(exchange({ subject_token: live }))).toBe('invalid_request');
  });
});
