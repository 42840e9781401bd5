import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ConfigInput } from '../../src/config/config.ts';
import { parseConfig } from '../../src/config/load.ts';
import { channelProfiles } from '../../src/channels/profile-registry.ts';
import { createLogger } from '../../src/platform/logger.ts';
import { createService, type Service } from '../../src/service.ts';
import { listen, shut } from '../support/backend.ts';
import { cookieOf, PASSWORD, SHOP_ORIGIN, type TestService } from '../support/service.ts';
import { freeLoopbackService } from '../support/service-on-loopback.ts';
import { checkingVendors } from '../vendors/all-vendors.ts';
import { admitAtGenesys, admitAtLivePerson, type VendorClient } from '../vendors/code-vendors.ts';
import { documented } from '../vendors/documented.ts';
import { startHubspot, startSendbird, type TokenVendor } from '../vendors/token-vendors.ts';
import type { GivenKey, Handed, Visitor } from '../vendors/vendor.ts';

type ChannelInput = NonNullable<ConfigInput['channels']>[number];
interface Answer extends Handed {
  channel: string;
  customer_id: string;
}

const PAGE = 'https://www.shop.test/';
const folder = mkdtempSync(join(tmpdir(), 'symbolon-every-vendor-'));
const CLIENTS = {
  genesys: {},
  'liveperson-code': { pkce: 'vendor', acr: 'loa1' },
  'liveperson-pkce': { acr: 'loa1' },
} as const;
const registered = new Map<string, { client_id: string; client_secret: string }>();
const sendbirdUsers: string[] = [];

let people: Server;
let seeding: TestService;
let service: Service;
let url: string;
let sendbird: TokenVendor;
let hubspot: TokenVendor;

/** What the company's profile API knows: every attribute of every vendor, under the vendor's own name for it. */
const PERSON = Object.assign(
  {},
  ...Object.values(documented).map(({ attributes }) => attributes ?? {}),
) as object;

function channelOf(id: string): ChannelInput {
  const { attributes = {}, personal = [] } = documented[id] ?? {};
  const client = registered.get(id)?.client_id;
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

beforeAll(async () => {
  people = createServer((req, res) => {
    const id = decodeURIComponent((req.url ?? '').split('/').at(-1) ?? '');
    res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ ...PERSON, id }));
  });
  const peopleUrl = await listen(people);
  sendbird = await startSendbird(sendbirdUsers);
  hubspot = await startHubspot(() => Date.now());
  let settings: Record<string, unknown> = {};
  seeding = await freeLoopbackService((given) => {
    settings = { ...given, storage: { database_url: `file:${join(folder, 'vendors.sqlite')}` } };
    return settings;
  });
  url = seeding.url;
  for (const [label, openid] of Object.entries(CLIENTS)) {
    const { body } = await seeding.admin
      .post('/admin/clients')
      .send({ partner: 'north', label, party: 'first', redirect_uris: [PAGE], openid })
      .expect(201);
    registered.set(label, body as { client_id: string; client_secret: string });
  }
  await seeding.service.close();
  const token = sendbird.credentials['api-token'] as string;
  const bearer = (hubspot.credentials['authorization'] as string).replace('Bearer ', '');
  const all: ConfigInput = {
    ...(settings as ConfigInput),
    channels: [...((settings as ConfigInput).channels ?? []), ...[...channelProfiles.keys()].map(channelOf)],
    connections: {
      people: { base_url: peopleUrl },
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
  service = await createService(parseConfig(all, { production: true }), {
    logger: createLogger('error', { write: () => {} }),
  });
  await service.listen();
});
afterAll(async () => {
  await service.close();
  await seeding.dispose();
  await sendbird[Symbol.asyncDispose]();
  await hubspot[Symbol.asyncDispose]();
  await shut(people);
  rmSync(folder, { recursive: true, force: true });
});

async function post(path: string, body: object, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', origin: SHOP_ORIGIN, ...headers },
    body: JSON.stringify(body),
  });
}

async function signIn(username: string): Promise<string> {
  const answer = await post('/customer_authenticate', {
    username,
    password: PASSWORD,
    channel: 'web',
    delivery: 'cookie',
  });
  expect(answer.status).toBe(200);
  return cookieOf({ 'set-cookie': answer.headers.getSetCookie() });
}

