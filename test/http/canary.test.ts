/**
 * Secrets of every kind go through a real service and a real backend, by right calls and wrong ones, at every
 * documented address. Afterwards none of them may stand where it does not belong, in any form.
 */
import { altered } from '../support/altered-token.ts';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseIdentifier } from '../../src/identifiers/identifier.ts';
import { backendCredentials, type BackendMode } from '../support/backend.ts';
import { description } from '../support/contract.ts';
import {
  type Answer,
  type CallOptions,
  found,
  type Planted,
  recordedCall,
  rowsByTable,
} from '../support/planted.ts';
import { ADMIN_TOKEN, SHOP_ORIGIN, startService, type TestService } from '../support/service.ts';

const USERNAME = 'canary-user-4d81';
const PASSWORD = 'canary-pass&word+ö %2f 77e1';
const WRONG_PASSWORD = 'canary-wrong pass/9b3d';
const REFERENCE = 'canary-reference-5f20';
const ODD = 'canary-odd-value-c6e7';
const VENDOR_SECRET = 'canary-vendor-secret-3Kq9Zt7W';

const planted: Planted[] = [];
const answers: Answer[] = [];
/** Customer ids that were answered: allowed everywhere, and proof that the search finds what is there. */
const customerIds = new Set<string>();
let folder: string;
let t: TestService;
let metrics = '';

function plant(name: string, value: string): string {
  const lookedUpByDigest = name === 'session id' || name.endsWith('public id');
  if (!planted.some((one) => one.value === value)) planted.push({ name, value, lookedUpByDigest });
  return value;
}

async function call(...[base, method, path, options]: Parameters<typeof recordedCall>) {
  const answer = await recordedCall(base, method, path, options);
  answers.push(answer);
  for (const [word] of answer.text.matchAll(/c[1-9a-z][a-z2-7]{32}/g)) {
    if (parseIdentifier(word)) customerIds.add(word);
  }
  return answer;
}

const adminHeaders = { authorization: `Bearer ${ADMIN_TOKEN}` };
const admin = (method: string, path: string, body?: unknown) =>
  call(t.adminUrl, method, path, { headers: adminHeaders, ...(body === undefined ? {} : { body }) });
const api = (method: string, path: string, options: CallOptions = {}) => call(t.url, method, path, options);

function plantCookie(headers: Headers): string {
  const cookie = (headers.getSetCookie()[0] ?? '').split(';')[0] as string;
  const value = plant('session cookie', decodeURIComponent(cookie.slice(cookie.indexOf('=') + 1)));
  plant('session id', value.slice(2, value.lastIndexOf('.')));
  plant('cookie signature', value.slice(value.lastIndexOf('.') + 1));
  return cookie;
}

/** Sign-ins of both deliveries, right and wrong, renewal and sign-out. */
async function signIns(): Promise<{ token: string; cookie: string }> {
  const post = (body: object) => api('POST', '/customer_authenticate', { body });
  await post({ username: USERNAME, password: WRONG_PASSWORD });
  await post({ username: `${USERNAME}-unknown`, password: PASSWORD });
  await post({ username: USERNAME, password: PASSWORD, channel: ODD });
  await post({ username: USERNAME, password: PASSWORD, channel: 'legacy', delivery: 'token' });
  t.crm.mode = 'failing';
  await post({ username: USERNAME, password: PASSWORD, channel: 'legacy', delivery: 'token' });
  t.crm.mode = 'ok';
  await api('POST', `/customer_authenticate?username=${USERNAME}&password=${encodeURIComponent(PASSWORD)}`);
  await api('POST', '/customer_authenticate', {
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    raw: `username=${USERNAME}&username=${USERNAME}&password=${encodeURIComponent(PASSWORD)}`,
  });
  await api('POST', '/customer_authenticate', {
    headers: { origin: `https://${ODD}.test` },
    body: { username: USERNAME, password: PASSWORD, delivery: 'cookie' },
  });
  const signedIn = await post({ username: USERNAME, password: PASSWORD, channel: 'ios', delivery: 'token' });
  expect(signedIn.status).toBe(200);
  const token = plant('customer token', signedIn.json().JWT as string);
  const withCookie = await post({
    username: USERNAME,
    password: PASSWORD,
    channel: 'web',
    delivery: 'cookie',
  });
  expect(withCookie.status).toBe(200);
  const cookie = plantCookie(withCookie.headers);
  const page = { cookie, origin: SHOP_ORIGIN, 'x-symbolon-csrf': '1' };
  const renewed = await api('POST', '/customer_session/token', { headers: page });
  expect(renewed.status).toBe(200);
  plant('renewed customer token', renewed.json().JWT as string);
  const proof = await api('POST', '/channels/help/token', { headers: page });
  expect(proof.status).toBe(200);
  plant('proof for a vendor', proof.json().token as string);
  await api('POST', '/channels/help/token', { headers: page, body: { input: { [ODD]: ODD } } });
  await api('POST', '/channels/help/token', { headers: page, body: { refresh_token: ODD } });
  await api('GET', '/customer_session', { headers: { cookie } });
  await api('POST', '/customer_session/token', { headers: { cookie } });
  await api('POST', '/customer_session/token', { headers: page, body: { channel: 'south' } });
  await api('GET', '/customer_session', { headers: { cookie: `${cookie}x` } });
  return { token, cookie };
}

