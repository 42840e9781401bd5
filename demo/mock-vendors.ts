/**
 * The chat vendors of the page `/vendors`. Each checks what its widget was handed as its own documentation says, with
 * keys that it got as a vendor gets them, and knows nothing of how proofs are made.
 */
import type { ConfigInput } from '../src/config/config.ts';
import { checkingVendors } from '../test/vendors/all-vendors.ts';
import { admitAtGenesys } from '../test/vendors/code-vendors.ts';
import { readGivenKey } from '../test/vendors/published-key-vendors.ts';
import { startSendbird } from '../test/vendors/token-vendors.ts';
import { type Handed, type Visitor, VendorRefused } from '../test/vendors/vendor.ts';
import type { VendorClientCredentials } from './demo-state.ts';
import { type JsonObject, objectOrEmpty, parseJsonObject } from './json.ts';
import type { VendorBridgeClient } from './vendor-bridge-client.ts';

type ChannelInput = NonNullable<ConfigInput['channels']>[number];

/** The vendors in the order of the picker; each is the id of its channel and of its channel profile. */
export const VENDOR_IDS = [
  'asapp',
  'zendesk',
  'intercom',
  'salesforce',
  'genesys',
  'twilio',
  'stream',
  'chatwoot',
  'sendbird',
] as const;
type VendorId = (typeof VENDOR_IDS)[number];

const isVendorId = (id: string): id is VendorId => (VENDOR_IDS as readonly string[]).includes(id);

/** Short, so that a visitor of the demo sees a renewal. */
const PROOF_LIFETIME_SECONDS = 120;
/** Sendbird knows users that the company made there before; here it made all of them. */
const ALL_CUSTOMERS = { includes: (user: string) => /^c1[a-z2-7]{32}$/.test(user) };
/** The company asks Sendbird's API through this connection. */
const CONNECTION = 'sendbird';
const MAX_SLEPT_SECONDS = 7 * 86_400;

/** What the vendors need of a running bridge. */
export interface BridgeForVendors {
  url: string;
  genesys: VendorClientCredentials;
  profiles: VendorBridgeClient;
  nowMs(): number;
}

export interface MockVendors {
  /** Settings of the bridge: how the company calls Sendbird. */
  connections: NonNullable<ConfigInput['connections']>;
  /** Channels of the bridge in one group; without a client of Genesys all but that one. */
  channels(options: { group: string; origin: string; genesysClientId: string | undefined }): ChannelInput[];
  /**
   * A widget shows `body` (JSON: `token`, `web`, `slept_seconds` since the token was made) to the vendor `id`: 200 with
   * the customer that the vendor greets, or its own refusal.
   */
  admit(id: string, body: string, bridge: BridgeForVendors): Promise<{ status: number; body: JsonObject }>;
  close(): Promise<void>;
}

function settingsOf(id: VendorId): Pick<ChannelInput, 'settings' | 'proof_lifetime_seconds'> {
  const settings = id === 'sendbird' ? { connection: CONNECTION } : { ...checkingVendors.get(id)?.console };
  switch (id) {
    case 'asapp':
    case 'genesys':
    case 'chatwoot':
      return { settings };
    default:
      return { settings, proof_lifetime_seconds: PROOF_LIFETIME_SECONDS };
  }
}

function channelOf(
  id: VendorId,
  options: { group: string; origin: string; genesysClientId: string | undefined },
): ChannelInput {
  const { group, origin, genesysClientId: client } = options;
  return {
    id,
    group,
    profile: id,
    delivery: 'cookie',
    allowed_origins: [origin],
    token_lifetime_seconds: PROOF_LIFETIME_SECONDS,
    ...settingsOf(id),
    ...(id === 'genesys' && client !== undefined ? { client } : {}),
  };
}

/** ASAPP checks nothing: it passes the token on when it calls the company, whose answer counts. */
async function admitAtAsapp({ web }: Handed, { profiles }: BridgeForVendors): Promise<Visitor> {
  const { Token } = objectOrEmpty(web['Auth']);
  const outcome = await profiles.getProfile(typeof Token === 'string' ? Token : 'none', ['display_name']);
  if (outcome.outcome === 'unreachable') throw new VendorRefused('the company does not answer', 502);
  if (outcome.outcome === 'refused') {
    throw new VendorRefused(`the company answered ${outcome.status} ${outcome.code}`, 401);
  }
  if (outcome.customerId !== web['CustomerId']) throw new VendorRefused('CustomerId and token differ', 401);
  return { customer: outcome.customerId, told: {} };
}

/** Seconds on the vendor's clock: as far ahead as the page says that it slept since it got the proof. */
function sleptSeconds(value: unknown): number {
  const seconds = typeof value === 'number' && Number.isFinite(value) ? Math.floor(value) : 0;
  return Math.min(Math.max(seconds, 0), MAX_SLEPT_SECONDS);
}

export async function startMockVendors(): Promise<MockVendors> {
  const sendbird = await startSendbird(ALL_CUSTOMERS);

  async function visit(id: VendorId, body: string, bridge: BridgeForVendors): Promise<Visitor> {
    const { token, web, slept_seconds } = parseJsonObject(body);
    const handed: Handed = { token: typeof token === 'string' ? token : '', web: objectOrEmpty(web) };
    const now = Math.floor(bridge.nowMs() / 1000) + sleptSeconds(slept_seconds);
    if (id === 'asapp') return admitAtAsapp(handed, bridge);
    if (id === 'sendbird') return sendbird.admit(handed.web, handed.token, now * 1000);
    if (id === 'genesys') {
      const { client_id: clientId, client_secret: clientSecret } = bridge.genesys;
      const discovery = `${bridge.url}/.well-known/openid-configuration`;
      return admitAtGenesys(handed, { discovery, clientId, clientSecret, now });
    }
    const vendor = checkingVendors.get(id);
    if (!vendor) throw new VendorRefused('no such vendor', 404);
    const given = id === 'salesforce' ? handed.web['identityToken'] : undefined;
    const key = typeof given === 'string' ? await readGivenKey(bridge.url, given) : undefined;
    return vendor.admit(handed, { now, key });
  }

  return {
    connections: {
      [CONNECTION]: {
        base_url: sendbird.baseUrl,
        auth: [{ type: 'api_key', header: 'api-token', value: sendbird.credentials['api-token'] as string }],
      },
    },
    channels: (options) =>
      VENDOR_IDS.filter((id) => id !== 'genesys' || options.genesysClientId !== undefined).map((id) =>
        channelOf(id, options),
      ),
    async admit(id, body, bridge) {
      if (!isVendorId(id)) return { status: 404, body: { error: 'There is no such vendor.' } };
      try {
        const { customer } = await visit(id, body, bridge);
        return { status: 200, body: { customer } };
      } catch (error) {
        // What a vendor cannot read at all it refuses, too.
        const refused =
          error instanceof VendorRefused ? error : new VendorRefused('the proof cannot be read');
        return { status: refused.status, body: { error: refused.message } };
      }
    },
    close: async () => sendbird[Symbol.asyncDispose](),
  };
}
