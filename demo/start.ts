/**
 * The demo: the bridge on embedded defaults, and around it a sample shop with a chat widget, the chat vendor's server
 * and the company's profile APIs. Everything listens on 127.0.0.1 alone, with credentials made at random.
 */
import { randomBytes } from 'node:crypto';
import { join, relative, resolve } from 'node:path';
import { readEnvironment } from '../src/config/environment.ts';
import { type Bridge, startBridge } from './bridge.ts';
import { bridgeConfig, CHANNELS, DEFAULT_CHANNEL, PARTNERS } from './bridge-config.ts';
import { type CallLog, createCallLog } from './call-log.ts';
import { startChatVendor } from './chat-vendor.ts';
import { type CustomerRecord, demoCustomers } from './demo-customers.ts';
import { type DemoState, readDemoState, type VendorClientCredentials, writeDemoState } from './demo-state.ts';
import { choosePorts, DEFAULT_PORTS, type DemoPorts, portOf } from './free-ports.ts';
import { type MockVendors, startMockVendors, VENDOR_IDS } from './mock-vendors.ts';
import { type PartnerPlatforms, startPartnerPlatforms } from './partner-platforms.ts';
import { type BackendCredentials, startProfileBackend } from './profile-backend.ts';
import { type AdminCall, createAdminCall, items, seed } from './seed.ts';
import { type PageSettings, startShop } from './shop.ts';
import { welcome } from './terminal.ts';
import { createVendorBridgeClient, type VendorBridgeClient } from './vendor-bridge-client.ts';

export interface DemoOptions {
  /** Where database, keys and `demo.json` are kept. Default: `.symbolon` in the working directory. */
  dataDir?: string;
  /** Ports that must be used; 0 takes any free one. Default: those of the last start or the usual ones, if free. */
  ports?: Partial<DemoPorts>;
  /** Where text for people goes. Default: standard output. */
  print?: (text: string) => void;
  /** Whether that is a terminal that shows colours. Default: as standard output is. */
  colour?: boolean;
}

export interface Demo {
  state: DemoState;
  close(): Promise<void>;
}

const NAMES: Record<keyof DemoPorts, string> = {
  bridge: 'Symbolon',
  admin: 'Admin API',
  ops: 'Operations listener',
  shop: 'Sample Shop',
  vendor: 'Chat vendor',
  backend: 'Profile API server',
};

async function portsFor(options: DemoOptions, before: Partial<DemoState>): Promise<DemoPorts> {
  const earlier: Partial<Record<keyof DemoPorts, number | undefined>> = {
    bridge: portOf(before.public_url),
    admin: portOf(before.admin_url),
    ops: portOf(before.ops_url),
    shop: portOf(before.shop_url),
    vendor: portOf(before.vendor_url),
    backend: portOf(before.backends?.[0]?.url),
  };
  const { port } = readEnvironment();
  const asked: Partial<DemoPorts> = {
    ...(port === undefined ? {} : { bridge: Number(port) }),
    ...options.ports,
  };
  const wishes = (part: keyof DemoPorts) =>
    asked[part] === undefined ? [earlier[part], DEFAULT_PORTS[part]] : [asked[part]];
  const ports = await choosePorts({
    bridge: wishes('bridge'),
    admin: wishes('admin'),
    ops: wishes('ops'),
    shop: wishes('shop'),
    vendor: wishes('vendor'),
    backend: wishes('backend'),
  });
  const refused = (Object.keys(asked) as (keyof DemoPorts)[]).find(
    (part) => asked[part] !== 0 && asked[part] !== ports[part],
  );
  if (refused)
    throw new Error(`Port ${asked[refused]} cannot be used for ${NAMES[refused]}. Choose another.`);
  return ports;
}

/** A sentence for every part that does not listen on its usual port. */
function movedParts(ports: DemoPorts): string[] {
  return (Object.keys(NAMES) as (keyof DemoPorts)[])
    .filter((part) => ports[part] !== DEFAULT_PORTS[part])
    .map((part) => `${NAMES[part]} is on port ${ports[part]} instead of ${DEFAULT_PORTS[part]}.`);
}

interface Opened {
  close(): Promise<void>;
}