/** Token requests in every dialect, right and wrong. */
async function accessTokens(): Promise<string> {
  const { clientId, clientSecret } = t.north;
  plant('client secret', clientSecret);
  plant('other client secret', t.south.clientSecret);
  const wrong = plant('wrong client secret', 'cs_canarywrongsecret0000000000000000000000000000');
  const basic = (id: string, secret: string) => ({
    authorization: `Basic ${plant('basic credentials', Buffer.from(`${id}:${secret}`).toString('base64'))}`,
  });
  const grant = { grant_type: 'client_credentials' };
  for (const path of ['/access_token', '/oauth/token']) {
    const issued = await api('POST', path, { headers: basic(clientId, clientSecret), body: grant });
    expect(issued.status).toBe(200);
    plant('access token', issued.json().access_token as string);
    await api('POST', path, { headers: basic(clientId, wrong), body: grant });
    await api('POST', path, { body: { ...grant, client_id: clientId, client_secret: wrong } });
    await api('POST', path, { body: { ...grant, client_id: ODD, client_secret: clientSecret } });
    await api('POST', path, {
      body: { ...grant, client_id: clientId, client_secret: clientSecret, scope: ODD },
    });
    await api('POST', path, { body: { grant_type: ODD, client_id: clientId, client_secret: clientSecret } });
    await api(
      'POST',
      `${path}?grant_type=client_credentials&client_secret=${clientSecret}&client_id=${clientId}`,
    );
    await api('POST', path, { headers: { authorization: `Basic ${ODD}` }, body: grant });
  }
  const issued = await api('POST', '/oauth/token', {
    body: { ...grant, client_id: clientId, client_secret: clientSecret },
  });
  return plant('access token', issued.json().access_token as string);
}

/** Profiles in both styles, with each backend in each bad mood, and with every wrong proof. */
async function profiles(token: string, cookie: string, accessToken: string): Promise<void> {
  const { publicId, secret } = t.north.key;
  plant('public id', publicId);
  plant('API key secret', secret);
  plant('other API key secret', t.south.key.secret);
  const asapp = { authorization: `Bearer ${accessToken}`, 'api-key': publicId };
  const proof = { 'customer-auth': `JWT ${token}` };
  const ask = (headers: Record<string, string>, body?: unknown) =>
    api('POST', '/getprofile', { headers, body });
  const answered = await ask({ ...asapp, ...proof });
  expect(answered.status).toBe(200);
  expect(JSON.stringify(answered.json())).toContain('+15550100');
  expect((await ask({ authorization: `Bearer ${secret}`, ...proof })).status).toBe(200);
  await ask({ authorization: `Bearer ${secret}`, 'customer-auth': `Cookie ${cookie}` });
  await ask({ authorization: `Bearer ${secret}` }, { customer_auth: token });
  await ask({ authorization: `Bearer ${secret}`, 'customer-auth': `JWT ${accessToken}` });
  await ask({ authorization: `Bearer ${secret}`, 'customer-auth': `JWT ${altered(token)}` });
  await ask({ authorization: `Bearer ${secret.slice(0, -1)}x`, ...proof });
  await ask({ authorization: `Bearer ${t.south.key.secret}`, ...proof });
  await ask({ authorization: `Bearer ${token}`, 'api-key': publicId, ...proof });
  await ask({ authorization: `Bearer ${accessToken}`, 'api-key': secret, ...proof });
  await ask({ authorization: `Bearer ${accessToken}`, 'api-key': t.south.key.publicId, ...proof });
  await ask({ 'x-api-key': publicId, ...proof });
  const modes: BackendMode[] = [
    'failing',
    'html',
    'invalid_json',
    'wrong_customer',
    'redirect',
    'hang_up',
    'unauthorized',
  ];
  for (const mode of modes) {
    t.crm.mode = mode;
    t.billing.mode = mode;
    await ask({ ...asapp, ...proof });
  }
  t.crm.mode = 'ok';
  t.billing.mode = 'ok';
  for (const mode of ['refusing', 'failing', 'malformed'] as const) {
    t.crm.tokenMode = mode;
    t.crm.revokeTokens();
    await ask({ ...asapp, ...proof });
  }
  t.crm.tokenMode = 'ok';
}

