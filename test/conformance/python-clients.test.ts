import { execFileSync, spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PASSWORD } from '../support/service.ts';
import { freeLoopbackService, type TestService } from '../support/service-on-loopback.ts';

/** Debian's interpreter: the one that its packages belong to, whatever other one comes first in `PATH`. */
const PYTHON = '/usr/bin/python3';
const CLIENTS = join(import.meta.dirname, 'clients');
const REDIRECT = 'http://127.0.0.1:4711/callback';

/** Why a library cannot be tried here; empty when it can. */
function missing(module: string, packageName: string): string {
  try {
    execFileSync(PYTHON, ['-c', `import ${module}, requests`], { stdio: 'ignore' });
    return '';
  } catch {
    return ` (skipped: ${packageName} is not installed)`;
  }
}

let t: TestService;
beforeAll(async () => {
  t = await freeLoopbackService();
});
afterAll(() => t.dispose());

/** Runs one case of a client program and returns what it printed; throws with its own words when it failed. */
async function run<Printed>(
  program: string,
  name: string,
  settings: Record<string, unknown>,
): Promise<Printed> {
  const child = spawn(PYTHON, ['-B', '-W', 'ignore', join(CLIENTS, program)], {
    timeout: 30_000,
    env: { PATH: '/usr/bin:/bin', AUTHLIB_INSECURE_TRANSPORT: '1', OAUTHLIB_INSECURE_TRANSPORT: '1' },
  });
  const ended = once(child, 'close');
  const printed = Promise.all([text(child.stdout), text(child.stderr)]);
  child.stdin.end(JSON.stringify({ case: name, issuer: t.url, ...settings }));
  const [status] = await ended;
  const [out, err] = await printed;
  if (status !== 0) throw new Error(`${program} ${name} ended with ${String(status)}: ${err}`);
  return JSON.parse(out) as Printed;
}

const partnerClient = () => ({ client_id: t.north.clientId, client_secret: t.north.clientSecret });

async function register(settings: Record<string, unknown>): Promise<Record<string, string>> {
  const { body } = await t.admin
    .post('/admin/clients')
    .send({ partner: 'north', ...settings })
    .expect(201);
  return body as Record<string, string>;
}

const customer = { username: 'mira', password: PASSWORD, redirect_uri: REDIRECT };

const recognised = () => ({
  proven: true,
  partner: 'north',
  client_id: t.north.clientId,
  scopes: ['profile:read', 'whoami'],
});

type Members = Record<string, unknown>;

/** What the case `authorization_code` prints. */
interface Flow {
  profile: Members;
  first: Members;
  second: Members;
  introspection: Members;
  revocation: number;
  after_revocation: Members;
  renewal_after_revocation: string;
}

/** What an app has to get, whichever library it uses. */
function expectWholeFlow(flow: Flow, clientId: string): void {
  expect(flow.profile).toMatchObject({ profile: { plan: 'gold' }, sources: { crm: 'ok' } });
  expect(flow.first).toMatchObject({
    token_type: 'Bearer',
    expires_in: 600,
    refresh_token: expect.any(String),
  });
  expect(flow.second['refresh_token']).not.toBe(flow.first['refresh_token']);
  expect(flow.second['access_token']).not.toBe(flow.first['access_token']);
  expect(flow.introspection).toMatchObject({
    active: true,
    client_id: clientId,
    scope: 'profile:read',
    sub: flow.profile['customer_id'],
  });
  expect(flow.revocation).toBe(200);
  expect(flow.after_revocation).toEqual({ active: false });
  expect(flow.renewal_after_revocation).toBe('invalid_grant');
}

const noAuthlib = missing('authlib', 'python3-authlib');

