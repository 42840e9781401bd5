/** How the sample company has set up its bridge: the same settings as in a `symbolon.yaml`, written as an object. */
import { join } from 'node:path';
import type { ConfigInput } from '../src/config/config.ts';
import type { BackendCredentials } from './profile-backend.ts';

/** The reference space and directory of the demo's customers. */
export const DIRECTORY = 'directory';

/** Wide enough for a load test: the demo is also measured. */
const DEMO_TIER = 'generous';

export const PARTNERS = [
  {
    id: 'chat-vendor',
    name: 'Chat vendor',
    channel_groups: ['chat-vendor'],
    visible_fields: ['display_name', 'plan', 'balance', 'currency', 'next_invoice_date'],
    tier: DEMO_TIER,
  },
  {
    id: 'second-vendor',
    name: 'Second vendor',
    channel_groups: ['second-vendor'],
    visible_fields: ['display_name', 'email'],
    tier: DEMO_TIER,
  },
];

export const DEFAULT_CHANNEL = 'web';

/** The channels; each group is named after the partner that owns it. */
export const CHANNELS = [
  { id: 'web', partner: 'chat-vendor', delivery: 'cookie' },
  { id: 'ios', partner: 'chat-vendor', delivery: 'token' },
  { id: 'android', partner: 'chat-vendor', delivery: 'token' },
  { id: 'web-second', partner: 'second-vendor', delivery: 'cookie' },
] as const;

export interface BridgeAddresses {
  publicUrl: string;
  bridgePort: number;
  adminPort: number;
  opsPort: number;
  shopUrl: string;
  backendUrl: string;
}

/** Settings of the demo's bridge; `backend` are the bridge's own credentials at the profile APIs. */
export function bridgeConfig(options: {
  dataDir: string;
  addresses: BridgeAddresses;
  adminToken: string;
  backend: BackendCredentials;
  /** Connections to chat platforms. */
  platforms: NonNullable<ConfigInput['connections']>;
  /** Channels of the chat vendors. */
  vendorChannels: NonNullable<ConfigInput['channels']>;
}): ConfigInput {
  const { dataDir, addresses, backend } = options;
  const host = '127.0.0.1';
  return {
    public_url: addresses.publicUrl,
    listen: { host, port: addresses.bridgePort },
    admin: { host, port: addresses.adminPort, token: options.adminToken },
    ops: { host, port: addresses.opsPort },
    data_dir: dataDir,
    storage: { database_url: `file:${join(dataDir, 'demo.db')}` },
    keys: { generate: true },
    log: { level: 'error' },
    limits: {
      defaults: { api_key: DEMO_TIER, client: DEMO_TIER, session: DEMO_TIER, address: DEMO_TIER },
    },
    default_channel: DEFAULT_CHANNEL,
    channels: [
      ...CHANNELS.map(({ id, partner, delivery }) => ({
        id,
        group: partner,
        delivery,
        authenticators: [DIRECTORY],
        allowed_deliveries: delivery === 'token' ? [delivery] : [delivery, 'token' as const],
        allowed_origins: delivery === 'token' ? [] : [addresses.shopUrl],
      })),
      ...options.vendorChannels,
    ],
    authenticators: [{ name: DIRECTORY, type: 'directory', reference_space: DIRECTORY }],
    connections: {
      ...options.platforms,
      company: {
        base_url: addresses.backendUrl,
        auth: [
          {
            type: 'client_credentials',
            token_url: `${addresses.backendUrl}/oauth/token`,
            client_id: backend.clientId,
            client_secret: backend.clientSecret,
          },
          { type: 'api_key', header: 'x-api-key', value: backend.apiKey },
        ],
      },
    },
    backends: [
      {
        name: 'crm',
        connection: 'company',
        method: 'GET',
        path: '/crm/customer',
        identifier: { as: 'reference', in: 'header', name: 'x-customer-reference' },
        fields: { display_name: 'contact.display_name', email: 'contact.email', plan: 'contact.plan' },
        subject: 'account',
      },
      {
        name: 'billing',
        connection: 'company',
        method: 'POST',
        path: '/billing/account',
        identifier: { as: 'reference', in: 'body', name: 'account' },
        fields: { balance: 'balance', currency: 'currency', next_invoice_date: 'next_invoice_date' },
        subject: 'account',
      },
    ],
  };
}