/** Administration, right and wrong. */
async function administration(): Promise<void> {
  const made = await admin('POST', '/admin/clients', { partner: 'north', label: 'canary' });
  plant('new client secret', made.json().client_secret as string);
  for (const use of ['bearer', 'signing']) {
    const key = await admin('POST', '/admin/api-keys', { partner: 'north', label: 'canary', use });
    expect(key.status).toBe(201);
    plant(`${use} key secret`, key.json().secret as string);
    plant(`${use} key public id`, key.json().public_id as string);
  }
  const user = `/admin/directories/directory/users/${USERNAME}`;
  await admin('PUT', `${user}/password`, { password: plant('new password', 'canary-newpass-88d2') });
  await admin('PUT', '/admin/directories/directory/users/nobody/password', { password: PASSWORD });
  await admin('POST', '/admin/directories/directory/users', {
    username: USERNAME,
    password: PASSWORD,
    reference: REFERENCE,
  });
  for (const id of customerIds)
    await admin('POST', '/admin/identifiers/trace', { customer_id: id, reason: 'case 7' });
  await admin('POST', '/admin/identifiers/trace', { customer_id: ODD, reason: 'case 8' });
  await call(t.adminUrl, 'GET', '/admin/partners', {
    headers: { authorization: `Bearer ${plant('wrong admin token', 'canary-admin-token-0ab1')}` },
  });
  await admin('GET', '/admin/audit?limit=1000');
  await admin('POST', '/admin/audit/verify');
}

const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const;

/** Every documented operation, called with secrets in every place that a caller can put one. */
async function everywhere(token: string): Promise<string[]> {
  const called: string[] = [];
  const members = [
    'username',
    'password',
    'client_secret',
    'refresh_token',
    'subject_token',
    'code',
    'token',
    'scope',
  ];
  for (const [path, operations] of Object.entries(description.paths)) {
    const target = path.replaceAll(/\{\w+\}/g, ODD);
    for (const method of METHODS.filter((name) => name in operations)) {
      called.push(`${method} ${path}`);
      const bases = path.startsWith('/admin') ? [t.adminUrl] : [t.url, t.opsUrl];
      const body = Object.fromEntries(members.map((name) => [name, PASSWORD]));
      const wild = {
        authorization: `Bearer ${token}`,
        'api-key': ODD,
        'customer-auth': `JWT ${ODD}`,
        cookie: `__Host-symbolon=s%3A${ODD}.${ODD}; other=${ODD}`,
        'user-agent': ODD,
        referer: `https://shop.test/${ODD}`,
        'x-request-id': ODD,
        'x-forwarded-for': ODD,
        traceparent: `00-${ODD}`,
      };
      for (const base of bases) {
        const carries = method !== 'get';
        const send = (options: CallOptions) =>
          call(base, method.toUpperCase(), `${target}?q=${ODD}&access_token=${token}`, options);
        await send({ headers: wild, ...(carries ? { body } : {}) });
        if (!carries) continue;
        await send({ headers: { ...wild, ...adminHeaders }, raw: `{"password":"${PASSWORD}",` });
        await send({ headers: { ...wild, ...adminHeaders, 'content-type': `text/${ODD}` }, raw: PASSWORD });
        await send({
          headers: { ...wild, ...adminHeaders },
          body: { ...body, partner: ODD, customer_id: ODD, ring: ODD },
        });
      }
    }
  }
  await call(t.url, 'GET', `/${ODD}/%zz?password=${encodeURIComponent(PASSWORD)}`);
  await call(t.url, 'POST', `/${ODD}`, { body: { password: PASSWORD } });
  return called;
}

