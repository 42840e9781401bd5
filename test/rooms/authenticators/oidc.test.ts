import { createHash, generateKeyPairSync } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { importSPKI, jwtVerify } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ZodError } from 'zod';
import type { Authenticator, RedirectRequest } from '../../../src/authenticators/authenticator.ts';
import { oidcAuthenticator } from '../../../src/authenticators/oidc/oidc.ts';
import type { UpstreamFailure } from '../../../src/outbound/failure-reason.ts';
import { createHttpClient } from '../../../src/outbound/http-client.ts';
import { createLogger } from '../../../src/platform/logger.ts';
import { createSigner } from '../../support/key-server.ts';
import { type ScriptedProvider, startScriptedProvider } from '../../support/scripted-provider.ts';
import { sendJson } from '../../support/site.ts';
import { openRooms } from '../fixture.ts';

const CONTEXT = { requestId: 'req-1', channel: 'web' };
const REFUSED = { outcome: 'refused', reason: 'credentials' };
const PUBLIC_URL = 'https://id.example.com/bridge';
const REDIRECT_URI = `${PUBLIC_URL}/customer_sign_in/callback/login`;
const SECRET = 'a secret+of/the:client%20';

type Changes = Record<string, unknown>;

let rooms: Awaited<ReturnType<typeof openRooms>>;
let provider: ScriptedProvider;
let httpClient: ReturnType<typeof createHttpClient>;
let lines: string[];
let failures: UpstreamFailure[];

beforeEach(async () => {
  rooms = await openRooms();
  provider = await startScriptedProvider();
  httpClient = createHttpClient();
  lines = [];
  failures = [];
});
afterEach(async () => {
  await httpClient.close();
  await provider.close();
  await rooms.close();
});

const make = (changes: Changes = {}): Authenticator =>
  oidcAuthenticator.create(
    oidcAuthenticator.optionsSchema.parse({
      name: 'login',
      type: 'oidc',
      reference_space: 'crm',
      issuer: provider.url,
      client_id: 'chat bridge',
      client_secret: SECRET,
      ...changes,
    }),
    {
      httpClient,
      clock: rooms.clock,
      logger: createLogger('debug', { write: (line) => lines.push(line) }),
      replays: rooms.stores.replays,
      reportFailure: (failure) => failures.push(failure),
      publicUrl: PUBLIC_URL,
    },
  );

async function begin(login: Authenticator, request: Partial<RedirectRequest> = {}) {
  const started = await login.redirect?.begin({ state: 's-1', ...request }, CONTEXT);
  if (started?.outcome !== 'redirect') throw new Error('it did not begin');
  return { ...started, query: new URL(started.location).searchParams };
}

const nowSeconds = () => Math.floor(rooms.clock.nowMs() / 1000);

/** Signs in at the scripted provider, which gives an ID token with these claims; what comes of it. */
async function signIn(
  claims: Changes = {},
  { settings = {}, request = {}, parameters = {}, header = {}, signer = provider.signer } = {},
) {
  const login = make(settings);
  const { memory, query } = await begin(login, request);
  provider.token = async (_call, response) => {
    const sound = {
      iss: provider.url,
      aud: 'chat bridge',
      sub: '4711',
      iat: nowSeconds(),
      exp: nowSeconds() + 300,
      nonce: query.get('nonce'),
    };
    const id_token = await signer.sign({ ...sound, ...claims }, header);
    sendJson(response, 200, { access_token: 'x', token_type: 'Bearer', id_token });
  };
  const answer = { state: 's-1', code: 'canary-code', ...parameters };
  const proof = { kind: 'redirect_answer', authenticator: 'login', parameters: answer, memory } as const;
  return login.authenticate(proof, CONTEXT);
}
const reasons = () =>
  lines
    .map((line) => JSON.parse(line) as { event: string; reason: string })
    .filter(({ event }) => event === 'authenticator.answer_refused')
    .map(({ reason }) => reason);

