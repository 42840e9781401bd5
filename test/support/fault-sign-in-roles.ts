/** Systems that say who a customer is, besides the log-in API: the company's site and its identity provider. */
import type { Destination, FaultRole, Told } from './fault-house.ts';
import { toldBy, withConnection, withWayIn } from './fault-roles.ts';
import { createSigner, type TestSigner } from './key-server.ts';
import { SHOP_ORIGIN, type TestService } from './service.ts';

const UNTOLD: Told = [503, 'AUTHENTICATOR_UNAVAILABLE'];

const SITE: Partial<Record<Destination, Told>> = {
  // By default these mean that nobody is signed in there.
  refusing: [401, 'NOT_SIGNED_IN'],
  unauthorized: [401, 'NOT_SIGNED_IN'],
  too_many: [503, 'SIGN_IN_BUSY'],
  // Every other call is answered, and this question may be asked twice.
  flapping: [200, ''],
};

/** The "who am I" address of the company's site. */
export const siteRole: FaultRole = {
  name: 'site',
  senseless: [],
  answers: { good: ({ isWrong }) => ({ user: { id: isWrong ? null : '4711' } }) },
  expected: (one) => SITE[one] ?? UNTOLD,
  settings: (all, { name, base, limits }) =>
    withWayIn(
      withConnection(all, name, { ...limits, base_url: base, allow_insecure_http: true }),
      {
        name,
        type: 'site_session',
        reference_space: name,
        connection: name,
        request: { path: '/me' },
        cookies: ['site_sid'],
        answer: { reference: 'user.id' },
      },
      { allowed_origins: [SHOP_ORIGIN], allowed_deliveries: ['token'] },
    ),
  knock: async (t, channel) =>
    toldBy(
      await t.api
        .post('/customer_authenticate')
        .set({ origin: SHOP_ORIGIN, 'x-symbolon-csrf': '1', cookie: 'site_sid=sid-mira' })
        .send({ channel }),
    ),
};

let signer: Promise<TestSigner> | undefined;
const signerOfAll = (): Promise<TestSigner> => (signer ??= createSigner('one'));
const CLIENT_ID = 'chat-bridge';
const keySet = async () => ({ keys: [(await signerOfAll()).publicJwk] });

/** A token of the identity provider that is this destination, fresh by the service's clock. */
async function idToken(claims: Record<string, unknown>, nowMs: number): Promise<string> {
  const iat = Math.floor(nowMs / 1_000);
  return (await signerOfAll()).sign({ aud: CLIENT_ID, sub: 'mira-7', iat, exp: iat + 300, ...claims });
}

/** Where an identity provider publishes its keys. */
export const keysRole: FaultRole = {
  name: 'keys',
  senseless: ['wrong_customer'],
  wantsTls: true,
  answers: { good: keySet },
  expected: () => UNTOLD,
  settings: (all, { name, base }) =>
    withWayIn(all, {
      name,
      type: 'jwt',
      reference_space: name,
      issuer: `https://${name}.example`,
      audiences: [CLIENT_ID],
      algorithms: ['ES256'],
      keys_url: base,
      require_jti: false,
    }),
  knock: async (t, name) =>
    toldBy(
      await t.api.post('/customer_authenticate').send({
        channel: name,
        delivery: 'token',
        subject_token: await idToken({ iss: `https://${name}.example` }, t.clock.nowMs()),
        subject_token_type: 'urn:ietf:params:oauth:token-type:id_token',
      }),
    ),
};

const RETURN_TO = `${SHOP_ORIGIN}/help`;

/** What a browser sees: where it is sent, and with which error if with any. */
function sentTo(response: Response): Told {
  const location = new URL(response.headers.get('location') ?? 'about:blank');
  return [response.status, location.searchParams.get('error') ?? ''];
}

const begin = (t: TestService, name: string) =>
  fetch(
    `${t.url}/customer_sign_in?${new URLSearchParams({ channel: name, return_to: RETURN_TO }).toString()}`,
    {
      redirect: 'manual',
    },
  );

const provider = { type: 'oidc' as const, client_id: CLIENT_ID, client_secret: 'Zk3vX9pQ7rT1wY5bN8mL2cD6' };
const page = { delivery: 'cookie', allowed_origins: [SHOP_ORIGIN] };
const timeout = ({ total_timeout_ms: ms }: { total_timeout_ms?: number }) =>
  ms === undefined ? {} : { timeout_ms: ms };

/** The discovery document of an identity provider, where a sign-in by redirect begins. */
export const discoveryRole: FaultRole = {
  name: 'discovery',
  senseless: [],
  wantsTls: true,
  answers: {
    good: ({ base, isWrong }) => ({
      issuer: isWrong ? 'https://somebody-else.example' : base,
      authorization_endpoint: `${base}/authorize`,
      token_endpoint: `${base}/token`,
      jwks_uri: `${base}/keys`,
    }),
  },
  well: [303, ''],
  // The page is told in the words of RFC 6749 section 4.1.2.1; the audit log says AUTHENTICATOR_UNAVAILABLE.
  expected: () => [303, 'temporarily_unavailable'],
  settings: (all, { name, base, limits }) =>
    withWayIn(all, { ...provider, ...timeout(limits), name, reference_space: name, issuer: base }, page),
  knock: async (t, name) => sentTo(await begin(t, name)),
};

/** The token endpoint of an identity provider, where a sign-in by redirect ends. */
export const exchangeRole: FaultRole = {
  name: 'exchange',
  senseless: [],
  wantsTls: true,
  answers: {
    good: async ({ rest, body, isWrong }) => {
      if (rest === '/keys') return keySet();
      // The test's code says for whom, with which nonce and when.
      const { nonce, ...claims } = JSON.parse(new URLSearchParams(body).get('code') ?? '{}') as Record<
        string,
        string
      >;
      const named = isWrong ? 'of-another-sign-in' : nonce;
      return {
        token_type: 'Bearer',
        id_token: await idToken({ ...claims, nonce: named }, Number(claims['now'])),
      };
    },
  },
  well: [303, ''],
  expected: (one) => [303, one === 'wrong_customer' ? 'access_denied' : 'temporarily_unavailable'],
  settings: (all, { name, base, wellBase, limits }) =>
    withWayIn(
      all,
      {
        ...provider,
        ...timeout(limits),
        name,
        reference_space: name,
        issuer: `https://${name}.example`,
        algorithms: ['ES256'],
        authorization_url: `https://${name}.example/authorize`,
        token_url: base,
        keys_url: `${wellBase}/keys`,
      },
      page,
    ),
  knock: async (t, name) => {
    const begun = await begin(t, name);
    const to = new URL(begun.headers.get('location') as string).searchParams;
    const iss = `https://${name}.example`;
    const code = JSON.stringify({ iss, nonce: to.get('nonce'), now: String(t.clock.nowMs()) });
    const back = new URLSearchParams({ code, state: to.get('state') as string, iss });
    const cookie = (begun.headers.getSetCookie()[0] as string).split(';')[0] as string;
    return sentTo(
      await fetch(`${t.url}/customer_sign_in/callback/${name}?${back.toString()}`, {
        redirect: 'manual',
        headers: { cookie },
      }),
    );
  },
};