let called: string[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'symbolon-canary-'));
  t = await startService({
    settings: (settings) => ({
      ...settings,
      storage: { database_url: `file:${join(folder, 'canary.db')}` },
      channels: [
        ...(settings.channels ?? []),
        { id: 'legacy', group: 'north', delivery: 'token', authenticators: ['company'] },
        {
          id: 'help',
          group: 'north',
          allowed_origins: [SHOP_ORIGIN],
          profile: 'zendesk',
          settings: { key_id: 'app_65f1b9c2a3d4', secret: VENDOR_SECRET },
        },
      ],
      authenticators: [
        { name: 'directory', type: 'directory', reference_space: 'directory' },
        {
          name: 'company',
          type: 'http',
          reference_space: 'directory',
          connection: 'crm',
          request: { path: '/login' },
          answer: { reference: 'user.id' },
        },
      ],
    }),
  });
  plant('user name', USERNAME);
  plant('password', PASSWORD);
  plant('wrong password', WRONG_PASSWORD);
  plant('reference', REFERENCE);
  plant('odd value', ODD);
  plant('vendor secret', VENDOR_SECRET);
  plant('admin token', ADMIN_TOKEN);
  plant('profile value', '+15550100');
  plant('hidden profile value', 'never shown');
  plant('backend error text', 'stack trace with internals');
  plant('backend client secret', backendCredentials.clientSecret);
  plant('backend API key', backendCredentials.apiKey);
  for (const n of [1, 2, 3, 4]) plant(`backend token ${n}`, `backend-token-${n}-0123456789`);
  await admin('POST', '/admin/directories/directory/users', {
    username: USERNAME,
    password: PASSWORD,
    reference: REFERENCE,
  });
  const { token, cookie } = await signIns();
  const accessToken = await accessTokens();
  await profiles(token, cookie, accessToken);
  await administration();
  await api('DELETE', '/customer_session?everywhere=true', {
    headers: { cookie, origin: SHOP_ORIGIN, 'x-symbolon-csrf': '1' },
  });
  called = await everywhere(token);
  metrics = await (await fetch(`${t.opsUrl}/metrics`)).text();
});

afterAll(async () => {
  await t.dispose();
  rmSync(folder, { recursive: true, force: true });
});

const tables = () => rowsByTable(join(folder, 'canary.db'));

/** What the embedded directory must know in clear. */
const IN_DIRECTORY = new Set(['user name', 'reference']);

describe('no planted secret stands', () => {
  it('unsought: secrets were planted, calls made, and the search finds what is there', () => {
    expect(planted.length).toBeGreaterThan(30);
    expect(called.length).toBeGreaterThan(25);
    expect(answers.filter(({ status }) => status < 400).length).toBeGreaterThan(20);
    expect(answers.filter(({ status }) => status >= 400).length).toBeGreaterThan(100);
    expect(t.logs().length).toBeGreaterThan(150);
    expect(customerIds.size).toBe(1);
    const [id] = [...customerIds];
    const control = [{ name: 'customer id', value: id as string, lookedUpByDigest: false }];
    expect(found(JSON.stringify(t.logs()), control)).toHaveLength(1);
    expect(found(tables().get('audit_records') ?? '', control)).toHaveLength(1);
  });

  it('in any log line', () => {
    const leaks = t.logs().filter((line) => found(JSON.stringify(line), planted).length > 0);
    expect(leaks).toEqual([]);
  });

  it('in any audit row', () => {
    expect(found(tables().get('audit_records') ?? '', planted)).toEqual([]);
  });

  it('in any error answer or its headers, none of which is a 500', () => {
    const errors = answers.filter(({ status }) => status >= 400);
    expect(
      errors.filter(({ text, headers }) => found(text + JSON.stringify([...headers]), planted).length > 0),
    ).toEqual([]);
    expect(errors.filter(({ status }) => status === 500)).toEqual([]);
  });

  it('in the metrics', () => {
    expect(metrics).toContain('symbolon_http_requests_total');
    expect(found(metrics, planted)).toEqual([]);
  });

  it('in any table, but for names and references in the directory itself', () => {
    const leaks = [...tables()].map(([table, rows]) => {
      const allowed = table === 'directory_users' ? IN_DIRECTORY : new Set<string>();
      return [
        table,
        found(
          rows,
          planted.filter(({ name }) => !allowed.has(name)),
        ),
      ];
    });
    expect(leaks.filter(([, names]) => names?.length)).toEqual([]);
  });

  it('in the bytes of the database files, deleted rows among them', () => {
    const latin1 = planted
      .filter(({ name }) => !IN_DIRECTORY.has(name))
      .map((one) => ({ ...one, value: Buffer.from(one.value).toString('latin1') }));
    const leaks = readdirSync(folder).map((name) => [
      name,
      ...found(readFileSync(join(folder, name)).toString('latin1'), latin1),
    ]);
    expect(leaks.length).toBeGreaterThan(0);
    expect(leaks.filter(([, ...names]) => names.length > 0)).toEqual([]);
  });
});
