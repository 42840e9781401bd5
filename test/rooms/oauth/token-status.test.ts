import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ADMIN } from '../fixture.ts';
import { claimsOf, ISSUER, openAuthorizationServer, refusal, type TestProvider } from './openid-fixture.ts';

let t: TestProvider;
beforeEach(async () => {
  t = await openAuthorizationServer();
});
afterEach(() => t.close());

const facts = { requestId: 'req-1', address: '192.0.2.9' };
type App = Awaited<ReturnType<TestProvider['register']>>;

/** A client with a token of its own. */
async function withToken() {
  const app = await t.register({
    openid: undefined,
    scopes: ['profile:read', 'whoami'],
    grantTypes: ['client_credentials'],
    redirectUris: [],
  });
  const { issued } = await t.ask(app, { grant_type: 'client_credentials' });
  return { app, token: issued.token, jti: issued.jti };
}

/** A vendor with the tokens of a customer who signed in. */
async function withCustomer() {
  const vendor = await t.register();
  const session = t.signIn();
  const answer = await t.ask(vendor, t.redemption(await t.code(session, vendor)));
  return { vendor, session, access: answer.issued.token, refresh: answer.refreshToken as string };
}

const introspect = (app: App, parameters: Record<string, string>) =>
  t.server.endpoints.introspectToken({ parameters, basic: app, ...facts });
const revoke = (app: App, parameters: Record<string, string>) =>
  t.server.endpoints.revokeToken({ parameters, basic: app, ...facts });
const INACTIVE = { active: false };

describe('what a client is told of a token', () => {
  it('is all that RFC 7662 asks for, of an access token of its own', async () => {
    const { app, token, jti } = await withToken();
    const iat = Math.floor(t.clock.nowMs() / 1000);
    expect(await introspect(app, { token })).toEqual({
      active: true,
      client_id: app.clientId,
      scope: 'profile:read whoami',
      sub: app.clientId,
      iss: ISSUER,
      aud: ISSUER,
      exp: iat + 600,
      iat,
      token_type: 'Bearer',
      jti,
    });
  });

  it('names the customer of a token that names one, and the end of a refresh token', async () => {
    const { vendor, session, access, refresh } = await withCustomer();
    expect(await introspect(vendor, { token: access })).toMatchObject({
      active: true,
      sub: session.customerId,
    });
    const iat = Math.floor(t.clock.nowMs() / 1000);
    const told = await introspect(vendor, { token: refresh });
    expect(told).toEqual({
      active: true,
      client_id: vendor.clientId,
      scope: 'openid',
      sub: session.customerId,
      iss: ISSUER,
      aud: ISSUER,
      exp: expect.any(Number) as number,
      iat,
    });
    const { exp } = told as { exp: number };
    t.clock.advance((exp - iat) * 1000 - 1);
    expect(await introspect(vendor, { token: refresh })).toMatchObject({ active: true });
    t.clock.advance(1);
    expect(await introspect(vendor, { token: refresh })).toEqual(INACTIVE);
  });

  it('is nothing of a token that is none, over, or another client’s', async () => {
    const { app, token } = await withToken();
    const { vendor, refresh, access } = await withCustomer();
    for (const other of ['nonsense', 'rt_nonsense', `${token}x`, refresh, access])
      expect(await introspect(app, { token: other })).toEqual(INACTIVE);
    expect(await introspect(vendor, { token })).toEqual(INACTIVE);
    t.clock.advance(605_000);
    expect(await introspect(app, { token })).toEqual(INACTIVE);
  });

  it.each<[string, (app: App) => Promise<unknown>]>([
    ['its partner is disabled', () => t.partners.update('vendor', { disabled: true }, ADMIN)],
    [
      'the client’s tokens are revoked',
      ({ clientId }) =>
        t.revocations.revoke([
          {
            kind: 'client_tokens',
            id: clientId,
            cutoffMs: t.clock.nowMs(),
            expiresAtMs: t.clock.nowMs() + 60_000,
          },
        ]),
    ],
  ])('is nothing of a token when %s', async (_what, change) => {
    const { app, token } = await withToken();
    await change(app);
    const outcome = await introspect(app, { token }).catch(() => INACTIVE);
    expect(outcome).toEqual(INACTIVE);
  });

  it.each(['customer', 'grant', 'session'] as const)(
    'is nothing of a customer’s token when its %s is revoked',
    async (kind) => {
      const { vendor, session, access } = await withCustomer();
      const { gid } = claimsOf(access) as { gid: string };
      const id = { customer: session.customerId as string, grant: gid, session: session.sid }[kind];
      const nowMs = t.clock.nowMs();
      await t.revocations.revoke([{ kind, id: `${id}x`, cutoffMs: nowMs, expiresAtMs: nowMs + 60_000 }]);
      expect(await introspect(vendor, { token: access })).toMatchObject({ active: true });
      await t.revocations.revoke([{ kind, id, cutoffMs: nowMs, expiresAtMs: nowMs + 60_000 }]);
      expect(await introspect(vendor, { token: access })).toEqual(INACTIVE);
    },
  );

  it('is told to clients that prove themselves alone', async () => {
    const { app, token } = await withToken();
    const open = await t.register({
      openid: undefined,
      scopes: ['whoami'],
      authentication: 'none',
      applicationType: 'native',
    });
    const asked = (parameters: Record<string, string>, basic?: App) =>
      refusal(t.server.endpoints.introspectToken({ parameters, basic, ...facts }));
    expect(await asked({ token, client_id: open.clientId })).toBe('invalid_client');
    expect(await asked({ token })).toBe('invalid_client');
    expect(await asked({ token }, { ...app, secret: 'cs_wrong' })).toBe('invalid_client');
    expect(await asked({ token: '' }, app)).toBe('invalid_request');
    expect(await introspect(app, { token, token_type_hint: 'refresh_token' })).toMatchObject({
      active: true,
    });
  });
});

