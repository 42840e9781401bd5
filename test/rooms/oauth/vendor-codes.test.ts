import { createLocalJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Backend, BackendQuestion } from '../../../src/backends/backend-types.ts';
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

async function withDefaultAlgorithm() {
  await t.close();
  t = await openAuthorizationServer([], 'RS256');
}

const OPENID = { pkce: 'required', claims: {}, claimsInIdToken: false, acr: undefined } as const;
const WITHOUT_PKCE = { openid: { ...OPENID, pkce: 'vendor' } } as const;
const nowSeconds = () => Math.floor(t.clock.nowMs() / 1000);

describe('a code for the page of a signed-in customer', () => {
  it('becomes an ID token that an independent library verifies, with the identifier and nothing personal', async () => {
    await withDefaultAlgorithm();
    const vendor = await t.register();
    const session = t.signIn();
    t.clock.advance(60_000);
    const code = await t.code(session, vendor, { nonce: 'n-1' });
    expect(code).toMatchObject({
      redirectUri: VENDOR_PAGE,
      nonce: 'n-1',
      issuer: ISSUER,
      expiresInSeconds: 60,
    });
    const answer = await t.ask(vendor, t.redemption(code));
    expect(answer.scopes).toEqual(['openid']);
    const { payload, protectedHeader } = await jwtVerify(
      answer.idToken as string,
      createLocalJWKSet(t.rings.keySet()),
      {
        issuer: ISSUER,
        audience: vendor.clientId,
        algorithms: ['RS256'],
        currentDate: new Date(t.clock.nowMs()),
      },
    );
    expect(protectedHeader.typ).toBe('JWT');
    expect(payload).toEqual({
      iss: ISSUER,
      aud: vendor.clientId,
      sub: session.customerId,
      sid: expect.stringMatching(/^[A-Za-z0-9_-]{22}$/),
      iat: nowSeconds() - 5,
      exp: nowSeconds() + 900,
      auth_time: Math.floor(session.authTimeMs / 1000),
      nonce: 'n-1',
      jti: expect.any(String),
      at_hash: expect.stringMatching(/^[A-Za-z0-9_-]{22}$/),
    });
  });

  it('lets no two vendors tell by their tokens that they serve the same session', async () => {
    const session = t.signIn();
    const tokens = await Promise.all(
      [await t.register(), await t.register()].map(async (vendor) =>
        t.ask(vendor, t.redemption(await t.code(session, vendor))),
      ),
    );
    const sids = tokens.map(({ idToken }) => claimsOf(idToken as string)['sid']);
    expect(new Set([...sids, session.sid]).size).toBe(3);
    for (const { issued } of tokens)
      expect(JSON.stringify(claimsOf(issued.token))).not.toContain(session.sid);
  });

  it('is a new one each time it is asked for, and each is good', async () => {
    const vendor = await t.register();
    const session = t.signIn();
    const codes = await Promise.all(Array.from({ length: 5 }, () => t.code(session, vendor)));
    expect(new Set(codes.map(({ code }) => code)).size).toBe(5);
    for (const code of codes) expect((await t.ask(vendor, t.redemption(code))).idToken).toBeDefined();
  });

  it('holds to the challenge that the vendor brought', async () => {
    const vendor = await t.register();
    const { verifier, challenge } = pkce();
    const code = await t.code(t.signIn(), vendor, { codeChallenge: challenge });
    expect(code.codeVerifier).toBeUndefined();
    expect((await t.ask(vendor, t.redemption(code, { code_verifier: verifier }))).idToken).toBeDefined();
  });

  it('goes without a verifier where the registration says that the vendor cannot', async () => {
    const vendor = await t.register(WITHOUT_PKCE);
    const code = await t.code(t.signIn(), vendor);
    expect(code.codeVerifier).toBeUndefined();
    expect((await t.ask(vendor, t.redemption(code))).idToken).toBeDefined();
    const own = await t.code(t.signIn(), vendor, { ownVerifier: true });
    expect((await t.ask(vendor, t.redemption(own))).idToken).toBeDefined();
  });

  it('leaves a record that names vendor, customer and channel', async () => {
    const vendor = await t.register();
    const session = t.signIn();
    await t.code(session, vendor);
    const records = await t.audited();
    expect(records.find(({ event }) => event === 'authorization_code.issued')).toMatchObject({
      outcome: 'success',
      clientId: vendor.clientId,
      customerId: session.customerId,
      channel: 'web',
    });
  });
});