/** What one start of the demo is made of, before anything listens. */
interface Plan {
  dataDir: string;
  before: Partial<DemoState>;
  ports: DemoPorts;
  adminToken: string;
  backend: BackendCredentials;
  customers: readonly CustomerRecord[];
  url(part: keyof DemoPorts): string;
}

/** Where the bridge calls others, and which chat vendors it serves. */
interface Around {
  platforms: PartnerPlatforms;
  vendors: MockVendors;
}

async function openBridge(plan: Plan, around: Around, genesysClientId?: string): Promise<Bridge> {
  const { platforms, vendors } = around;
  return startBridge(
    bridgeConfig({
      dataDir: plan.dataDir,
      adminToken: plan.adminToken,
      backend: plan.backend,
      platforms: { ...platforms.connections, ...vendors.connections },
      vendorChannels: vendors.channels({
        group: CHANNELS[0].partner,
        origin: plan.url('shop'),
        genesysClientId,
      }),
      addresses: {
        publicUrl: plan.url('bridge'),
        bridgePort: plan.ports.bridge,
        adminPort: plan.ports.admin,
        opsPort: plan.ports.ops,
        shopUrl: plan.url('shop'),
        backendUrl: plan.url('backend'),
      },
    }),
  );
}

type Seeded = Pick<DemoState, 'clients' | 'vendor_clients' | 'platform_keys' | 'api_keys' | 'customers'>;

function stateOf(plan: Plan, seeded: Seeded): DemoState {
  return {
    public_url: plan.url('bridge'),
    admin_url: plan.url('admin'),
    ops_url: plan.url('ops'),
    shop_url: plan.url('shop'),
    vendor_url: plan.url('vendor'),
    admin_token: plan.adminToken,
    ...seeded,
    channels: CHANNELS.map((channel) => ({ ...channel })),
    default_channel: DEFAULT_CHANNEL,
    backends: [
      { name: 'crm', url: plan.url('backend') },
      { name: 'billing', url: plan.url('backend') },
    ],
    fields_by_partner: Object.fromEntries(PARTNERS.map(({ id, visible_fields }) => [id, visible_fields])),
  };
}

/**
 * Opens the bridge and fills it. Genesys is a client of the bridge whose id stands in its settings: where the id is
 * new, at the first start, the bridge is opened a second time with it.
 */
async function openFilledBridge(plan: Plan, around: Around, opened: Opened[]): Promise<Seeded> {
  const before = plan.before.vendor_clients?.[0]?.client_id;
  const bridge = await openBridge(plan, around, before);
  opened.push(bridge);
  const admin = createAdminCall(plan.url('admin'), plan.adminToken);
  const { customers } = plan;
  const seeded = await seed(admin, { before: plan.before, customers, nowMs: Date.now() });
  const now = seeded.vendor_clients[0]?.client_id;
  if (now !== before) {
    opened.splice(opened.indexOf(bridge), 1);
    await bridge.close();
    opened.push(await openBridge(plan, around, now));
  }
  return seeded;
}

/** Names and kinds of proof of the chat vendors, as the bridge has them. */
async function describeVendors(admin: AdminCall): Promise<PageSettings['vendors']> {
  const channels = items(await admin('GET', '/admin/channels'));
  return VENDOR_IDS.flatMap((id) => {
    const channel = channels.find((one) => one.id === id);
    return channel ? [{ id, name: String(channel.vendor), proof: String(channel.proof) }] : [];
  });
}

/** The chat vendor's way to the bridge. Throws when the vendor got no credentials. */
function bridgeClientOf(state: DemoState, callLog: CallLog): VendorBridgeClient {
  const [client] = state.clients;
  const key = state.api_keys.find((one) => one.partner === client?.partner && one.label === 'plain');
  const [platformKey] = state.platform_keys;
  if (!client || !key || !platformKey)
    throw new Error('The demo could not be set up: the chat vendor has no credentials.');
  return createVendorBridgeClient({
    bridgeUrl: state.public_url,
    credentials: {
      clientId: client.client_id,
      clientSecret: client.client_secret,
      apiKeyId: key.id,
      platformSecret: platformKey.secret,
    },
    callLog,
    nowMs: () => Date.now(),
  });
}

