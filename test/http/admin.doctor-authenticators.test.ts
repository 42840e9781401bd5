import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { DatabaseSync } from 'node:sqlite';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ConfigInput } from '../../src/config/config.ts';
import { listen, shut } from '../support/backend.ts';
import { createTestCertificate } from '../support/certificate.ts';
import { SQL_PEOPLE } from '../support/people-table.ts';
import { PEOPLE, SERVICE_ACCOUNT, slapdMissing, type SlapdServer, startSlapd } from '../support/slapd.ts';
import { startService } from '../support/service.ts';

type Connections = NonNullable<ConfigInput['connections']>;

/** What doctor says of one authenticator in a service of its own. */
async function doctor(authenticator: Record<string, unknown>, connections: Connections = {}) {
  const named = { name: 'company', reference_space: 'crm', ...authenticator };
  const directory = { name: 'directory', type: 'directory', reference_space: 'directory' };
  await using t = await startService({
    settings: (all) => ({
      ...all,
      connections: { ...all.connections, ...connections },
      authenticators: [named, directory] as unknown as NonNullable<ConfigInput['authenticators']>,
    }),
  });
  const { body } = await t.admin.get('/admin/doctor').expect(200);
  const { findings } = body as { findings: { subject: string; ok: boolean; message: string }[] };
  const found = findings.find(({ subject }) => subject === 'authenticator company');
  return { ok: found?.ok, message: found?.message };
}

const fails = (...words: string[]): unknown => ({
  ok: false,
  message: expect.stringMatching(new RegExp(words.join('.*'))),
});

describe('doctor names what is wrong with', () => {
  const servers: Server[] = [];
  const folder = mkdtempSync(join(tmpdir(), 'symbolon-doctor-'));
  const sqlite_file = join(folder, 'people.db');
  beforeAll(() => {
    const db = new DatabaseSync(sqlite_file);
    db.exec(SQL_PEOPLE);
    db.close();
  });
  afterAll(async () => {
    await Promise.all(servers.map(shut));
    rmSync(folder, { recursive: true });
  });
  const serve = (answer: RequestListener): Promise<string> => {
    const server = createServer(answer);
    servers.push(server);
    return listen(server);
  };
  const page: RequestListener = (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Please sign in to the proxy</h1>');
  };
  const overHttp = { connection: 'api', request: { path: '/in' }, answer: { reference: 'id' } };

  it('a log-in API behind a proxy that answers a page', async () => {
    const api = { base_url: await serve(page) };
    expect(await doctor({ type: 'http', ...overHttp }, { api })).toEqual(
      fails('answered 200', 'page for people', 'request.path'),
    );
  });

  it('a site that answers a page to strangers', async () => {
    const api = { base_url: await serve(page) };
    const site = { type: 'site_session', cookies: ['sid'], ...overHttp };
    expect(await doctor(site, { api })).toEqual(fails('answered 200', '401 and JSON'));
  });

  it('a provider that calls itself otherwise than the settings do', async () => {
    const issuer = await serve((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ issuer: 'https://another.test', jwks_uri: 'https://another.test/keys' }));
    });
    const words = fails(
      'The discovery document says issuer "https://another.test"; the configuration says "http',
    );
    expect(await doctor({ type: 'jwt', issuer, audiences: ['app'] })).toEqual(words);
    const client = { client_id: 'app', client_secret: 'Zk3vX9pQ7rT1wY5bN8mL' };
    expect(await doctor({ type: 'oidc', issuer, ...client })).toEqual(words);
  });

  it('a query that gives other columns, or asks for one that there is not', async () => {
    const query = (text: string) => doctor({ type: 'sql', sqlite_file, query: text });
    expect(await query('select id, hash as password_hash from people where name = $1')).toEqual(
      fails('no column reference', 'AS'),
    );
    expect(await query('select customer as reference from people where name = $1')).toEqual(fails('column'));
    expect(
      await query('select id as reference, hash as password_hash from people where name = $1'),
    ).toMatchObject({
      ok: true,
    });
  });

  it('test customers whose last day is over', async () => {
    const customers = [{ username: 'vendor-1', password: 'uT7-qk2Zx9_wLp4mRv8sYd1b' }];
    const list = { type: 'test_customers', reference_space: 'test', channels: ['web'], customers };
    expect(await doctor({ ...list, expires_on: '2025-12-31' })).toEqual(fails('1 of 1', 'expires_on'));
    expect(await doctor({ ...list, expires_on: '2026-01-01' })).toMatchObject({ ok: true });
  });

  it('a directory without users', async () => {
    expect(await doctor({ type: 'directory' })).toEqual(fails('no users', 'symbolon users add'));
  });

  const missing = slapdMissing();
  describe.skipIf(missing !== undefined)(
    `an LDAP directory${missing ? ` (skipped: ${missing})` : ''}`,
    () => {
      let server: SlapdServer;
      beforeAll(async () => {
        server = await startSlapd();
      });
      afterAll(() => server.stop());

      it.each<[string, Record<string, unknown>, string]>([
        [
          'a certificate of another authority',
          { ca: createTestCertificate('localhost').cert },
          'not trusted',
        ],
        ['a certificate for another name', { server_name: 'ldap.test' }, 'not trusted'],
        ['a base that is not there', { search_base: `ou=nowhere,${PEOPLE}` }, 'no search_base'],
        [
          'a wrong service account',
          { service_account: { ...SERVICE_ACCOUNT, password: 'not-the-one-7f1c' } },
          'refuses the service account',
        ],
        ['an attribute that nobody has', { reference_attribute: 'carLicense' }, 'carLicense'],
      ])('with %s', async (_what, changes, words) => {
        const settings = {
          type: 'ldap',
          url: server.url,
          ca: server.ca,
          service_account: SERVICE_ACCOUNT,
          search_base: PEOPLE,
          reference_attribute: 'departmentNumber',
        };
        expect(await doctor({ ...settings, ...changes })).toEqual(fails(words));
      });
    },
  );
});