describe.skipIf(noAuthlib !== '')(`Authlib${noAuthlib}`, () => {
  const authlib = <Printed>(name: string, settings: Members = {}) =>
    run<Printed>('authlib_client.py', name, settings);

  it('finds metadata in which it finds no fault', async () => {
    const metadata = await authlib<Members>('discovery');
    expect(metadata).toMatchObject({ issuer: t.url, token_endpoint: `${t.url}/oauth/token` });
  });

  it('gets a token with its secret in the header or in the body, and is recognised by it', async () => {
    const answers = await authlib<Record<string, { token: Members; whoami: Members }>>('client_credentials', {
      client: partnerClient(),
    });
    for (const method of ['client_secret_basic', 'client_secret_post']) {
      expect(answers[method]?.token).toMatchObject({ token_type: 'Bearer', expires_in: 600 });
      expect(answers[method]?.whoami).toMatchObject(recognised());
    }
  });

  it('learns that its secret is wrong by the error of RFC 6749', async () => {
    expect(await authlib('refused', { client: partnerClient() })).toEqual({
      client_secret_basic: 'invalid_client',
      client_secret_post: 'invalid_client',
    });
  });

  it('verifies access tokens and customer tokens with the published keys', async () => {
    const { JWT, customer_id } = await t.signIn('ios');
    const { access, customer: proof } = await authlib<
      Record<'access' | 'customer', { header: Members; claims: Members }>
    >('tokens', {
      client: partnerClient(),
      customer_token: JWT,
      channel: 'ios',
    });
    expect(access.header).toMatchObject({ typ: 'at+jwt', alg: 'ES256' });
    expect(access.claims).toMatchObject({ sub: t.north.clientId, client_id: t.north.clientId });
    expect(proof.header).toMatchObject({ typ: 'customer+jwt', alg: 'ES256' });
    expect(proof.claims['sub']).toBe(customer_id);
    expect(access.header['kid']).not.toBe(proof.header['kid']);
  });

  it.each(['client_secret_basic', 'client_secret_post'])(
    'connects an app with PKCE, renews, introspects and revokes by %s',
    async (method) => {
      const client = await register({ redirect_uris: [REDIRECT] });
      const flow = await authlib<Flow>('authorization_code', { ...customer, client, method });
      expectWholeFlow(flow, client['client_id'] as string);
    },
  );

  it.each(['ES256', 'RS256'])(
    'proves itself by assertions signed with %s, and one that lives an hour is refused',
    async (alg) => {
      const { publicKey, privateKey } =
        alg === 'ES256'
          ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
          : generateKeyPairSync('rsa', { modulusLength: 2048 });
      const client = await register({ jwks: { keys: [publicKey.export({ format: 'jwk' })] } });
      const { tokens, whoami, of_an_hour } = await authlib<{
        tokens: Members[];
        whoami: Members;
        of_an_hour: string;
      }>('private_key_jwt', {
        client,
        alg,
        private_key: privateKey.export({ format: 'pem', type: 'pkcs8' }),
      });
      expect(tokens).toHaveLength(2);
      expect(whoami).toMatchObject({ proven: true, client_id: client['client_id'] });
      expect(of_an_hour).toBe('invalid_client');
    },
  );
});

const noRequestsOauthlib = missing('requests_oauthlib', 'python3-requests-oauthlib');

describe.skipIf(noRequestsOauthlib !== '')(`requests-oauthlib${noRequestsOauthlib}`, () => {
  const requestsOauthlib = <Printed>(name: string, settings: Members) =>
    run<Printed>('requests_oauthlib_client.py', name, settings);

  it('gets a token at either endpoint with its secret in the header or in the body', async () => {
    type Answer = { token: { expires_in: unknown; expires_at: number }; whoami: Members };
    const answers = await requestsOauthlib<Record<string, Answer>>('client_credentials', {
      client: partnerClient(),
    });
    for (const path of ['/oauth/token', '/access_token']) {
      for (const method of ['basic', 'body']) {
        const { token, whoami } = answers[`${path} ${method}`] as Answer;
        expect(token.expires_in).toBe(path === '/oauth/token' ? 600 : '600');
        // It understands both spellings of the lifetime.
        expect(token.expires_at - Date.now() / 1000).toBeGreaterThan(500);
        expect(whoami).toMatchObject(recognised());
      }
    }
  });

  it('connects an app with PKCE, renews by itself, introspects and revokes', async () => {
    const client = await register({ redirect_uris: [REDIRECT] });
    const flow = await requestsOauthlib<Flow & { renewals: number }>('authorization_code', {
      ...customer,
      client,
    });
    expect(flow.renewals).toBe(1);
    expectWholeFlow(flow, client['client_id'] as string);
  });
});
