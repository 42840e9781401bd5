import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { start, type Started } from './contestant.ts';
import { type LoadRequest, once } from './load.ts';

const launcher = resolve(import.meta.dirname, '../bin/symbolon.mjs');

export interface BenchedSymbolon {
  started: Started;
  /** From spawn to the line that says it serves. */
  readyMs: number;
  url: string;
  access: string;
  publicId: string;
  customer: string;
  cookie: string;
  clientId: string;
  clientSecret: string;
}

const json = { 'content-type': 'application/json' };
const ORIGIN = 'http://127.0.0.1';

function configuration(backendUrl: string, ports: { serve: number; admin: number; ops: number }): string {
  return `public_url: http://127.0.0.1:${ports.serve}
listen: { port: ${ports.serve} }
admin: { port: ${ports.admin} }
ops: { port: ${ports.ops} }
channels:
  - { id: web, group: chat, delivery: token, allowed_origins: ["${ORIGIN}"] }
connections:
  crm: { base_url: "${backendUrl}" }
backends:
  - name: crm
    connection: crm
    path: /profile
    identifier: { as: reference, in: header, name: x-customer }
    fields: { plan: plan, balance: balance }
    subject: customer.id
`;
}

/** The real service in its default configuration on a fresh database, with one partner and one customer. */
export async function startSymbolon(backendUrl: string, core: number): Promise<BenchedSymbolon> {
  const cwd = mkdtempSync(join(tmpdir(), 'symbolon-bench-'));
  const ports = { serve: 18_080, admin: 18_081, ops: 18_082 };
  writeFileSync(join(cwd, 'symbolon.yaml'), configuration(backendUrl, ports));
  const began = performance.now();
  const started = await start([launcher, 'serve'], {
    core,
    cwd,
    ready: (line) => line.startsWith('Symbolon serves'),
  });
  const readyMs = performance.now() - began;
  const url = `http://127.0.0.1:${ports.serve}`;
  const admin = async (path: string, body: object) => {
    const headers = {
      ...json,
      authorization: `Bearer ${readFileSync(join(cwd, '.symbolon/admin-token'), 'utf8').trim()}`,
    };
    const target: LoadRequest = {
      url: `http://127.0.0.1:${ports.admin}${path}`,
      method: 'POST',
      headers,
      body: JSON.stringify(body),
      expect: 201,
    };
    return JSON.parse(await once(target)) as Record<string, string>;
  };
  await admin('/admin/partners', {
    id: 'chatco',
    channel_groups: ['chat'],
    visible_fields: ['plan', 'balance'],
    tier: 'unlimited',
  });
  const client = await admin('/admin/clients', { partner: 'chatco' });
  const key = await admin('/admin/api-keys', { partner: 'chatco' });
  await admin('/admin/directories/directory/users', {
    username: 'one',
    password: 'bench password',
    reference: 'C-1',
  });
  const call = async (path: string, body: object) =>
    JSON.parse(
      await once({ url: url + path, method: 'POST', headers: json, body: JSON.stringify(body), expect: 200 }),
    ) as Record<string, string>;
  const { access_token: access } = await call('/access_token', {
    grant_type: 'client_credentials',
    client_id: client.client_id,
    client_secret: client.client_secret,
  });
  const login = { username: 'one', password: 'bench password' };
  const { JWT: customer } = await call('/customer_authenticate', login);
  const signedIn = await fetch(`${url}/customer_authenticate`, {
    method: 'POST',
    headers: json,
    body: JSON.stringify({ ...login, delivery: 'cookie' }),
  });
  const cookie = (signedIn.headers.getSetCookie()[0] ?? '').split(';')[0] as string;
  return {
    started,
    readyMs,
    url,
    access: access as string,
    publicId: key.public_id as string,
    customer: customer as string,
    cookie,
    clientId: client.client_id as string,
    clientSecret: client.client_secret as string,
  };
}

export function renewalOf(one: BenchedSymbolon): LoadRequest {
  const headers = { ...json, cookie: one.cookie, origin: ORIGIN, 'x-symbolon-csrf': '1' };
  return { url: `${one.url}/customer_session/token`, method: 'POST', headers, body: '{}', expect: 200 };
}
