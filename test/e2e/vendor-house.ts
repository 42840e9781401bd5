/** A running service with a channel for every vendor, and the vendors themselves. */
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ConfigInput } from '../../src/config/config.ts';
import { parseConfig } from '../../src/config/load.ts';
import { channelProfiles } from '../../src/channels/profile-registry.ts';
import { createLogger } from '../../src/platform/logger.ts';
import { createService } from '../../src/service.ts';
import { listen, shut } from '../support/backend.ts';
import { cookieOf, PASSWORD, SHOP_ORIGIN, type TestService } from '../support/service.ts';
import { freeLoopbackService } from '../support/service-on-loopback.ts';
import { checkingVendors } from '../vendors/all-vendors.ts';
import { admitAtGenesys, admitAtLivePerson, type VendorClient } from '../vendors/code-vendors.ts';
import { documented } from '../vendors/documented.ts';
import { readGivenKey } from '../vendors/published-key-vendors.ts';
import { startHubspot, startSendbird } from '../vendors/token-vendors.ts';
import type { Handed, Visitor } from '../vendors/vendor.ts';

type ChannelInput = NonNullable<ConfigInput['channels']>[number];
interface Client {
  client_id: string;
  client_secret: string;
}

const PAGE = 'https://www.shop.test/';
/** How each vendor of the code flow is registered. */
const CLIENTS = {
  genesys: {},
  'liveperson-code': { pkce: 'vendor', acr: 'loa1' },
  'liveperson-pkce': { acr: 'loa1' },
} as const;

/** What the company's profile API knows: every attribute of every vendor, under the vendor's own name for it. */
const PERSON = Object.assign(
  {},
  ...Object.values(documented).map(({ attributes }) => attributes ?? {}),
) as object;

function channelOf(id: string, clients: ReadonlyMap<string, Client>): ChannelInput {
  const { attributes = {}, personal = [] } = documented[id] ?? {};
  const client = clients.get(id)?.client_id;
  const fetched = id === 'sendbird' || id === 'hubspot' ? { connection: id } : {};
  return {
    id,
    group: 'north',
    profile: id,
    allowed_origins: [SHOP_ORIGIN],
    settings: { ...checkingVendors.get(id)?.console, ...fetched },
    attributes: Object.fromEntries(Object.keys(attributes).map((name) => [name, name])),
    allow_personal_data: [...personal],
    ...(client === undefined ? {} : { client }),
  };
}

async function startPeople() {
  const server = createServer((req, res) => {
    const id = decodeURIComponent((req.url ?? '').split('/').at(-1) ?? '');
    res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ ...PERSON, id }));
  });
  return { url: await listen(server), close: () => shut(server) };
}

/** Registers the vendors of the code flow with a service that is closed then, so that a second one can name them. */
async function registerVendors(t: TestService): Promise<Map<string, Client>> {
  const clients = new Map<string, Client>();
  for (const [label, openid] of Object.entries(CLIENTS)) {
    const { body } = await t.admin
      .post('/admin/clients')
      .send({ partner: 'north', label, party: 'first', redirect_uris: [PAGE], openid })
      .expect(201);
    clients.set(label, body as Client);
  }
  await t.service.close();
  return clients;
}

export interface VendorHouse extends AsyncDisposable {
  url: string;
  signIn(username: string): Promise<string>;
  /** The customer of a session, by its cookie. */
  customerOf(cookie: string): Promise<string>;
  /** Calls the service as a page of the shop does. */
  post(path: string, body: object, headers?: Record<string, string>): Promise<Response>;
  /** Whom the vendor lets in with what its widget was handed. Throws when it lets in nobody. */
  admit(id: string, handed: Handed): Promise<Visitor>;
  /** What only the page of this vendor knows. */
  inputsOf(id: string): Readonly<Record<string, string>>;
}