describe('a code is refused', () => {
  it('the second time, and then ends what came of the first', async () => {
    const vendor = await t.register();
    const code = await t.code(t.signIn(), vendor);
    const first = await t.ask(vendor, t.redemption(code));
    expect(await refusal(t.ask(vendor, t.redemption(code)))).toBe('invalid_grant');
    const renewal = { grant_type: 'refresh_token', refresh_token: first.refreshToken as string };
    expect(await refusal(t.ask(vendor, renewal))).toBe('invalid_grant');
  });

  it('after a minute', async () => {
    const vendor = await t.register();
    const code = await t.code(t.signIn(), vendor);
    t.clock.advance(60_000);
    expect(await refusal(t.ask(vendor, t.redemption(code)))).toBe('invalid_grant');
  });

  it('from another client, with another address, or with the verifier of another code', async () => {
    const vendor = await t.register();
    const session = t.signIn();
    const stranger = await t.register();
    const code = () => t.code(session, vendor);
    expect(await refusal(t.ask(stranger, t.redemption(await code())))).toBe('invalid_grant');
    const elsewhere = t.redemption(await code(), { redirect_uri: 'https://evil.test/' });
    expect(await refusal(t.ask(vendor, elsewhere))).toBe('invalid_grant');
    const { codeVerifier = '' } = await code();
    const mixed = t.redemption(await code(), { code_verifier: codeVerifier });
    expect(await refusal(t.ask(vendor, mixed))).toBe('invalid_grant');
  });

  it('without its verifier, also where the vendor may do without', async () => {
    const strict = await t.register();
    const lax = await t.register(WITHOUT_PKCE);
    const session = t.signIn();
    const { codeVerifier: _gone, ...bare } = await t.code(session, strict);
    expect(await refusal(t.ask(strict, t.redemption(bare)))).toBe('invalid_request');
    const { codeVerifier: _lost, ...other } = await t.code(session, lax, { ownVerifier: true });
    expect(await refusal(t.ask(lax, t.redemption(other)))).toBe('invalid_grant');
  });

  it('when a verifier comes with a code that was made without a challenge', async () => {
    const vendor = await t.register(WITHOUT_PKCE);
    const code = await t.code(t.signIn(), vendor);
    const given = t.redemption(code, { code_verifier: pkce().verifier });
    expect(await refusal(t.ask(vendor, given))).toBe('invalid_grant');
  });

  it('once the session is over, by sign-out, by sign-out everywhere, or by age', async () => {
    const vendor = await t.register();
    const ended = t.signIn();
    const before = await t.code(ended, vendor);
    await t.sessions.end(ended);
    expect(await refusal(t.ask(vendor, t.redemption(before)))).toBe('invalid_grant');
    expect(await refusal(t.code(ended, vendor))).toBe('NOT_SIGNED_IN');

    const everywhere = t.signIn('4712');
    const pending = await t.code(everywhere, vendor);
    await t.sessions.endAll(everywhere.customerId);
    expect(await refusal(t.ask(vendor, t.redemption(pending)))).toBe('invalid_grant');
    expect(await refusal(t.code(everywhere, vendor))).toBe('NOT_SIGNED_IN');

    const old = t.signIn('4713');
    t.clock.advance(28_799_000);
    const last = await t.code(old, vendor);
    t.clock.advance(1_000);
    expect(await refusal(t.ask(vendor, t.redemption(last)))).toBe('invalid_grant');
    expect(await refusal(t.code(old, vendor))).toBe('NOT_SIGNED_IN');
  });

  it('by channels and clients that it is not for, with the reason in the audit log alone', async () => {
    const session = t.signIn();
    const refused = {
      revoked: await t.register(),
      plain: await t.register({ openid: undefined, scopes: ['profile:read'] }),
      third: await t.register({ party: 'third' }),
      public: await t.register({ authentication: 'none', applicationType: 'native' }),
      foreign: await t.register({ partner: 'other' }),
      unknown: { clientId: 'cl_00000000000000000000', secret: '' },
    };
    await t.server.clients.revoke(refused.revoked.clientId, ADMIN);
    for (const vendor of Object.values(refused)) {
      expect(await refusal(t.code(session, vendor))).toBe('CHANNEL_NOT_ALLOWED');
    }
    expect(await refusal(t.code(session, await t.register(), { ownVerifier: false }))).toBe(
      'CHANNEL_NOT_ALLOWED',
    );
    const problems = (await t.audited()).flatMap(({ event, outcome, details }) =>
      event === 'authorization_code.issued' && outcome === 'failed' ? [details?.['problem']] : [],
    );
    expect(problems).toHaveLength(7);
    expect(problems[0]).toBe('its client is unknown or revoked');
    expect(new Set(problems).size).toBe(5);
    for (const problem of problems) expect(problem).toMatch(/^its client \w+ \w+/);
    const foreigner = t.signIn('4711', 'other');
    expect(await refusal(t.code(foreigner, await t.register()))).toBe('CHANNEL_NOT_ALLOWED');
  });

  it.each([
    ['codeChallenge', 'x'.repeat(42)],
    ['codeChallenge', `${'x'.repeat(42)}=`],
    ['nonce', ''],
    ['nonce', 'with space'],
    ['nonce', 'n'.repeat(256)],
  ])('with the %s %j', async (name, value) => {
    const attempt = t.code(t.signIn(), await t.register(), { [name]: value });
    expect(await refusal(attempt)).toBe('INVALID_REQUEST');
  });
});

