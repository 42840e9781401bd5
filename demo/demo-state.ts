/**
 * `demo.json`: everything that a script needs to try the demo. It holds secrets, so it is readable by its owner alone;
 * it is kept over restarts, so that passwords, keys and addresses stay the same.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { parseJsonObject } from './json.ts';

export interface DemoCustomer {
  username: string;
  password: string;
  reference: string;
}

export interface DemoClient {
  partner: string;
  client_id: string;
  client_secret: string;
  scopes: string[];
}

/** A chat vendor that redeems codes at the bridge. */
export interface VendorClientCredentials {
  vendor: string;
  client_id: string;
  client_secret: string;
}

/** A key with which a partner calls chat platforms through the bridge (scope `partner:call`). */
export interface PlatformKey {
  partner: string;
  /** Public id, `pk_…`. */
  id: string;
  /** Secret, `sk_…`. */
  secret: string;
}

/** `plain`: bearer use. `signed`: signing use. `expired`: over. `restricted`: lacks `profile:read`. `tight`: for a small tier. */
export type DemoKeyLabel = 'plain' | 'signed' | 'expired' | 'restricted' | 'tight';

export const SIGNATURE_SCHEMES = ['none', 'v1', 'v2', 'any'] as const;

export interface DemoApiKey {
  partner: string;
  /** Public id, `pk_…`. */
  id: string;
  /** Secret, `sk_…`. */
  secret: string;
  use: 'bearer' | 'signing';
  /** What a key asks of its requests: a scheme of signatures, `any` of them, or `none`. */
  signature: (typeof SIGNATURE_SCHEMES)[number];
  scopes: string[];
  label: DemoKeyLabel;
}

/** The content of `demo.json`. First client, first key and default channel belong to one partner. */
export interface DemoState {
  public_url: string;
  admin_url: string;
  ops_url: string;
  shop_url: string;
  /** The chat vendor's server. */
  vendor_url: string;
  admin_token: string;
  customers: DemoCustomer[];
  clients: DemoClient[];
  vendor_clients: VendorClientCredentials[];
  platform_keys: PlatformKey[];
  api_keys: DemoApiKey[];
  channels: { id: string; partner: string; delivery: 'cookie' | 'token' }[];
  default_channel: string;
  backends: { name: string; url: string }[];
  fields_by_partner: Record<string, string[]>;
}

const path = (dataDir: string) => join(dataDir, 'demo.json');

/** What an earlier run left; a part of the wrong shape is left out, and made anew by the caller. */
export function readDemoState(dataDir: string): Partial<DemoState> {
  if (!existsSync(path(dataDir))) return {};
  const LISTS = new Set([
    'customers',
    'clients',
    'vendor_clients',
    'platform_keys',
    'api_keys',
    'channels',
    'backends',
  ]);
  const entries = Object.entries(parseJsonObject(readFileSync(path(dataDir), 'utf8')));
  return Object.fromEntries(
    entries.filter(([name, value]) => (LISTS.has(name) ? Array.isArray(value) : typeof value === 'string')),
  );
}

/** Writes the whole file at once: a reader sees the old content or the new, never half of it. */
export function writeDemoState(dataDir: string, state: DemoState): void {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const temporary = `${path(dataDir)}.${process.pid}.tmp`;
  const file = openSync(temporary, 'w', 0o600);
  try {
    writeSync(file, `${JSON.stringify(state, null, 2)}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(temporary, path(dataDir));
}
