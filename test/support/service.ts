import { randomBytes } from 'node:crypto';
import type { ConfigInput } from '../../src/config/config.ts';
import { parseConfig } from '../../src/config/load.ts';
import { createLogger } from '../../src/platform/logger.ts';
import { createService, type Service } from '../../src/service.ts';
import type { ServiceOverrides } from '../../src/service/foundations.ts';
import { connectionSettings, startTestBackend, type TestBackend } from './backend.ts';
import { createTestClock, type TestClock } from './clock.ts';
import { type ContractClient, contractClient } from './contract.ts';

/** A page that the channel `web` of the north partner may run on. */
export const SHOP_ORIGIN = 'https://shop.test';
export const ADMIN_TOKEN = 'test-admin-token-0123456789abcdef';
export const PUBLIC_URL = 'https://id.test';
export const PASSWORD = 'correct horse battery staple';
export const COOKIE_NAME = '__Host-symbolon';

/** One partner with all of its credentials, as the admin API gave them. */
export interface TestPartner {
  id: string;
  /** A channel with token delivery of this partner's group. */
  channel: string;
  clientId: string;
  clientSecret: string;
  key: TestKey;
}

export interface TestKey {
  keyId: string;
  publicId: string;
  secret: string;
}

export interface TestService extends AsyncDisposable {
  readonly service: Service;
  readonly clock: TestClock;
  readonly url: string;
  readonly adminUrl: string;
  readonly opsUrl: string;
  /** Gives plan and balance. */
  readonly crm: TestBackend;
  /** Gives lines. */
  readonly billing: TestBackend;
  readonly api: ContractClient;
  /** With the admin token. */
  readonly admin: ContractClient;
  readonly ops: ContractClient;
  readonly north: TestPartner;
  readonly south: TestPartner;
  /** Log lines written so far. */
  logs(): Record<string, unknown>[];
  /** Signs a customer in by token delivery. */
  signIn(channel?: string, username?: string): Promise<{ JWT: string; customer_id: string }>;
  /** Signs in by cookie delivery; the value for a `Cookie` header. */
  signInWithCookie(username?: string): Promise<string>;
  accessToken(partner?: TestPartner): Promise<string>;
  createKey(partner: TestPartner, settings?: Record<string, unknown>): Promise<TestKey>;
  /** The headers of `/getprofile` in ASAPP style. */
  asappStyle(partner?: TestPartner): Promise<Record<string, string>>;
  dispose(): Promise<void>;
}

function backendSettings(name: string, fields: Record<string, string>) {
  return {
    name,
    connection: name,
    method: 'GET' as const,
    path: '/v1/profile',
    identifier: { as: 'opaque' as const, in: 'header' as const, name: 'X-Customer' },
    subject: 'customer.id',
    fields,
  };
}

type ConnectionInput = NonNullable<ConfigInput['connections']>[string];
const connectionOf = (backend: TestBackend) => connectionSettings(backend) as ConnectionInput;

/** The settings of a test service; two partners' channel groups, two backends, an embedded directory. */
export function testSettings(crm: TestBackend, billing: TestBackend): ConfigInput {
  return {
    public_url: PUBLIC_URL,
    behind_tls_proxy: true,
    listen: { host: '127.0.0.1', port: 0 },
    admin: { host: '127.0.0.1', port: 0, token: ADMIN_TOKEN },
    ops: { host: '127.0.0.1', port: 0 },
    storage: { database_url: 'file::memory:' },
    keys: { encryption_keys: [randomBytes(32).toString('base64')] },
    passwords: { lanes: 1 },
    // Tests look for the record of each refusal, and a test clock ends no minute.
    audit: { refusals_per_address: 10_000 },
    default_channel: 'web',
    channels: [
      { id: 'web', group: 'north', delivery: 'cookie', allowed_origins: [SHOP_ORIGIN] },
      { id: 'ios', group: 'north', delivery: 'token' },
      {
        id: 'app',
        group: 'north',
        delivery: 'token',
        allowed_deliveries: ['token'],
        token_lifetime_seconds: 60,
        allowed_origins: [SHOP_ORIGIN],
      },
      { id: 'south', group: 'south', delivery: 'token', allowed_origins: ['https://south.test'] },
    ],
    connections: { crm: connectionOf(crm), billing: connectionOf(billing) },
    backends: [
      backendSettings('crm', { plan: 'account.plan', balance: 'account.balance' }),
      backendSettings('billing', { lines: 'lines' }),
    ],
  };
}

async function created(
  call: PromiseLike<{ body: unknown; status: number }>,
): Promise<Record<string, string>> {
  const { body, status } = await call;
  if (status !== 201) throw new Error(`seeding failed with ${status}: ${JSON.stringify(body)}`);
  return body as Record<string, string>;
}

