/** The built service with one partner and what the scenarios need of it. */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { cpSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../test/support/child-server.ts';
import { start, type Started } from './contestant.ts';
import { type LoadRequest, once } from './load.ts';

export interface BenchedSymbolon {
  started: Started;
  /** From spawn to the line that says it serves. */
  readyMs: number;
  url: string;
  /** Working directory: configuration and embedded database. */
  home: string;
  access: string;
  publicId: string;
  signingId: string;
  signingSecret: string;
  customer: string;
  cookie: string;
  clientId: string;
  clientSecret: string;
  /** Signs as the company's identity provider. */
  providerKey: KeyObject;
}

export interface SymbolonOptions {
  /** From `buildService`. */
  launcher: string;
  backendUrl: string;
  core: number;
  /** Default 1. Each backend gives fields of its own. */
  backends?: number;
  env?: Record<string, string>;
  /** Further arguments of Node. */
  nodeOptions?: readonly string[];
  /** A running one that this is another process of: the same keys, public address, partner and customer. */
  fleetOf?: BenchedSymbolon;
}

const json = { 'content-type': 'application/json' };
const ORIGIN = 'http://127.0.0.1';
export const PROVIDER = { issuer: 'https://login.example', audience: 'chat', kid: 'bench' } as const;
export const CREDENTIALS = { username: 'one', password: 'bench password' } as const;
/** Limits are on, and too wide to refuse anything. */
const WIDE = { quota: 1_000_000_000, window_seconds: 60 };

const fieldsOf = (i: number): Record<string, string> =>
  i === 0 ? { plan: 'plan', balance: 'balance' } : { [`plan_${i}`]: 'plan' };

function configuration(
  { backendUrl, backends = 1, fleetOf }: SymbolonOptions,
  ports: Record<'serve' | 'admin' | 'ops', number>,
  providerJwk: object,
): object {
  return {
    public_url: fleetOf?.url ?? `http://127.0.0.1:${ports.serve}`,
    listen: { port: ports.serve },
    admin: { port: ports.admin },
    ops: { port: ports.ops },
    limits: {
      tiers: { wide: [WIDE] },
      defaults: { partner: 'wide', api_key: 'wide', client: 'wide', session: 'wide', address: 'wide' },
    },
    channels: [{ id: 'web', group: 'chat', delivery: 'token', allowed_origins: [ORIGIN] }],
    authenticators: [
      { name: 'directory', type: 'directory', reference_space: 'people' },
      {
        name: 'provider',
        type: 'jwt',
        reference_space: 'people',
        issuer: PROVIDER.issuer,
        audiences: [PROVIDER.audience],
        keys: [{ ...providerJwk, kid: PROVIDER.kid }],
      },
    ],
    connections: { crm: { base_url: backendUrl, max_connections: 64 } },
    backends: Array.from({ length: backends }, (_, i) => ({
      name: `crm-${i}`,
      connection: 'crm',
      path: '/profile',
      identifier: { as: 'reference', in: 'header', name: 'x-customer' },
      fields: fieldsOf(i),
      subject: 'customer.id',
    })),
  };
}

const jsonOf = async (request: LoadRequest) => JSON.parse(await once(request)) as Record<string, string>;

/** Makes the partner, its credentials and the one customer. */
async function provision(url: string, adminUrl: string, home: string, backends: number) {
  const admin = (path: string, body: object) => {
    const token = readFileSync(join(home, '.symbolon/admin-token'), 'utf8').trim();
    const headers = { ...json, authorization: `Bearer ${token}` };
    return jsonOf({ url: adminUrl + path, method: 'POST', headers, body: JSON.stringify(body), expect: 201 });
  };
  const fields = Array.from({ length: backends }, (_, i) => Object.keys(fieldsOf(i))).flat();
  await admin('/admin/partners', { id: 'chatco', channel_groups: ['chat'], visible_fields: fields });
  const client = await admin('/admin/clients', { partner: 'chatco' });
  const key = await admin('/admin/api-keys', { partner: 'chatco' });
  const signing = await admin('/admin/api-keys', { partner: 'chatco', use: 'signing', signature: 'v1' });
  await admin('/admin/directories/directory/users', { ...CREDENTIALS, reference: 'C-1' });
  const call = (path: string, body: object) =>
    jsonOf({ url: url + path, method: 'POST', headers: json, body: JSON.stringify(body), expect: 200 });
  const clientId = client.client_id as string;
  const clientSecret = client.client_secret as string;
  const { access_token: access } = await call('/access_token', {
    grant_type: 'client_credentials',
    client_id: clientId,
    client_secret: clientSecret,
  });
  const { JWT: customer } = await call('/customer_authenticate', CREDENTIALS);
  const signedIn = await fetch(`${url}/customer_authenticate`, {
    method: 'POST',
    headers: json,
    body: JSON.stringify({ ...CREDENTIALS, delivery: 'cookie' }),
  });
  return {
    access: access as string,
    customer: customer as string,
    cookie: (signedIn.headers.getSetCookie()[0] ?? '').split(';')[0] as string,
    publicId: key.public_id as string,
    signingId: signing.public_id as string,
    signingSecret: signing.secret as string,
    clientId,
    clientSecret,
  };
}

/** The service in its default configuration on a fresh embedded database, or on what `env` names. */
export async function startSymbolon(options: SymbolonOptions): Promise<BenchedSymbolon> {
  const { launcher, core, backends = 1, env = {}, nodeOptions = [], fleetOf } = options;
  const home = mkdtempSync(join(tmpdir(), 'symbolon-bench-'));
  const ports = { serve: await freePort(), admin: await freePort(), ops: await freePort() };
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const yaml = configuration(options, ports, publicKey.export({ format: 'jwk' }));
  // JSON is YAML.
  writeFileSync(join(home, 'symbolon.yaml'), JSON.stringify(yaml, null, 2));
  if (fleetOf) cpSync(join(fleetOf.home, '.symbolon'), join(home, '.symbolon'), { recursive: true });
  const began = performance.now();
  // As the image's entry point does.
  const started = await start(['--max-semi-space-size=8', ...nodeOptions, launcher, 'serve'], {
    core,
    cwd: home,
    env,
    ready: (line) => line.startsWith('Symbolon serves'),
  });
  const readyMs = performance.now() - began;
  const url = `http://127.0.0.1:${ports.serve}`;
  if (fleetOf) return { ...fleetOf, started, readyMs, url, home };
  const made = await provision(url, `http://127.0.0.1:${ports.admin}`, home, backends);
  return { started, readyMs, url, home, providerKey: privateKey, ...made };
}

export function renewalOf(one: Pick<BenchedSymbolon, 'url' | 'cookie'>): LoadRequest {
  const headers = { ...json, cookie: one.cookie, origin: ORIGIN, 'x-symbolon-csrf': '1' };
  return { url: `${one.url}/customer_session/token`, method: 'POST', headers, body: '{}', expect: 200 };
}