describe('the request to the provider', () => {
  it('says all that the settings and the caller want, and keeps what the address had', async () => {
    provider.document = { authorization_endpoint: `${provider.url}/authorize?tenant=shop` };
    const login = make({
      scopes: ['openid', 'profile'],
      acr_values: ['urn:mfa', 'phr'],
      parameters: { organization: 'org-1' },
      response_mode: 'form_post',
    });
    const { location, memory } = await begin(login, { prompt: 'select_account', maxAgeSeconds: 300 });
    const { verifier, nonce } = JSON.parse(memory) as { verifier: string; nonce: string };
    expect(location.startsWith(`${provider.url}/authorize?tenant=shop&`)).toBe(true);
    expect(Object.fromEntries(new URL(location).searchParams)).toEqual({
      tenant: 'shop',
      organization: 'org-1',
      response_type: 'code',
      response_mode: 'form_post',
      client_id: 'chat bridge',
      redirect_uri: REDIRECT_URI,
      scope: 'openid profile',
      state: 's-1',
      nonce,
      code_challenge: createHash('sha256').update(verifier).digest('base64url'),
      code_challenge_method: 'S256',
      prompt: 'select_account',
      max_age: '300',
      acr_values: 'urn:mfa phr',
    });
  });

  it('lets a caller ask for more than the settings, never for less', async () => {
    const login = make({ prompt: 'login', max_sign_in_age_seconds: 60 });
    expect(await login.redirect?.begin({ state: 's', prompt: 'none' }, CONTEXT)).toEqual({
      outcome: 'login_required',
    });
    const { query } = await begin(login, { prompt: 'consent', maxAgeSeconds: 3_600 });
    expect([query.get('prompt'), query.get('max_age')]).toEqual(['login', '60']);
    expect((await begin(login, { maxAgeSeconds: 0 })).query.get('max_age')).toBe('0');
  });
});

describe('the call of the token endpoint', () => {
  const call = () => provider.calls[0];

  it('redeems the code with the verifier and the same redirect URI, once', async () => {
    expect(await signIn()).toMatchObject({ outcome: 'authenticated', space: 'crm', reference: '4711' });
    expect(provider.calls).toHaveLength(1);
    expect(Object.fromEntries(call()?.form ?? [])).toEqual({
      grant_type: 'authorization_code',
      code: 'canary-code',
      redirect_uri: REDIRECT_URI,
      code_verifier: expect.stringMatching(/^[A-Za-z0-9_-]{43}$/),
    });
  });

  it('proves who we are by Basic with both parts form-encoded (RFC 6749 section 2.3.1)', async () => {
    await signIn();
    const pair = 'chat+bridge:a+secret%2Bof%2Fthe%3Aclient%2520';
    expect(call()?.authorization).toBe(`Basic ${Buffer.from(pair).toString('base64')}`);
    expect(call()?.form.has('client_secret')).toBe(false);
  });

  it('or in the body, and then nowhere else', async () => {
    await signIn({}, { settings: { client_authentication: 'client_secret_post' } });
    expect(call()?.authorization).toBeUndefined();
    expect(call()?.form.get('client_secret')).toBe(SECRET);
  });

  it.each(['issuer', 'token_url'])('or by an assertion for the %s that lives a minute', async (audience) => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const settings = {
      client_authentication: 'private_key_jwt',
      client_secret: undefined,
      private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
      private_key_id: 'ours',
      assertion_audience: audience,
    };
    expect(await signIn({}, { settings })).toMatchObject({ outcome: 'authenticated' });
    const key = await importSPKI(publicKey.export({ type: 'spki', format: 'pem' }).toString(), 'ES256');
    const { payload, protectedHeader } = await jwtVerify(call()?.form.get('client_assertion') ?? '', key, {
      issuer: 'chat bridge',
      subject: 'chat bridge',
      audience: audience === 'issuer' ? provider.url : `${provider.url}/token`,
      currentDate: new Date(rooms.clock.nowMs()),
    });
    expect(protectedHeader).toEqual({ alg: 'ES256', typ: 'JWT', kid: 'ours' });
    expect((payload.exp as number) - (payload.iat as number)).toBe(60);
    expect(payload.jti).toMatch(/^.{22}$/);
  });
});

