import { createHash } from 'node:crypto';
import type { Channel } from '../../../src/channels/channel.ts';
import type { VendorCode, VendorCodeRequest } from '../../../src/channels/vendor-codes.ts';
import type { ClientSettings } from '../../../src/clients/client-registration.ts';
import { parseConfig } from '../../../src/config/load.ts';
import { createGetProfile } from '../../../src/customers/profile/get-profile.ts';
import { BridgeError, OAuthError } from '../../../src/errors.ts';
import { createIdentities } from '../../../src/customers/identities.ts';
import type { Backend } from '../../../src/backends/backend-types.ts';
import type {
  CustomerIdentifier,
  CustomerReference,
  ReferenceSpace,
} from '../../../src/identifiers/identifier.ts';
import { createAuthorizationServer } from '../../../src/service/authorization-server.ts';
import { configuredChannels } from '../../../src/service/configured-channels.ts';
import type { CustomerSession } from '../../../src/sessions/session.ts';
import { createEndedReferences } from '../../../src/sessions/ended-references.ts';
import { createSessions } from '../../../src/sessions/sessions.ts';
import { createAccessTokens } from '../../../src/tokens/access-token.ts';
import type { SigningAlgorithm } from '../../../src/tokens/signing-key-types.ts';
import { createCustomerTokens } from '../../../src/tokens/customer-token.ts';
import { ADMIN, openRooms } from '../fixture.ts';

export const ISSUER = 'https://id.test';
export const VENDOR_PAGE = 'https://www.shop.test/chat';
const SPACE = 'crm' as ReferenceSpace;

/**
 * The authorization server as the service wires it, over a memory database, without HTTP. ID tokens are signed with
 * ES256, whose keys are made in no time, unless a test is about the default.
 */
export async function openAuthorizationServer(
  backends: readonly Backend[] = [],
  idAlgorithm: SigningAlgorithm = 'ES256',
) {
  const rooms = await openRooms({ idAlgorithm });
  const { stores, keyring, clock, audit, metrics, partners, revocations, rings } = rooms;
  const config = parseConfig(
    {
      public_url: ISSUER,
      behind_tls_proxy: true,
      storage: { database_url: 'file::memory:' },
      keys: { encryption_keys: [] },
      default_channel: 'web',
      channels: [
        { id: 'web', group: 'vendor' },
        { id: 'ios', group: 'vendor' },
        { id: 'other', group: 'other' },
      ],
    },
    { production: false },
  );
  await partners.create(
    'vendor',
    { name: 'Vendor', channelGroups: ['vendor'], visibleFields: ['mail', 'plan'], tier: 'production' },
    ADMIN,
  );
  await rooms.addPartner('other');
  const channels = configuredChannels(config);
  const sessions = createSessions({
    keyring,
    clock,
    revocations,
    lifetimes: { idleSeconds: 1_800, absoluteSeconds: 28_800 },
    maxTokenLifetimeSeconds: 28_800,
  });
  const tokenDeps = { rings, keyring, clock, metrics, issuer: ISSUER, clockToleranceSeconds: 5 };
  const accessTokens = createAccessTokens({ ...tokenDeps, lifetimeSeconds: 600 });
  const customerTokens = createCustomerTokens(tokenDeps);
  const server = await createAuthorizationServer({
    config,
    stores,
    replays: stores.replays,
    keyring,
    clock,
    audit,
    partners,
    revocations,
    standings: rooms.standings,
    survivorOf: rooms.survivorOf,
    channels,
    sessions,
    identities: createIdentities({ ...stores, store: stores.customers, keyring, clock, audit }),
    endedReferences: createEndedReferences({ keyring, revocations, clock }),
    accessTokens,
    customerTokens,
    rings,
    getProfile: createGetProfile({ backends, audit }),
    newAddresses: { note: () => {} },
    usage: { note: () => {} },
  });

  const signIn = (reference = '4711', channelId = 'web'): CustomerSession => {
    const { group, id } = channels.find(channelId) as Channel;
    const subject = { group, space: SPACE, reference: reference as CustomerReference };
    const customerId = `c1${createHash('sha256')
      .update(`${group} ${reference}`)
      .digest('hex')
      .replaceAll(/[0189]/g, 'z')
      .slice(0, 32)}` as CustomerIdentifier;
    return sessions.start({ ...subject, customerId, channel: id, authenticator: 'directory' });
  };

  const register = async (settings: Partial<ClientSettings> = {}) => {
    const { client, secret } = await server.clients.create(
      {
        partner: 'vendor',
        label: 'Vendor',
        scopes: [],
        grantTypes: ['authorization_code', 'refresh_token'],
        party: 'first',
        redirectUris: [VENDOR_PAGE],
        openid: { pkce: 'required', claims: {}, claimsInIdToken: false, acr: undefined },
        ...settings,
      },
      ADMIN,
    );
    return { clientId: client.clientId as string, secret: secret as string };
  };
  type TestVendor = Awaited<ReturnType<typeof register>>;

  const facts = { requestId: 'req-1', address: '192.0.2.9' };
  return {
    ...rooms,
    server,
    sessions,
    accessTokens,
    customerTokens,
    signIn,
    register,
    channel: channels.find('web') as Channel,
    /** A code for the page of this session. */
    code: (session: CustomerSession, vendor: TestVendor, more: Partial<VendorCodeRequest> = {}) =>
      server.vendorCodes.issue({
        session,
        channel: channels.find('web') as Channel,
        client: vendor.clientId,
        ...facts,
        ...more,
      }),
    /** What the vendor's server sends to the token endpoint. */
    ask: (vendor: TestVendor, parameters: Record<string, string>) =>
      server.endpoints.tokenEndpoint({ parameters, basic: vendor, ...facts }),
    redemption: (code: VendorCode, more: Record<string, string> = {}): Record<string, string> => ({
      grant_type: 'authorization_code',
      code: code.code,
      redirect_uri: code.redirectUri,
      ...(code.codeVerifier === undefined ? {} : { code_verifier: code.codeVerifier }),
      ...more,
    }),
  };
}

export type TestProvider = Awaited<ReturnType<typeof openAuthorizationServer>>;

/** The error code of what is refused. */
export async function refusal(attempt: Promise<unknown>): Promise<string> {
  const error = await attempt.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  if (error instanceof BridgeError || error instanceof OAuthError) return error.code;
  throw error ?? new Error('it was not refused');
}

/** The claims of a compact token, unverified. */
export function claimsOf(token: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(token.split('.')[1] as string, 'base64url').toString()) as Record<
    string,
    unknown
  >;
}
