/** The company's own systems: profile backend, its token endpoint, log-in API. */
import type { ConfigInput } from '../../src/config/config.ts';
import type { Destination, FaultRole, RolePlace, Told } from './fault-house.ts';
import { PASSWORD, type TestService } from './service.ts';

/** Status and code of an answer in the envelope. */
export function toldBy({ status, body }: { status: number; body: unknown }): Told {
  return [status, (body as { error?: { code: string } } | undefined)?.error?.code ?? ''];
}

/** Customer tokens of the north partner by service; one serves for a whole table. */
const proofs = new WeakMap<TestService, Promise<string>>();
export function proofOf(t: TestService): Promise<string> {
  const known = proofs.get(t) ?? t.signIn('ios').then(({ JWT }) => JWT);
  proofs.set(t, known);
  return known;
}

const BACKEND: Record<Destination, Told> = {
  down: [503, 'BACKEND_UNAVAILABLE'],
  black_hole: [503, 'BACKEND_UNAVAILABLE'],
  moved_inside: [502, 'BACKEND_ERROR'],
  refusing: [502, 'BACKEND_ERROR'],
  slow: [504, 'BACKEND_TIMEOUT'],
  drip: [504, 'BACKEND_TIMEOUT'],
  huge: [502, 'BACKEND_ERROR'],
  gzip_bomb: [502, 'BACKEND_ERROR'],
  invalid_json: [502, 'BACKEND_ERROR'],
  wrong_type: [502, 'BACKEND_ERROR'],
  html_with_200: [502, 'BACKEND_ERROR'],
  redirect_inside: [502, 'BACKEND_ERROR'],
  wrong_customer: [502, 'BACKEND_ERROR'],
  too_many: [503, 'BACKEND_UNAVAILABLE'],
  unauthorized: [502, 'BACKEND_ERROR'],
  failing: [503, 'BACKEND_UNAVAILABLE'],
  cut_off: [502, 'BACKEND_ERROR'],
  // Every other call is answered, and a question may be asked twice.
  flapping: [200, ''],
};

const withBackend = (all: ConfigInput, { name }: RolePlace): ConfigInput => ({
  ...all,
  backends: [
    ...(all.backends ?? []),
    {
      name,
      connection: name,
      path: '/profile',
      identifier: { as: 'opaque', in: 'header', name: 'X-Customer' },
      subject: 'customer',
      fields: { [name]: 'plan' },
    },
  ],
});

type ConnectionInput = NonNullable<ConfigInput['connections']>[string];
export const withConnection = (all: ConfigInput, name: string, one: ConnectionInput): ConfigInput => ({
  ...all,
  connections: { ...all.connections, [name]: one },
});

const askProfile = async (t: TestService, name: string): Promise<Told> =>
  toldBy(
    await t.api
      .post('/getprofile')
      .set({ authorization: `Bearer ${t.north.key.secret}`, 'customer-auth': `JWT ${await proofOf(t)}` })
      .send({ fields: [name] }),
  );

export const profileRole: FaultRole = {
  name: 'profile',
  senseless: [],
  answers: {
    good: ({ headers, isWrong }) => ({
      customer: isWrong ? 'somebody-else' : headers['x-customer'],
      plan: 'gold',
    }),
  },
  expected: (one) => BACKEND[one],
  settings: (all, place) =>
    withConnection(withBackend(all, place), place.name, {
      ...place.limits,
      base_url: place.base,
      allow_insecure_http: true,
    }),
  knock: askProfile,
};

/** Credentials for a profile backend, which itself is well. */
export const tokenRole: FaultRole = {
  name: 'token',
  senseless: ['wrong_customer'],
  answers: {
    good: ({ headers, rest }) =>
      rest === ''
        ? { access_token: 'faulty-token-0123456789', token_type: 'Bearer', expires_in: 60 }
        : { customer: headers['x-customer'], plan: 'gold' },
  },
  expected: () => [503, 'BACKEND_UNAVAILABLE'],
  settings: (all, place) =>
    withConnection(withBackend(all, place), place.name, {
      ...place.limits,
      base_url: place.wellBase,
      allow_insecure_http: true,
      auth: [
        {
          type: 'client_credentials',
          token_url: place.base,
          client_id: 'bridge',
          client_secret: 'a-secret-of-ours-91',
        },
      ],
    }),
  knock: askProfile,
};

const UNTOLD: Told = [503, 'AUTHENTICATOR_UNAVAILABLE'];
const LOGIN: Partial<Record<Destination, Told>> = {
  // By default these mean a wrong name or password.
  refusing: [401, 'INVALID_CREDENTIALS'],
  unauthorized: [401, 'INVALID_CREDENTIALS'],
  too_many: [503, 'SIGN_IN_BUSY'],
};

/** An authenticator, and a channel of its own that only it lets in. */
export function withWayIn(
  all: ConfigInput,
  authenticator: NonNullable<ConfigInput['authenticators']>[number],
  channel: Record<string, unknown> = {},
): ConfigInput {
  const { name } = authenticator;
  return {
    ...all,
    authenticators: [...(all.authenticators ?? []), authenticator],
    channels: [
      ...(all.channels ?? []),
      { id: name, group: 'north', delivery: 'token', authenticators: [name], ...channel },
    ],
  };
}

export const loginRole: FaultRole = {
  name: 'login',
  senseless: [],
  answers: { good: ({ isWrong }) => ({ id: isWrong ? null : '4711' }) },
  expected: (one) => LOGIN[one] ?? UNTOLD,
  settings: (all, { name, base, limits }) =>
    withWayIn(withConnection(all, name, { ...limits, base_url: base, allow_insecure_http: true }), {
      name,
      type: 'http',
      reference_space: name,
      connection: name,
      request: { path: '/login' },
      answer: { reference: 'id' },
    }),
  knock: async (t, name) =>
    toldBy(
      await t.api
        .post('/customer_authenticate')
        .send({ username: 'mira', password: PASSWORD, channel: name, delivery: 'token' }),
    ),
};