describe('the ID token', () => {
  it.each<[string, Changes, string]>([
    ['of another issuer', { iss: 'https://evil.test' }, 'issuer'],
    ['for another client', { aud: 'other' }, 'audience'],
    ['for us and another client', { aud: ['chat bridge', 'other'] }, 'audience'],
    ['issued to another client', { azp: 'other' }, 'authorized_party'],
    ['without a nonce (injected)', { nonce: undefined }, 'nonce'],
    ['with the nonce of another sign-in', { nonce: 'x'.repeat(32) }, 'nonce'],
    ['that is over', { exp: 1 }, 'expired'],
    ['from yesterday', { iat: 1_000_000 }, 'age'],
    ['without a subject', { sub: undefined }, 'subject'],
    ['of the app itself', { sub: 'chat bridge', azp: 'chat bridge' }, 'not_a_sign_in'],
    ['that is a logout token', { events: {} }, 'token_type'],
    ['with a subject that is no reference', { sub: 'a\u0000b' }, 'reference'],
  ])('%s is refused', async (_what, claims, reason) => {
    expect(await signIn(claims)).toEqual(REFUSED);
    expect(reasons()).toEqual([reason]);
  });

  it('that another key signed is refused, also with the same key id, and so are unsigned ones', async () => {
    const impostor = await createSigner('one');
    expect(await signIn({}, { signer: impostor })).toEqual(REFUSED);
    expect(await signIn({}, { header: { typ: 'at+jwt' } })).toEqual(REFUSED);
    expect(await signIn({}, { settings: { algorithms: ['RS256'] } })).toEqual(REFUSED);
    expect(reasons()).toEqual(['signature', 'token_type', 'algorithm']);
  });

  it('has to say when the provider saw the credentials, where that was asked for', async () => {
    const settings = { max_sign_in_age_seconds: 300 };
    const at = (auth_time: unknown) => signIn({ auth_time }, { settings });
    expect(await at(nowSeconds() - 300)).toMatchObject({ outcome: 'authenticated' });
    for (const wrong of [undefined, nowSeconds() - 361, nowSeconds() + 61, String(nowSeconds())]) {
      expect(await at(wrong)).toEqual(REFUSED);
    }
    expect(new Set(reasons())).toEqual(new Set(['sign_in_age']));
    expect(await signIn({}, { request: { maxAgeSeconds: 5 } })).toEqual(REFUSED);
  });

  it('has to name one of the kinds of sign-in that were asked for', async () => {
    const settings = { acr_values: ['urn:mfa', 'phr'] };
    expect(await signIn({ acr: 'phr' }, { settings })).toMatchObject({ outcome: 'authenticated' });
    expect(await signIn({ acr: 'urn:password' }, { settings })).toEqual(REFUSED);
    expect(await signIn({}, { settings })).toEqual(REFUSED);
    expect(reasons()).toEqual(['acr', 'acr']);
  });

  it('gives the reference of the claim that the settings name', async () => {
    const settings = { reference_claim: 'customer_number' };
    expect(await signIn({ customer_number: 99 }, { settings })).toMatchObject({ reference: '99' });
    expect(await signIn({}, { settings })).toEqual(REFUSED);
  });
});

describe('what the provider cannot tell', () => {
  const withToken = async (
    token: ScriptedProvider['token'],
    parameters: Record<string, string> = { code: 'c' },
  ) => {
    const login = make();
    const { memory } = await begin(login);
    provider.token = token;
    const proof = { kind: 'redirect_answer', authenticator: 'login', parameters, memory } as const;
    return login.authenticate(proof, CONTEXT);
  };

  it.each<[string, ScriptedProvider['token'], string | undefined]>([
    [
      'a refusal of our own credentials',
      (_c, r) => sendJson(r, 401, { error: 'invalid_client' }),
      'status_401',
    ],
    [
      'a request that it finds wrong',
      (_c, r) => sendJson(r, 400, { error: 'invalid_request' }),
      'status_400',
    ],
    ['a failure', (_c, r) => sendJson(r, 500, { error: 'server_error' }), 'status_500'],
    ['a redirect', (_c, r) => r.writeHead(302, { location: 'https://evil.test/' }).end(), 'redirect'],
    ['a success without an ID token', (_c, r) => sendJson(r, 200, { access_token: 'x' }), undefined],
    ['a page', (_c, r) => r.writeHead(200, { 'content-type': 'text/html' }).end('<p>hi'), undefined],
    ['too much', (_c, r) => sendJson(r, 200, { id_token: 'x'.repeat(70_000) }), 'too_large'],
    ['a cut connection', (_c, r) => void r.destroy(), 'unreachable'],
  ])('%s is "could not tell", and the operator is told', async (_what, token, reason) => {
    expect(await withToken(token)).toMatchObject({ outcome: 'unavailable' });
    expect(failures.map((one) => one.reason)).toEqual(reason === undefined ? [] : [reason]);
    expect(reasons()).toEqual(reason === undefined ? ['no_id_token'] : []);
  });

  it('is told apart from a customer who turned back', async () => {
    const token = () => {};
    expect(await withToken(token, { error: 'access_denied' })).toEqual(REFUSED);
    expect(await withToken(token, { error: 'login_required' })).toEqual(REFUSED);
    expect(await withToken(token, { error: 'server_error' })).toMatchObject({ outcome: 'unavailable' });
    expect(await withToken(token, { error: 'X\nY canary' })).toMatchObject({ outcome: 'unavailable' });
    expect(reasons()).toEqual([
      'provider_access_denied',
      'provider_login_required',
      'provider_server_error',
      'provider_error',
    ]);
    expect(provider.calls).toEqual([]);
  });

  it('leaves neither code, verifier, token nor secret in the log', async () => {
    await signIn();
    await signIn({ aud: 'x' });
    const log = lines.join('') + JSON.stringify(failures);
    for (const secret of ['canary-code', SECRET]) expect(log).not.toContain(secret);
    expect(log).not.toMatch(/\b4711\b|eyJ[\w-]+\./);
  });
});