describe('a token that its client gives back', () => {
  it('is over at once, and stays so for as long as it could have lived', async () => {
    const { app, token } = await withToken();
    await revoke(app, { token });
    for (let minute = 0; minute < 10; minute++) {
      expect(await introspect(app, { token })).toEqual(INACTIVE);
      t.clock.advance(59_000);
      await t.revocations.refresh();
    }
    const records = (await t.audited()).filter(({ event }) => event === 'access_token.revoked');
    expect(records).toMatchObject([
      { outcome: 'success', actor: 'partner', partner: 'vendor', clientId: app.clientId, ...facts },
    ]);
  });

  it('is that one alone', async () => {
    const { app, token } = await withToken();
    const { issued } = await t.ask(app, { grant_type: 'client_credentials' });
    await revoke(app, { token });
    expect(await introspect(app, { token: issued.token })).toMatchObject({ active: true });
  });

  it('takes the access tokens of its family along when it is a refresh token', async () => {
    const { vendor, access, refresh } = await withCustomer();
    await revoke(vendor, { token: refresh, token_type_hint: 'access_token' });
    expect(await introspect(vendor, { token: access })).toEqual(INACTIVE);
    expect(await introspect(vendor, { token: refresh })).toEqual(INACTIVE);
    expect((await t.audited()).filter(({ event }) => event === 'access_token.revoked')).toHaveLength(1);
  });

  it('is left alone when it is another client’s, and nothing is told or recorded of it', async () => {
    const { app, token } = await withToken();
    const { vendor, access, refresh } = await withCustomer();
    for (const foreign of [access, refresh, 'nonsense', `${access}x`])
      expect(await revoke(app, { token: foreign })).toBeUndefined();
    expect(await revoke(vendor, { token })).toBeUndefined();
    expect(await introspect(app, { token })).toMatchObject({ active: true });
    expect(await introspect(vendor, { token: access })).toMatchObject({ active: true });
    expect(await introspect(vendor, { token: refresh })).toMatchObject({ active: true });
    expect((await t.audited()).filter(({ event }) => event === 'access_token.revoked')).toEqual([]);
  });

  it('is taken from a client that proves itself, or from an app by its id', async () => {
    const { app, token } = await withToken();
    const open = await t.register({
      openid: undefined,
      scopes: ['whoami'],
      authentication: 'none',
      applicationType: 'native',
    });
    const asked = (parameters: Record<string, string>, basic?: App) =>
      t.server.endpoints.revokeToken({ parameters, basic, ...facts });
    expect(await refusal(asked({ token }))).toBe('invalid_client');
    expect(await refusal(asked({ token }, { ...app, secret: 'cs_wrong' }))).toBe('invalid_client');
    expect(await refusal(asked({ token: '' }, app))).toBe('invalid_request');
    expect(await asked({ token, client_id: open.clientId })).toBeUndefined();
    expect(await introspect(app, { token })).toMatchObject({ active: true });
  });
});