describe('refresh tokens of a vendor', () => {
  const begin = async (more: Parameters<TestProvider['code']>[2] = {}) => {
    const vendor = await t.register();
    const session = t.signIn();
    const answer = await t.ask(vendor, t.redemption(await t.code(session, vendor, more)));
    const renew = async (token: string | undefined) =>
      t.ask(vendor, { grant_type: 'refresh_token', refresh_token: token as string });
    return { vendor, session, answer, renew };
  };

  it('bring a new ID token of the same customer and sign-in, without the nonce', async () => {
    const { answer, renew, session } = await begin({ nonce: 'n-1' });
    t.clock.advance(300_000);
    const renewed = await renew(answer.refreshToken);
    const first = claimsOf(answer.idToken as string);
    const second = claimsOf(renewed.idToken as string);
    expect(second).toMatchObject({
      iss: first['iss'],
      sub: first['sub'],
      aud: first['aud'],
      sid: first['sid'],
    });
    for (const { auth_time } of [first, second]) {
      expect(auth_time).toBe(Math.floor(session.authTimeMs / 1000));
    }
    expect(second['nonce']).toBeUndefined();
    // The first one is of the moment of the sign-in, before which none is dated; the second is back-dated.
    expect(second['iat']).toBe((first['iat'] as number) + 295);
  });

  it('take words in the scope that are not ours, and no scope that the code did not bring', async () => {
    const { vendor, answer } = await begin();
    const renewal = { grant_type: 'refresh_token', refresh_token: answer.refreshToken as string };
    expect(await refusal(t.ask(vendor, { ...renewal, scope: 'openid profile:read' }))).toBe('invalid_scope');
    const renewed = await t.ask(vendor, { ...renewal, scope: 'openid profile offline_access' });
    expect(renewed.scopes).toEqual(['openid']);
    expect(renewed.idToken).toBeDefined();
  });

  it('are not given to clients that may not have them', async () => {
    const vendor = await t.register({ grantTypes: ['authorization_code'] });
    const answer = await t.ask(vendor, t.redemption(await t.code(t.signIn(), vendor)));
    expect(answer.refreshToken).toBeUndefined();
  });

  it('end with the session, and the access tokens with them', async () => {
    const { vendor, answer, renew, session } = await begin();
    const renewed = await renew(answer.refreshToken);
    const facts = { basic: vendor, requestId: 'req-2', address: '192.0.2.9' };
    const introspect = (token: string) =>
      t.server.endpoints.introspectToken({ parameters: { token }, ...facts });
    for (const token of [renewed.issued.token, renewed.refreshToken as string])
      expect(await introspect(token)).toMatchObject({ active: true, sub: session.customerId });
    await t.sessions.end(session);
    for (const token of [renewed.issued.token, renewed.refreshToken as string])
      expect(await introspect(token)).toEqual({ active: false });
    expect(await refusal(renew(renewed.refreshToken))).toBe('invalid_grant');
  });

  it('are over with the session by age, and no token outlives it', async () => {
    const { answer, renew } = await begin();
    t.clock.advance(28_700_000);
    const late = await renew(answer.refreshToken);
    expect(late.issued.expiresInSeconds).toBe(100);
    expect(claimsOf(late.idToken as string)['exp']).toBe(nowSeconds() + 100);
    t.clock.advance(100_000);
    expect(await refusal(renew(late.refreshToken))).toBe('invalid_grant');
  });

  it('are over after eight hours, however long the session of a device lasts', async () => {
    const days = t.clock.nowMs() + 90 * 86_400_000;
    const { answer, renew } = await begin({ sessionEndsAtMs: days });
    t.clock.advance(28_799_000);
    const late = await renew(answer.refreshToken);
    expect(await t.server.families.prune()).toBe(0);
    t.clock.advance(1_000);
    expect(await refusal(renew(late.refreshToken))).toBe('invalid_grant');
    expect(await t.server.families.prune()).toBe(1);
  });
});