describe('the deadline', () => {
  it('is one for all calls of a step: keys that hang after a good answer keep nobody waiting', async () => {
    const held: ServerResponse[] = [];
    provider.keys = (response) => void held.push(response);
    const startedMs = performance.now();
    expect(await signIn({}, { settings: { timeout_ms: 300 } })).toMatchObject({ outcome: 'unavailable' });
    expect(performance.now() - startedMs).toBeLessThan(3_000);
    expect(failures.map(({ reason }) => reason)).toEqual(['timeout']);
    for (const response of held) response.destroy();
  });

  it('does not have to pass when the service ends', async () => {
    const login = make();
    const { memory } = await begin(login);
    const called = new Promise<ServerResponse>((resolve) => {
      provider.token = (_call, response) => resolve(response);
    });
    const startedMs = performance.now();
    const parameters = { state: 's-1', code: 'c' };
    const underWay = login.authenticate(
      { kind: 'redirect_answer', authenticator: 'login', parameters, memory },
      CONTEXT,
    );
    const held = await called;
    await login.close();
    expect(await underWay).toMatchObject({ outcome: 'unavailable' });
    expect(performance.now() - startedMs).toBeLessThan(3_000);
    held.destroy();
  });
});

describe('discovery', () => {
  it.each<[string, Changes]>([
    ['another issuer', { issuer: 'https://evil.test' }],
    ['a token endpoint at another host', { token_endpoint: 'https://evil.test/token' }],
    ['an authorization endpoint at another host', { authorization_endpoint: 'https://evil.test/' }],
    ['an authorization endpoint that is a script', { authorization_endpoint: 'javascript:alert(1)' }],
    ['no token endpoint', { token_endpoint: undefined }],
  ])('that names %s begins nothing, and doctor says so', async (_what, document) => {
    provider.document = document;
    const login = make();
    expect(await login.redirect?.begin({ state: 's' }, CONTEXT)).toMatchObject({ outcome: 'unavailable' });
    expect(await login.probe()).toMatchObject({
      ok: false,
      message: expect.stringMatching(/discovery|host/),
    });
  });

  it('is not needed where the settings have every address, at other hosts too', async () => {
    provider.document = { issuer: 'https://evil.test' };
    const { query, location } = await begin(
      make({
        authorization_url: 'https://accounts.example.com/o/auth',
        token_url: `${provider.url}/token`,
        keys_url: `${provider.url}/keys`,
      }),
    );
    expect(location).toMatch(/^https:\/\/accounts\.example\.com\/o\/auth\?/);
    expect(query.get('client_id')).toBe('chat bridge');
  });

  it('is remembered for ten minutes, and an outage after that is survived', async () => {
    const login = make();
    await begin(login);
    provider.document = { issuer: 'https://evil.test' };
    await begin(login);
    rooms.clock.advance(601_000);
    await begin(login);
    rooms.clock.advance(86_400_000);
    expect(await login.redirect?.begin({ state: 's' }, CONTEXT)).toMatchObject({ outcome: 'unavailable' });
  });

  it('tells whether an answer has to name its issuer (RFC 9207)', async () => {
    expect(await signIn()).toMatchObject({ outcome: 'authenticated' });
    expect(await signIn({}, { parameters: { iss: 'https://evil.test' } })).toEqual(REFUSED);
    provider.document = { authorization_response_iss_parameter_supported: true };
    expect(await signIn()).toEqual(REFUSED);
    expect(await signIn({}, { parameters: { iss: provider.url } })).toMatchObject({
      outcome: 'authenticated',
    });
    expect(reasons()).toEqual(['answer_issuer', 'answer_issuer']);
  });
});