/** Starts all of it on loopback, with the real clock. */
export async function openVendorHouse(): Promise<VendorHouse> {
  const folder = mkdtempSync(join(tmpdir(), 'symbolon-vendor-house-'));
  const sendbirdUsers: string[] = [];
  const [people, sendbird, hubspot] = await Promise.all([
    startPeople(),
    startSendbird(sendbirdUsers),
    startHubspot(() => Date.now()),
  ]);
  let settings: Record<string, unknown> = {};
  const seeding = await freeLoopbackService((given) => {
    settings = { ...given, storage: { database_url: `file:${join(folder, 'vendors.sqlite')}` } };
    return settings;
  });
  const { url } = seeding;
  const clients = await registerVendors(seeding);
  const token = sendbird.credentials['api-token'] as string;
  const bearer = (hubspot.credentials['authorization'] as string).replace('Bearer ', '');
  const all: ConfigInput = {
    ...(settings as ConfigInput),
    channels: [
      ...((settings as ConfigInput).channels ?? []),
      ...[...channelProfiles.keys()].map((id) => channelOf(id, clients)),
    ],
    connections: {
      people: { base_url: people.url },
      sendbird: {
        base_url: sendbird.baseUrl,
        auth: [{ type: 'api_key', header: 'api-token', value: token }],
      },
      hubspot: { base_url: hubspot.baseUrl, auth: [{ type: 'bearer', token: bearer }] },
    },
    backends: [
      {
        name: 'people',
        connection: 'people',
        method: 'GET',
        path: '/people/{identifier}',
        identifier: { as: 'opaque', in: 'path' },
        subject: 'id',
        fields: Object.fromEntries(Object.keys(PERSON).map((name) => [name, name])),
      },
    ],
  };
  const service = await createService(parseConfig(all, { production: true }), {
    logger: createLogger('error', { write: () => {} }),
  });
  await service.listen();

  const verifier = randomBytes(32).toString('base64url');
  const challenge = createHash('sha256').update(verifier).digest('base64url');
  const post: VendorHouse['post'] = (path, body, headers = {}) =>
    fetch(`${url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', origin: SHOP_ORIGIN, ...headers },
      body: JSON.stringify(body),
    });

  function clientOf(id: string): VendorClient {
    const { client_id: clientId, client_secret: clientSecret } = clients.get(id) as Client;
    const discovery = `${url}/.well-known/openid-configuration`;
    return { discovery, clientId, clientSecret, now: Math.floor(Date.now() / 1000) };
  }

  /** ASAPP verifies nothing: it passes the token on with its own call of the company's API. */
  async function admitAtAsapp({ web }: Handed): Promise<Visitor> {
    const { CustomerId: customer, Auth } = web as { CustomerId: string; Auth: { Token: string } };
    const { north } = seeding;
    const access = await post('/access_token?grant_type=client_credentials', {
      client_id: north.clientId,
      client_secret: north.clientSecret,
    });
    const { access_token: own } = (await access.json()) as { access_token: string };
    const credentials = { authorization: `Bearer ${own}`, 'api-key': north.key.publicId };
    const answer = await post('/getprofile', {}, { ...credentials, 'customer-auth': `JWT ${Auth.Token}` });
    const { customer_id: known } = (await answer.json()) as { customer_id: string };
    if (answer.status !== 200 || known !== customer) throw new Error(`refused with ${answer.status}`);
    return { customer, told: {} };
  }

  return {
    url,
    post,
    inputsOf: (id) =>
      id === 'liveperson-pkce' ? { code_challenge: challenge } : (documented[id]?.inputs ?? {}),
    async signIn(username) {
      const body = { username, password: PASSWORD, channel: 'web', delivery: 'cookie' };
      const answer = await post('/customer_authenticate', body);
      const cookie = cookieOf({ 'set-cookie': answer.headers.getSetCookie() });
      const { customer_id: id } = (await answer.json()) as { customer_id: string };
      sendbirdUsers.push(id);
      return cookie;
    },
    async customerOf(cookie) {
      const answer = await fetch(`${url}/customer_session`, { headers: { cookie } });
      return ((await answer.json()) as { customer_id: string }).customer_id;
    },
    async admit(id, handed) {
      const checking = checkingVendors.get(id);
      if (checking) {
        const jwt = id === 'salesforce' ? (handed.web['identityToken'] as string) : handed.token;
        const key = checking.console['issuer'] === undefined ? undefined : await readGivenKey(url, jwt);
        return checking.admit(handed, { now: Math.floor(Date.now() / 1000), key });
      }
      if (id === 'asapp') return admitAtAsapp(handed);
      if (id === 'genesys') return admitAtGenesys(handed, clientOf(id));
      if (id === 'liveperson-code') return admitAtLivePerson(handed, clientOf(id));
      if (id === 'liveperson-pkce') return admitAtLivePerson(handed, clientOf(id), verifier);
      return (id === 'sendbird' ? sendbird : hubspot).admit(handed.web, handed.token, Date.now());
    },
    async [Symbol.asyncDispose]() {
      await service.close();
      await seeding.dispose();
      await Promise.all([sendbird[Symbol.asyncDispose](), hubspot[Symbol.asyncDispose](), people.close()]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
