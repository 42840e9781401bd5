import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ConfigInput } from '../../src/config/config.ts';
import { parseConfig } from '../../src/config/load.ts';
import { createLogger } from '../../src/platform/logger.ts';
import { createService, type Service } from '../../src/service.ts';
import { createTestClock } from '../support/clock.ts';
import { type ContractClient, contractClient } from '../support/contract.ts';
import { ADMIN_TOKEN, cookieOf, PASSWORD, SHOP_ORIGIN, startService } from '../support/service.ts';

interface Client {
  client_id: string;
  client_secret: string;
}

const REDIRECT = 'https://vendor.test/callback';
const folder = mkdtempSync(join(tmpdir(), 'symbolon-codes-'));
const encryptionKey = randomBytes(32).toString('base64');
const clock = createTestClock();
let service: Service;
let api: ContractClient;
let admin: ContractClient;
let genesys: Client;
let livePerson: Client;
let cookie: string;

const kept = (settings: ConfigInput): ConfigInput => ({
  ...settings,
  storage: { database_url: `file:${join(folder, 'codes.db')}` },
  keys: { encryption_keys: [encryptionKey] },
});

let settings: ConfigInput | undefined;

/** The configuration names the clients, so that they are made first, by a service that ends again. */
async function makeClients(): Promise<Client[]> {
  await using first = await startService({
    settings: (all) => (settings = kept(all)),
  });
  const make = async (label: string) => {
    const { body } = await first.admin
      .post('/admin/clients')
      .send({ partner: 'north', label, redirect_uris: [REDIRECT], party: 'first', openid: true })
      .expect(201);
    return body as Client;
  };
  return [await make('Genesys'), await make('LivePerson')];
}

beforeAll(async () => {
  [genesys, livePerson] = (await makeClients()) as [Client, Client];
  const page = { group: 'north', allowed_origins: [SHOP_ORIGIN] };
  const config = parseConfig({
    ...(settings as ConfigInput),
    channels: [
      ...(settings?.channels ?? []),
      { id: 'genesys', profile: 'genesys', client: genesys.client_id, ...page },
      { id: 'liveperson', profile: 'liveperson-pkce', client: livePerson.client_id, ...page },
      { id: 'gone', profile: 'genesys', client: 'nobody', ...page },
    ],
  });
  service = await createService(config, { clock, logger: createLogger('silent', { write: () => {} }) });
  const { url, adminUrl } = await service.listen();
  api = contractClient(url);
  admin = contractClient(adminUrl, {
    listener: 'admin',
    headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
  });
  const { headers } = await api
    .post('/customer_authenticate')
    .send({ username: 'mira', password: PASSWORD, channel: 'web', delivery: 'cookie' })
    .expect(200);
  cookie = cookieOf(headers);
});
afterAll(async () => {
  await service.close();
  rmSync(folder, { recursive: true, force: true });
});

const ask = (channel: string, input?: Record<string, string>) =>
  api
    .post(`/channels/${channel}/token`)
    .set({ cookie, origin: SHOP_ORIGIN, 'x-symbolon-csrf': '1' })
    .send(input ? { input } : {});
const redeem = (client: Client, code: string, verifier: string) =>
  api
    .post('/oauth/token')
    .auth(client.client_id, client.client_secret)
    .type('form')
    .send({ grant_type: 'authorization_code', code, redirect_uri: REDIRECT, code_verifier: verifier });

interface Proof {
  token: string;
  expires_in: string;
  customer_id: string;
  web: Record<string, string>;
}

describe('a channel of a vendor that redeems codes', () => {
  it('gives a fresh code with its verifier each time, which the vendor turns into an ID token of the customer', async () => {
    const found = (await admin.get('/admin/doctor').expect(200)).body.findings as { subject: string }[];
    expect(found.find(({ subject }) => subject === 'channel genesys')).toMatchObject({
      ok: true,
      message: expect.stringContaining('whether they hold, only a sign-in at your page shows'),
    });
    const first = (await ask('genesys').expect(200)).body as Proof;
    const second = (await ask('genesys').expect(200)).body as Proof;
    expect(first.web['authCode']).not.toBe(second.web['authCode']);
    expect(Number(first.expires_in)).toBeLessThanOrEqual(60);
    expect(first.web['redirectUri']).toBe(REDIRECT);
    const { body } = await redeem(
      genesys,
      second.web['authCode'] as string,
      second.web['codeVerifier'] as string,
    ).expect(200);
    const keys = createLocalJWKSet((await api.get('/.well-known/jwks.json')).body as JSONWebKeySet);
    const { payload } = await jwtVerify((body as { id_token: string }).id_token, keys, {
      audience: genesys.client_id,
      currentDate: new Date(clock.nowMs()),
    });
    expect(payload.sub).toBe(second.customer_id);
  });

  it("binds a code to the vendor's own challenge, and gives none without one", async () => {
    await ask('liveperson').expect(400);
    await ask('liveperson', { code_challenge: 'too short' }).expect(400);
    const verifier = randomBytes(32).toString('base64url');
    const challenge = createHash('sha256').update(verifier).digest('base64url');
    const { token, web } = (await ask('liveperson', { code_challenge: challenge }).expect(200)).body as Proof;
    expect(JSON.stringify(web)).not.toContain(verifier);
    await redeem(livePerson, token, verifier).expect(200);
    const other = (await ask('liveperson', { code_challenge: challenge }).expect(200)).body as Proof;
    await redeem(livePerson, other.token, randomBytes(32).toString('base64url')).expect(400);
  });

  it('gives a code to no other vendor than its own', async () => {
    const { web } = (await ask('genesys').expect(200)).body as Proof;
    await redeem(livePerson, web['authCode'] as string, web['codeVerifier'] as string).expect(400);
  });

  it('whose client is not there gives none, and a probe says so', async () => {
    await ask('gone').expect(403);
    const { body } = await admin.post('/admin/channels/gone/probe').send({}).expect(200);
    expect(body).toMatchObject({
      ok: false,
      steps: [],
      failure: expect.stringContaining('CHANNEL_NOT_ALLOWED'),
    });
    const good = await admin.post('/admin/channels/genesys/probe').send({}).expect(200);
    expect(good.body).toMatchObject({ ok: true, steps: [{ verdict: 'not_checkable' }] });
    expect(JSON.stringify(good.body)).not.toContain('ac_');
  });
});