describe('doctor', () => {
  it('tries our credentials with a code that nobody issued, and names the redirect URI to register', async () => {
    const found = await make().probe();
    expect(found.ok).toBe(true);
    expect(found.message).toContain(REDIRECT_URI);
    expect(found.message).not.toContain(SECRET);
  });

  it.each<[string, () => void, Changes, RegExp]>([
    [
      'refused credentials',
      () => (provider.token = (_call, response) => sendJson(response, 401, { error: 'invalid_client' })),
      {},
      /refuses chat bridge or its credentials/,
    ],
    [
      'an authentication that the provider does not offer',
      () => (provider.document = { token_endpoint_auth_methods_supported: ['private_key_jwt'] }),
      {},
      /client_secret_basic/,
    ],
    ['a response mode that it does not offer', () => {}, { response_mode: 'form_post' }, /form_post/],
    [
      'other algorithms',
      () => (provider.document = { id_token_signing_alg_values_supported: ['HS256'] }),
      {},
      /algorithms/,
    ],
  ])('says in a sentence what is wrong: %s', async (_what, prepare, settings, sentence) => {
    prepare();
    expect(await make(settings).probe()).toMatchObject({
      ok: false,
      message: expect.stringMatching(sentence),
    });
  });

  it('warns of a provider that does not say that it checks PKCE, and of one that nobody can tell anything of', async () => {
    provider.document = { code_challenge_methods_supported: undefined };
    expect(await make().probe()).toMatchObject({ ok: true, warning: true });
    provider.document = {};
    provider.token = (_call, response) => sendJson(response, 500, {});
    expect(await make().probe()).toMatchObject({ ok: true, warning: true });
  });
});

describe('the settings', () => {
  const parse = (changes: Changes) => () => make(changes);
  it.each<[string, Changes]>([
    ['no secret', { client_secret: undefined }],
    ['a secret beside a key', { client_authentication: 'private_key_jwt', private_key: 'x' }],
    ['no key', { client_authentication: 'private_key_jwt', client_secret: undefined }],
    ['a prompt that lets nobody in', { prompt: 'none' }],
    ['no authentication at all', { client_authentication: 'none' }],
    ['scopes without openid', { scopes: ['profile'] }],
    ['a parameter that is ours', { parameters: { redirect_uri: 'https://evil.test' } }],
    ['a claim that people change', { reference_claim: 'email' }],
    ['a symmetric algorithm', { algorithms: ['HS256'] }],
    ['more time than an answer may take', { timeout_ms: 6_000 }],
  ])('with %s are refused', (_what, changes) => {
    expect(parse(changes)).toThrow(ZodError);
  });

  it('take no address that is never called', () => {
    expect(parse({ issuer: 'https://169.254.169.254' })).toThrow(/issuer/);
    expect(parse({ token_url: 'http://tokens.example.com/' })).toThrow(/token_url/);
  });
});

describe('a sign-out at the provider', () => {
  it('is read from its logout token, for our client alone, once', async () => {
    const login = make();
    const token = (more: Changes = {}) =>
      provider.signer.sign(
        {
          iss: provider.url,
          aud: 'chat bridge',
          sub: '4711',
          iat: nowSeconds(),
          exp: nowSeconds() + 120,
          jti: 'j-1',
          events: { 'http://schemas.openid.net/event/backchannel-logout': {} },
          ...more,
        },
        { typ: 'logout+jwt' },
      );
    const one = await token();
    expect(await login.readLogout?.(one)).toEqual({ outcome: 'ended', space: 'crm', reference: '4711' });
    expect(await login.readLogout?.(one)).toMatchObject({ outcome: 'refused', reason: 'replayed' });
    expect(await login.readLogout?.(await token({ aud: 'x' }))).toMatchObject({ reason: 'audience' });
    expect(await login.readLogout?.(await token({ iss: 'https://other.test' }))).toEqual({
      outcome: 'not_mine',
    });
  });
});