async function createKey(
  admin: ContractClient,
  partner: string,
  settings: Record<string, unknown> = {},
): Promise<TestKey> {
  const key = await created(admin.post('/admin/api-keys').send({ partner, ...settings }));
  return { keyId: key.key_id as string, publicId: key.public_id as string, secret: key.secret as string };
}

/** Creates a partner with a client and a bearer-use key, through the admin API. */
async function seedPartner(
  admin: ContractClient,
  settings: { id: string; channel: string; fields: string[] },
): Promise<TestPartner> {
  const { id, channel, fields } = settings;
  await created(
    admin
      .post('/admin/partners')
      .send({ id, channel_groups: [id], visible_fields: fields, tier: 'generous' }),
  );
  const client = await created(admin.post('/admin/clients').send({ partner: id }));
  const key = await createKey(admin, id);
  return {
    id,
    channel,
    clientId: client.client_id as string,
    clientSecret: client.client_secret as string,
    key,
  };
}

export interface TestServiceOptions extends ServiceOverrides {
  /** Changes the settings before they are checked. */
  settings?(settings: ConfigInput): ConfigInput;
}

/** Starts a real service on free loopback ports over a memory database, with a clock that stands still until moved. */
export async function startService(options: TestServiceOptions = {}): Promise<TestService> {
  const { settings = (all) => all, ...overrides } = options;
  const [crm, billing] = await Promise.all([startTestBackend(), startTestBackend()]);
  const config = parseConfig(settings(testSettings(crm, billing)), { production: true });
  const clock = createTestClock();
  const written: string[] = [];
  const logger = createLogger('debug', { write: (line) => written.push(line) });
  const service = await createService(config, { clock, logger, ...overrides });
  const { url, adminUrl, opsUrl } = await service.listen();
  const basePath = new URL(config.public_url).pathname.replace(/\/$/, '');
  const aliases = Object.fromEntries(
    Object.entries(config.http.aliases).flatMap(([name, paths]) => paths.map((path) => [path, `/${name}`])),
  );
  const api = contractClient(url, { aliases, basePath });
  const admin = contractClient(adminUrl, {
    listener: 'admin',
    headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
  });

  const fields = ['plan', 'balance', 'lines', 'unmapped'];
  const north = await seedPartner(admin, { id: 'north', channel: 'ios', fields });
  const south = await seedPartner(admin, { id: 'south', channel: 'south', fields: ['plan'] });
  for (const [username, reference] of [
    ['mira', '4711'],
    ['noor', '4712'],
  ]) {
    await created(
      admin.post('/admin/directories/directory/users').send({ username, password: PASSWORD, reference }),
    );
  }

  const test: TestService = {
    service,
    clock,
    url,
    adminUrl,
    opsUrl,
    crm,
    billing,
    api,
    admin,
    ops: contractClient(opsUrl, { listener: 'ops' }),
    north,
    south,
    logs: () =>
      written
        .join('')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Record<string, unknown>),
    signIn: async (channel = 'ios', username = 'mira') => {
      const { body } = await api
        .post('/customer_authenticate')
        .send({ username, password: PASSWORD, channel, delivery: 'token' })
        .expect(200);
      return body as { JWT: string; customer_id: string };
    },
    signInWithCookie: async (username = 'mira') => {
      const { headers } = await api
        .post('/customer_authenticate')
        .send({ username, password: PASSWORD, channel: 'web', delivery: 'cookie' })
        .expect(200);
      return cookieOf(headers);
    },
    accessToken: async (partner = north) => {
      const { body } = await api
        .post('/oauth/token')
        .auth(partner.clientId, partner.clientSecret)
        .type('form')
        .send({ grant_type: 'client_credentials' })
        .expect(200);
      return (body as { access_token: string }).access_token;
    },
    createKey: (partner, more) => createKey(admin, partner.id, more),
    asappStyle: async (partner = north) => ({
      authorization: `Bearer ${await test.accessToken(partner)}`,
      'api-key': partner.key.publicId,
    }),
    dispose: async () => {
      await service.close();
      await Promise.all([crm.close(), billing.close()]);
    },
    [Symbol.asyncDispose]: () => test.dispose(),
  };
  return test;
}

/** `name=value` of the one cookie that an answer sets. */
export function cookieOf(headers: Record<string, string | string[] | undefined>): string {
  const set = ([] as string[]).concat(headers['set-cookie'] ?? []);
  if (set.length !== 1) throw new Error(`${set.length} cookies were set`);
  return (set[0] as string).split(';')[0] as string;
}