const verifier = randomBytes(32).toString('base64url');
const inputsOf = (id: string): Readonly<Record<string, string>> =>
  id === 'liveperson-pkce'
    ? { code_challenge: createHash('sha256').update(verifier).digest('base64url') }
    : (documented[id]?.inputs ?? {});

/** What the page of a signed-in customer hands to the vendor's widget. */
async function handOver(id: string, cookie: string): Promise<Answer> {
  const answer = await post(
    `/channels/${id}/token`,
    { input: inputsOf(id) },
    { cookie, 'x-symbolon-csrf': '1' },
  );
  const body = (await answer.json()) as Answer;
  if (answer.status !== 200) throw new Error(`${id}: ${JSON.stringify(body)}`);
  return { ...body, inputs: inputsOf(id) };
}

async function givenKey(token: string): Promise<GivenKey> {
  const { kid = '' } = JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()) as {
    kid?: string;
  };
  const [pem, jwk] = await Promise.all(
    ['pem', 'jwk'].map(async (format) =>
      (await fetch(`${url}/.well-known/vendor-keys/${kid}.${format}`)).text(),
    ),
  );
  return { kid, pem: pem as string, jwk: JSON.parse(jwk as string) as GivenKey['jwk'] };
}

function clientOf(id: string): VendorClient {
  const { client_id: clientId, client_secret: clientSecret } = registered.get(id) as {
    client_id: string;
    client_secret: string;
  };
  const discovery = `${url}/.well-known/openid-configuration`;
  return { discovery, clientId, clientSecret, now: Math.floor(Date.now() / 1000) };
}

/** ASAPP verifies nothing: it passes the token on with its own call of the company's API. */
async function admitAtAsapp({ web }: Handed): Promise<Visitor> {
  const { CustomerId: customer, Auth } = web as { CustomerId: string; Auth: { Token: string } };
  const access = await post('/access_token?grant_type=client_credentials', {
    client_id: seeding.north.clientId,
    client_secret: seeding.north.clientSecret,
  });
  const { access_token: bearer } = (await access.json()) as { access_token: string };
  const answer = await post(
    '/getprofile',
    {},
    {
      authorization: `Bearer ${bearer}`,
      'api-key': seeding.north.key.publicId,
      'customer-auth': `JWT ${Auth.Token}`,
    },
  );
  const { customer_id: known } = (await answer.json()) as { customer_id: string };
  if (answer.status !== 200 || known !== customer) throw new Error(`refused with ${answer.status}`);
  return { customer, told: {} };
}

async function admit(id: string, handed: Answer): Promise<Visitor> {
  const now = Math.floor(Date.now() / 1000);
  const checking = checkingVendors.get(id);
  if (checking) {
    const { console: shown } = checking;
    const key = shown['issuer'] === undefined ? undefined : await givenKey(handedToken(id, handed));
    return checking.admit(handed, { now, key });
  }
  if (id === 'asapp') return admitAtAsapp(handed);
  if (id === 'genesys') return admitAtGenesys(handed, clientOf(id));
  if (id === 'liveperson-code') return admitAtLivePerson(handed, clientOf(id));
  if (id === 'liveperson-pkce') return admitAtLivePerson(handed, clientOf(id), verifier);
  return (id === 'sendbird' ? sendbird : hubspot).admit(handed.web, handed.token, Date.now());
}

const handedToken = (id: string, { token, web }: Answer): string =>
  id === 'salesforce' ? (web['identityToken'] as string) : token;

describe('the running service', () => {
  it.each([...channelProfiles.keys()])('signs its customer in at %s, and nobody else', async (id) => {
    const [mira, noor] = await Promise.all([signIn('mira'), signIn('noor')]);
    const whoami = await fetch(`${url}/customer_session`, { headers: { cookie: mira } });
    const { customer_id: own } = (await whoami.json()) as { customer_id: string };
    sendbirdUsers.push(own);
    const handed = await handOver(id, mira);
    const visitor = await admit(id, handed);
    const byMail = documented[id]?.knownBy === 'email';
    expect(visitor.customer).toBe(byMail ? 'mira@example.com' : own);
    expect(handed.customer_id).toBe(own);

    const other = await fetch(`${url}/customer_session`, { headers: { cookie: noor } });
    expect(((await other.json()) as { customer_id: string }).customer_id).not.toBe(own);
    const anonymous = await post(
      `/channels/${id}/token`,
      { input: inputsOf(id) },
      { 'x-symbolon-csrf': '1' },
    );
    expect(anonymous.status).toBe(401);
  });
});