/** What the vendor says about unproven visitors, looked up when it is first needed. */
function enforcementOf(admin: AdminCall): (id: string) => Promise<string> {
  const known = new Map<string, Promise<string>>();
  const ask = async (id: string) =>
    String((await admin('POST', `/admin/channels/${id}/probe`, { input: {} })).enforcement);
  return (id) => {
    const found = known.get(id) ?? ask(id);
    known.set(id, found);
    return found;
  };
}

function pageSettings(plan: Plan, state: DemoState, vendors: PageSettings['vendors']): PageSettings {
  const names = new Map(plan.customers.map((one) => [one.username, one.crm.display_name]));
  return {
    bridgeUrl: state.public_url,
    vendorUrl: state.vendor_url,
    backendUrl: plan.url('backend'),
    channel: state.default_channel,
    vendors,
    customers: state.customers.map(({ username, password }) => ({
      username,
      password,
      name: names.get(username) ?? username,
    })),
  };
}

/** Starts the parts in the order in which they need each other; each is put into `opened` as soon as it runs. */
async function openParts(plan: Plan, opened: Opened[]): Promise<DemoState> {
  const { ports, customers } = plan;
  const nowMs = () => Date.now();
  const callLog = createCallLog();
  opened.push(
    await startProfileBackend({ port: ports.backend, credentials: plan.backend, customers, callLog, nowMs }),
  );
  const platforms = await startPartnerPlatforms(CHANNELS[0].partner);
  opened.push(platforms);
  const vendors = await startMockVendors();
  opened.push(vendors);
  const seeded = await openFilledBridge(plan, { platforms, vendors }, opened);
  const admin = createAdminCall(plan.url('admin'), plan.adminToken);
  const state = stateOf(plan, seeded);

  const bridge = bridgeClientOf(state, callLog);
  const genesys = seeded.vendor_clients[0] as VendorClientCredentials;
  const forVendors = { url: state.public_url, genesys, profiles: bridge, nowMs };
  const enforcement = enforcementOf(admin);
  opened.push(
    await startChatVendor({
      port: ports.vendor,
      shopOrigin: state.shop_url,
      bridge,
      nowMs,
      async admit(id, body) {
        const answer = await vendors.admit(id, body, forVendors);
        if (answer.status === 200 || answer.status === 404) return answer;
        return { ...answer, body: { ...answer.body, enforcement: await enforcement(id) } };
      },
    }),
  );
  const settings = pageSettings(plan, state, await describeVendors(admin));
  opened.push(await startShop({ port: ports.shop, settings, callLog }));
  return state;
}

/**
 * Starts every part and writes `demo.json`. Throws, with nothing left running, when a part cannot start, when an
 * asked-for port is taken, or under `NODE_ENV=production`.
 */
export async function startDemo(options: DemoOptions = {}): Promise<Demo> {
  if (readEnvironment().production) throw new Error('The demo does not run under NODE_ENV=production.');
  const dataDir = resolve(options.dataDir ?? '.symbolon');
  const before = readDemoState(dataDir);
  const ports = await portsFor(options, before);
  const plan: Plan = {
    dataDir,
    before,
    ports,
    adminToken: before.admin_token ?? randomBytes(32).toString('base64url'),
    backend: {
      clientId: 'symbolon',
      clientSecret: randomBytes(24).toString('base64url'),
      apiKey: randomBytes(24).toString('base64url'),
    },
    customers: demoCustomers(Date.now()),
    url: (part) => `http://127.0.0.1:${ports[part]}`,
  };

  const opened: Opened[] = [];
  const close = async () => {
    while (opened.length > 0) await opened.pop()?.close();
  };
  try {
    const state = await openParts(plan, opened);
    writeDemoState(dataDir, state);
    const stateFile = relative(process.cwd(), join(dataDir, 'demo.json'));
    const print = options.print ?? ((text: string) => void process.stdout.write(`${text}\n`));
    print(
      welcome(state, { colour: options.colour ?? process.stdout.isTTY, stateFile, moved: movedParts(ports) }),
    );
    return { state, close };
  } catch (error) {
    await close();
    throw error;
  }
}