describe('claims of the profile', () => {
  const person: Record<string, unknown> = {
    mail: 'mira@example.test',
    plan: 'gold',
    sub: 'evil',
    secret: 'no',
  };
  const backend = (status: 'ok' | 'unavailable') =>
    ({
      name: 'crm',
      fields: Object.keys(person),
      environments: new Set(['live']),
      ask: async ({ fields }: BackendQuestion) => ({
        status,
        fields: Object.fromEntries(Object.entries(person).filter(([name]) => fields.has(name))),
        reason: undefined,
      }),
    }) as unknown as Backend;

  const idTokenWith = async (status: 'ok' | 'unavailable', openid: Record<string, unknown>) => {
    await t.close();
    t = await openAuthorizationServer([backend(status)]);
    const vendor = await t.register({ openid: { ...OPENID, ...openid } });
    const answer = await t.ask(vendor, t.redemption(await t.code(t.signIn(), vendor)));
    return claimsOf(answer.idToken as string);
  };

  it('stand in an ID token only when the client’s registration says so, and the partner may see the field', async () => {
    const claims = { email: 'mail', tier: 'plan', hidden: 'secret' };
    expect(await idTokenWith('ok', { claims })).not.toHaveProperty('email');
    const told = await idTokenWith('ok', { claims, claimsInIdToken: true, acr: 'loa1' });
    expect(told).toMatchObject({ email: 'mira@example.test', tier: 'gold', acr: 'loa1' });
    expect(told).not.toHaveProperty('hidden');
  });

  it('stay away while the profile cannot be read, and the sign-in goes on', async () => {
    const told = await idTokenWith('unavailable', { claims: { email: 'mail' }, claimsInIdToken: true });
    expect(told).not.toHaveProperty('email');
    expect(told).toHaveProperty('sub');
  });

  it.each(['sub', 'iss', 'aud', 'nonce', 'auth_time', 'sid', 'at_hash', 'acr', '1st', '__proto__', 'a b'])(
    'cannot be registered as %s',
    async (claim) => {
      const claims = Object.fromEntries([[claim, 'mail']]);
      expect(await refusal(t.register({ openid: { ...OPENID, claims } }))).toBe('INVALID_REQUEST');
    },
  );
});

describe('a registration for OpenID Connect', () => {
  it('has the scope openid, asked for or not, and no other client has it', async () => {
    const { clientId } = await t.register({ scopes: ['profile:read'] });
    const [client] = await t.server.clients.list('vendor');
    expect(client).toMatchObject({ clientId, scopes: ['openid', 'profile:read'] });
    const changed = await t.server.clients.update(clientId, { scopes: ['whoami'] }, ADMIN);
    expect(changed.scopes).toEqual(['openid', 'whoami']);
    expect(await refusal(t.register({ openid: undefined, scopes: ['openid'] }))).toBe('INVALID_REQUEST');
  });

  it.each([
    ['without the code grant', { grantTypes: ['client_credentials'], redirectUris: [] }],
    [
      'without PKCE and without authentication',
      { ...WITHOUT_PKCE, authentication: 'none', applicationType: 'native' },
    ],
    ['with an acr of two words', { openid: { ...OPENID, acr: 'loa 1' } }],
    ['with a claim from nowhere', { openid: { ...OPENID, claims: { email: '' } } }],
  ] as const)('is refused %s', async (_case, settings) => {
    expect(await refusal(t.register(settings as Parameters<TestProvider['register']>[0]))).toBe(
      'INVALID_REQUEST',
    );
  });

  it('gets ID tokens under the key that is there, which is replaced like any other', async () => {
    await withDefaultAlgorithm();
    await t.rings.ensure('id');
    const vendor = await t.register();
    const [first, ...others] = t.rings.list().filter(({ ring }) => ring === 'id');
    expect(others).toEqual([]);
    expect(first).toMatchObject({ algorithm: 'RS256', state: 'signing' });
    const kidNow = async () => {
      const answer = await t.ask(vendor, t.redemption(await t.code(t.signIn(), vendor)));
      return decodeProtectedHeader(answer.idToken as string).kid;
    };
    const record = (action: 'added' | 'revoked', kid: string) =>
      t.audit.record(action === 'added' ? 'signing_key.added' : 'signing_key.revoked', {
        ...ADMIN,
        outcome: 'success',
        details: { kid },
      });
    const second = await t.rings.rotate('id', { emergency: false, audit: record });
    expect(await kidNow()).toBe(first?.kid);
    expect(t.rings.keySet().keys.map(({ kid }) => kid)).toEqual(expect.arrayContaining([first?.kid, second]));
    // A day, because vendors keep key sets for longer than they are told to.
    t.clock.advance(86_399_000);
    expect(await kidNow()).toBe(first?.kid);
    t.clock.advance(1_000);
    expect(await kidNow()).toBe(second);
    expect(t.rings.list().find(({ kid }) => kid === first?.kid)?.state).toBe('retiring');
  });
});
