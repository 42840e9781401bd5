/** Systems of chat vendors: partner APIs as partners and operators call them, their tokens, and vendors' own proofs. */
import type { Destination, FaultRole, RolePlace, Told } from './fault-house.ts';
import { proofOf, toldBy, withConnection } from './fault-roles.ts';
import { SHOP_ORIGIN, type TestService } from './service.ts';

const PASS: Record<Destination, Told> = {
  down: [503, 'PARTNER_API_UNAVAILABLE'],
  black_hole: [503, 'PARTNER_API_UNAVAILABLE'],
  moved_inside: [502, 'PARTNER_API_ERROR'],
  // 401 and 403 speak of our credentials.
  refusing: [503, 'PARTNER_API_UNAVAILABLE'],
  unauthorized: [503, 'PARTNER_API_UNAVAILABLE'],
  slow: [504, 'PARTNER_API_TIMEOUT'],
  drip: [504, 'PARTNER_API_TIMEOUT'],
  huge: [502, 'PARTNER_API_ERROR'],
  gzip_bomb: [502, 'PARTNER_API_ERROR'],
  invalid_json: [502, 'PARTNER_API_ERROR'],
  wrong_type: [502, 'PARTNER_API_ERROR'],
  html_with_200: [502, 'PARTNER_API_ERROR'],
  redirect_inside: [502, 'PARTNER_API_ERROR'],
  wrong_customer: [200, ''],
  too_many: [429, 'PARTNER_LIMIT_REACHED'],
  failing: [503, 'PARTNER_API_UNAVAILABLE'],
  cut_off: [502, 'PARTNER_API_ERROR'],
  // A message is never sent twice.
  flapping: [503, 'PARTNER_API_UNAVAILABLE'],
};

/** Keys that may call partner APIs, by service. */
const keys = new WeakMap<TestService, Promise<string>>();
function callerOf(t: TestService): Promise<string> {
  const known =
    keys.get(t) ?? t.createKey(t.north, { scopes: ['partner:call'] }).then(({ secret }) => secret);
  keys.set(t, known);
  return known;
}

const MESSAGE = { message: { text: 'Your parcel is on its way.' } };

const sendMessage = async (t: TestService, name: string): Promise<Told> =>
  toldBy(
    await t.api
      .post(`/partners/${name}/v1/messages/send`)
      .set({ authorization: `Bearer ${await callerOf(t)}`, 'customer-auth': `JWT ${await proofOf(t)}` })
      .send(MESSAGE),
  );

const messenger = ({ base, limits }: Pick<RolePlace, 'base' | 'limits'>) => ({
  ...limits,
  preset: 'messengerx' as const,
  base_url: base,
  allow_insecure_http: true,
  auth: [{ type: 'bearer' as const, token: 'a-key-of-the-messenger-91' }],
  pass_through: { partners: ['north'] },
});

const answers = { good: () => ({ status: 'queued' }) };

/** `POST /partners/NAME/…`. */
export const passRole: FaultRole = {
  name: 'pass',
  senseless: ['wrong_customer'],
  answers,
  expected: (one) => PASS[one],
  settings: (all, place) => withConnection(all, place.name, messenger(place)),
  knock: sendMessage,
};

const CALL: Partial<Record<Destination, Told>> = {
  // Whoever sets a connection up sees what it says, of our credentials, too.
  refusing: [200, 'answered 403'],
  unauthorized: [200, 'answered 401'],
  redirect_inside: [200, 'answered 302'],
  too_many: [200, 'answered 429'],
  failing: [200, 'answered 503'],
};

/** `symbolon call`, by the admin API behind it. */
export const callRole: FaultRole = {
  name: 'call',
  senseless: ['wrong_customer'],
  answers,
  expected: (one) => CALL[one] ?? PASS[one],
  settings: (all, place) => withConnection(all, place.name, messenger(place)),
  knock: async (t, name) => {
    const answer = await t.admin
      .post(`/admin/connections/${name}/calls`)
      .send({ method: 'GET', path: '/v1/messages' });
    const shown = (answer.body as { status?: number }).status;
    return answer.status === 200 && shown !== 200 ? [200, `answered ${shown}`] : toldBy(answer);
  },
};

/** The token endpoint of a partner API that a person connected once: its grant is renewed with a refresh token. */
export const refreshRole: FaultRole = {
  name: 'refresh',
  senseless: ['wrong_customer'],
  answers: {
    good: ({ rest }) =>
      rest.startsWith('/token')
        ? {
            access_token: 'faulty-token-0123456789',
            token_type: 'Bearer',
            expires_in: 120,
            refresh_token: 'r-0123456789',
          }
        : { status: 'queued' },
  },
  expected: () => [503, 'PARTNER_API_UNAVAILABLE'],
  settings: (all, { name, base, wellBase, limits }) =>
    withConnection(all, name, {
      ...messenger({ base: wellBase, limits }),
      auth: [
        {
          type: 'authorization_code',
          authorization_url: `${wellBase}/authorize`,
          token_url: `${base}/token`,
          client_id: 'bridge',
          client_secret: 'a-secret-of-ours-91',
        },
      ],
    }),
  knock: sendMessage,
};

const VENDOR: Partial<Record<Destination, Told>> = {
  down: [503, 'CHANNEL_VENDOR_UNAVAILABLE'],
  black_hole: [503, 'CHANNEL_VENDOR_UNAVAILABLE'],
  slow: [503, 'CHANNEL_VENDOR_UNAVAILABLE'],
  drip: [503, 'CHANNEL_VENDOR_UNAVAILABLE'],
  too_many: [503, 'CHANNEL_VENDOR_UNAVAILABLE'],
  failing: [503, 'CHANNEL_VENDOR_UNAVAILABLE'],
  flapping: [503, 'CHANNEL_VENDOR_UNAVAILABLE'],
};

const cookies = new WeakMap<TestService, Promise<string>>();
function cookieFor(t: TestService): Promise<string> {
  const known = cookies.get(t) ?? t.signInWithCookie();
  cookies.set(t, known);
  return known;
}

/** The API of a chat vendor that gives the proof for its channel. */
export const vendorRole: FaultRole = {
  name: 'vendor',
  senseless: ['wrong_customer'],
  answers: { good: () => ({ token: 'session-token-0123456789' }) },
  expected: (one) => VENDOR[one] ?? [502, 'CHANNEL_VENDOR_ERROR'],
  settings: (all, { name, base, limits }) => ({
    ...withConnection(all, name, {
      ...limits,
      base_url: base,
      allow_insecure_http: true,
      auth: [{ type: 'api_key', header: 'api-token', value: 'vendor-api-8d1f6c2a90' }],
    }),
    channels: [
      ...(all.channels ?? []),
      {
        id: name,
        group: 'north',
        allowed_origins: [SHOP_ORIGIN],
        profile: 'sendbird',
        settings: { connection: name },
        authenticators: ['directory'],
      },
    ],
  }),
  knock: async (t, name) =>
    toldBy(
      await t.api
        .post(`/channels/${name}/token`)
        .set({ cookie: await cookieFor(t), origin: SHOP_ORIGIN, 'x-symbolon-csrf': '1' })
        .send({}),
    ),
};
