/**
 * Fills the demo's bridge as an administrator would: through its admin API. What an earlier run made is kept as long
 * as both the bridge and `demo.json` still know it; only what is missing is made.
 */
import { randomBytes } from 'node:crypto';
import { CHANNELS, DIRECTORY, PARTNERS } from './bridge-config.ts';
import {
  type DemoApiKey,
  type DemoClient,
  type DemoCustomer,
  type DemoKeyLabel,
  type DemoState,
  type PlatformKey,
  SIGNATURE_SCHEMES,
  type VendorClientCredentials,
} from './demo-state.ts';
import { type JsonObject, objectOrEmpty } from './json.ts';

const DAY_MS = 86_400_000;

/** Makes one call to the admin API and gives its answer. Throws on any refusal. */
export type AdminCall = (
  method: 'GET' | 'PATCH' | 'POST' | 'PUT',
  path: string,
  body?: JsonObject,
) => Promise<JsonObject>;

/** Calls the admin API at `url` with its token. */
export function createAdminCall(url: string, token: string): AdminCall {
  return async (method, path, body) => {
    const response = await fetch(url + path, {
      method,
      // No connection stays open: a bridge that is opened anew waits for those that do.
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        connection: 'close',
      },
      signal: AbortSignal.timeout(10_000),
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    const text = await response.text();
    if (!response.ok) {
      const { code } = objectOrEmpty(objectOrEmpty(JSON.parse(text || '{}')).error);
      throw new Error(
        `The demo could not be set up: ${method} ${path} gave ${response.status} ${String(code)}.`,
      );
    }
    return objectOrEmpty(JSON.parse(text || '{}'));
  };
}

/** The list in an answer of the admin API. */
export const items = (answer: JsonObject): JsonObject[] =>
  Array.isArray(answer.items) ? answer.items.map(objectOrEmpty) : [];

async function seedPartners(admin: AdminCall): Promise<void> {
  const known = items(await admin('GET', '/admin/partners'));
  for (const partner of PARTNERS) {
    const { id, tier } = partner;
    const before = known.find((one) => one.id === id);
    if (!before) await admin('POST', '/admin/partners', partner);
    else if (before.tier !== tier) await admin('PATCH', `/admin/partners/${id}`, { tier });
  }
}

async function seedClients(admin: AdminCall, before: readonly DemoClient[]): Promise<DemoClient[]> {
  const live = new Set(
    items(await admin('GET', '/admin/clients'))
      .filter((client) => !client.revoked_at)
      .map((client) => client.client_id),
  );
  const clients: DemoClient[] = [];
  for (const { id: partner } of PARTNERS) {
    const kept = before.find((client) => client.partner === partner && live.has(client.client_id));
    if (kept) {
      clients.push(kept);
      continue;
    }
    const scopes = ['profile:read', 'whoami'];
    const made = await admin('POST', '/admin/clients', { partner, label: 'demo', scopes });
    clients.push({
      partner,
      client_id: String(made.client_id),
      client_secret: String(made.client_secret),
      scopes,
    });
  }
  return clients;
}

/** Genesys, which redeems codes as a client of the bridge. Nobody is ever redirected, so the address need not exist. */
async function seedVendorClients(
  admin: AdminCall,
  before: readonly VendorClientCredentials[],
): Promise<VendorClientCredentials[]> {
  const vendor = 'genesys';
  const live = items(await admin('GET', '/admin/clients')).filter((client) => !client.revoked_at);
  const kept = before.find(
    (one) => one.vendor === vendor && live.some((client) => client.client_id === one.client_id),
  );
  if (kept) return [kept];
  const made = await admin('POST', '/admin/clients', {
    partner: CHANNELS[0].partner,
    label: vendor,
    party: 'first',
    redirect_uris: ['https://shop.example/chat'],
    openid: true,
  });
  return [{ vendor, client_id: String(made.client_id), client_secret: String(made.client_secret) }];
}

/** The key with which the chat vendor sends messages through the company's account at a chat platform. */
async function seedPlatformKeys(admin: AdminCall, before: readonly PlatformKey[]): Promise<PlatformKey[]> {
  const { partner } = CHANNELS[0];
  const live = items(await admin('GET', '/admin/api-keys')).filter((key) => !key.revoked_at);
  const kept = before.find(
    (one) => one.partner === partner && live.some((key) => one.id.startsWith(String(key.public_prefix))),
  );
  if (kept) return [kept];
  const made = await admin('POST', '/admin/api-keys', {
    partner,
    label: 'platforms',
    use: 'bearer',
    scopes: ['partner:call'],
  });
  return [{ partner, id: String(made.public_id), secret: String(made.secret) }];
}

/** Ten requests in a minute: what a partner sees beyond its limit can be tried out with the key `tight`. */
const TIGHT_TIER = 'development';

/** What the admin API says that a key asks of its requests. */
const schemeOf = (key: Record<string, unknown> | undefined): DemoApiKey['signature'] =>
  SIGNATURE_SCHEMES.find((scheme) => scheme === key?.['signature']) ?? 'none';

const KEY_LABELS: readonly DemoKeyLabel[] = ['plain', 'signed', 'expired', 'restricted', 'tight'];

async function seedApiKeys(
  admin: AdminCall,
  before: readonly DemoApiKey[],
  nowMs: number,
): Promise<DemoApiKey[]> {
  const live = items(await admin('GET', '/admin/api-keys')).filter((key) => !key.revoked_at);
  const knownAs = (key: DemoApiKey) =>
    live.find((one) => one.label === key.label && key.id.startsWith(String(one.public_prefix)));
  const keys: DemoApiKey[] = [];
  for (const { id: partner } of PARTNERS) {
    for (const label of KEY_LABELS) {
      const kept = before.find((key) => key.partner === partner && key.label === label && knownAs(key));
      if (kept) {
        keys.push({ ...kept, signature: schemeOf(knownAs(kept)) });
        continue;
      }
      const use = label === 'signed' ? 'signing' : 'bearer';
      const scopes = label === 'restricted' ? ['whoami'] : ['profile:read', 'whoami'];
      const made = await admin('POST', '/admin/api-keys', {
        partner,
        label,
        use,
        scopes,
        ...(label === 'tight' ? { tier: TIGHT_TIER } : {}),
        ...(label === 'expired' ? { expires_at: new Date(nowMs - DAY_MS).toISOString() } : {}),
      });
      keys.push({
        partner,
        id: String(made.public_id),
        secret: String(made.secret),
        use,
        signature: schemeOf(made),
        scopes,
        label,
      });
    }
  }
  return keys;
}

async function seedCustomers(
  admin: AdminCall,
  before: readonly DemoCustomer[],
  wanted: readonly { username: string; reference: string }[],
): Promise<DemoCustomer[]> {
  const users = `/admin/directories/${DIRECTORY}/users`;
  const known = new Set(items(await admin('GET', users)).map((user) => user.username));
  const customers: DemoCustomer[] = [];
  for (const { username, reference } of wanted) {
    const kept = before.find((one) => one.username === username && one.reference === reference);
    const customer = kept ?? { username, reference, password: randomBytes(10).toString('hex') };
    const { password } = customer;
    if (!known.has(username)) await admin('POST', users, { username, password, reference });
    else if (!kept) await admin('PUT', `${users}/${username}/password`, { password });
    customers.push(customer);
  }
  return customers;
}

/** Makes partners, clients, keys and customers as far as they are missing, and gives all of them with their secrets. */
export async function seed(
  admin: AdminCall,
  options: {
    before: Partial<DemoState>;
    customers: readonly { username: string; reference: string }[];
    nowMs: number;
  },
): Promise<Pick<DemoState, 'clients' | 'vendor_clients' | 'platform_keys' | 'api_keys' | 'customers'>> {
  const { before, customers, nowMs } = options;
  await seedPartners(admin);
  return {
    clients: await seedClients(admin, before.clients ?? []),
    vendor_clients: await seedVendorClients(admin, before.vendor_clients ?? []),
    platform_keys: await seedPlatformKeys(admin, before.platform_keys ?? []),
    api_keys: await seedApiKeys(admin, before.api_keys ?? [], nowMs),
    customers: await seedCustomers(admin, before.customers ?? [], customers),
  };
}
