import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ConfigInput } from '../../src/config/config.ts';
import { parseConfig } from '../../src/config/load.ts';
import { createLogger } from '../../src/platform/logger.ts';
import { createService } from '../../src/service.ts';
import { connectionSettings, startTestBackend, type TestBackend } from '../support/backend.ts';
import { startService, testSettings, type TestService } from '../support/service.ts';

const PASSWORD = 'uT7-qk2Zx9_wLp4mRv8sYd1b';
const OTHER_PASSWORD = 'pQ3-nf8Hc6_tKj5xGw2eZa7r';
/** Where test clocks start. */
const START_MS = Date.UTC(2026, 0, 1);
const DAY_MS = 864e5;
const dayAfter = (days: number) => new Date(START_MS + days * DAY_MS).toISOString().slice(0, 10);

type Authenticators = NonNullable<ConfigInput['authenticators']>;

const testers = (more: Record<string, unknown> = {}) =>
  ({
    name: 'testers',
    type: 'test_customers',
    channels: ['ios', 'web'],
    expires_on: dayAfter(2),
    customers: [
      { username: 'Vendor-Test-1', password: PASSWORD, profile: { plan: 'gold', secret_note: 'x' } },
      { username: 'vendor-test-2', password: OTHER_PASSWORD, reference: '4711' },
    ],
    ...more,
  }) as unknown as Authenticators[number];

const directory = { name: 'directory', type: 'directory', reference_space: 'directory' } as const;

/** The usual settings, with test customers beside the directory and a backend that holds test data. */
function withTesters(
  all: ConfigInput,
  sandbox: TestBackend,
  more: Record<string, unknown> = {},
): ConfigInput {
  return {
    ...all,
    authenticators: [testers(more), directory],
    connections: {
      ...all.connections,
      sandbox: connectionSettings(sandbox),
    },
    backends: [
      ...(all.backends ?? []),
      {
        name: 'sandbox',
        connection: 'sandbox',
        path: '/v1/profile',
        identifier: { as: 'reference', in: 'header', name: 'X-Customer' },
        environments: ['test'],
        fields: { plan: 'account.plan' },
      },
    ],
  };
}

const open = (sandbox: TestBackend, more: Record<string, unknown> = {}, kept: Partial<ConfigInput> = {}) =>
  startService({ settings: (all) => ({ ...withTesters(all, sandbox, more), ...kept }) });

describe('test customers', () => {
  let at: TestService;
  let sandbox: TestBackend;
  beforeAll(async () => {
    sandbox = await startTestBackend();
    at = await open(sandbox);
  });
  afterAll(async () => {
    await at?.dispose();
    await sandbox?.close();
  });

  const signIn = (username: string, password: string, channel = 'ios') =>
    at.api
      .post('/customer_authenticate')
      .type('form')
      .send({ username, password, channel, delivery: 'token' });
  const token = async (username = 'vendor-test-1', password = PASSWORD) =>
    (await signIn(username, password).expect(200)).body as { JWT: string; customer_id: string };
  const ask = async (jwt: string, key = at.north.key.publicId) =>
    at.api
      .post('/getprofile')
      .set({ ...(await at.asappStyle()), 'api-key': key, 'customer-auth': `JWT ${jwt}` })
      .send({});

  it('sign in by a plain script, with an identifier and a token that say what they are', async () => {
    const { JWT, customer_id } = await token();
    expect(customer_id).toMatch(/^t1[a-z2-7]{32}$/);
    expect(decodeJwt(JWT)).toMatchObject({ sub: customer_id, test: true });
    expect(decodeJwt((await at.signIn()).JWT)).not.toHaveProperty('test');
  });

  it('get the fixed profile, only the fields that the partner may see, without a call to any backend', async () => {
    const asked = [at.crm, at.billing, sandbox].map((one) => one.requests.length);
    const { JWT, customer_id } = await token();
    const answer = (await ask(JWT)).body as unknown;
    expect(answer).toEqual({ customer_id, profile: { plan: 'gold' }, sources: {}, test: true });
    expect([at.crm, at.billing, sandbox].map((one) => one.requests.length)).toEqual(asked);
  });

  it('who share a reference with a real customer are asked about only where test data is, by a live and by a test key', async () => {
    const real = await at.signIn();
    const { JWT, customer_id } = await token('vendor-test-2', OTHER_PASSWORD);
    expect(customer_id).not.toBe(real.customer_id);
    const live = [at.crm, at.billing].map((one) => one.requests.length);
    const testKey = await at.createKey(at.north, { environment: 'test', tier: 'generous' });
    for (const key of [at.north.key.publicId, testKey.publicId]) {
      expect((await ask(JWT, key)).body).toEqual({
        customer_id,
        profile: { plan: 'gold' },
        sources: { sandbox: 'ok' },
        test: true,
      });
    }
    expect([at.crm, at.billing].map((one) => one.requests.length)).toEqual(live);
    expect((await ask(real.JWT)).body).not.toHaveProperty('test');
  });

  it('do not exist in a channel that is not listed, and cannot reach one with what they got elsewhere', async () => {
    await signIn('vendor-test-1', PASSWORD, 'app').expect(401);
    const { headers } = await at.api
      .post('/customer_authenticate')
      .send({ username: 'vendor-test-1', password: PASSWORD, channel: 'web', delivery: 'cookie' })
      .expect(200);
    const cookie = String(headers['set-cookie']).split(';')[0] as string;
    const renew = (channel: string) =>
      at.api
        .post('/customer_session/token')
        .set({ cookie, 'x-symbolon-csrf': '1', origin: 'https://shop.test' })
        .send({ channel });
    const refused = await renew('app');
    expect([refused.status, (refused.body as { error: { code: string } }).error.code]).toEqual([
      403,
      'CHANNEL_NOT_ALLOWED',
    ]);
    expect(decodeJwt(((await renew('ios').expect(200)).body as { JWT: string }).JWT)).toMatchObject({
      test: true,
    });
    const { body } = await at.api.get('/customer_session').set({ cookie }).expect(200);
    expect(body).toMatchObject({ test: true });
  });

  it('refuse a wrong password in the words of any other account', async () => {
    const wrong = await signIn('vendor-test-1', 'wrong');
    const unknown = await signIn('nobody-at-all', 'wrong');
    expect(wrong.status).toBe(401);
    const wordsOf = (answer: { body: unknown }) => {
      const { error } = answer.body as { error: Record<string, unknown> };
      return { ...error, request_id: '' };
    };
    expect(wordsOf(wrong)).toEqual(wordsOf(unknown));
  });

  it('are marked in every audit record about them, and nobody else is', async () => {
    const { customer_id } = await token();
    const real = await at.signIn();
    const recordsOf = async (id: string) => {
      const { body } = await at.admin.get('/admin/audit').query({ customer_id: id }).expect(200);
      return (body as { items: { details: { test?: boolean } }[] }).items;
    };
    const marked = await recordsOf(customer_id);
    expect(marked.length).toBeGreaterThan(2);
    expect(marked.every(({ details }) => details.test === true)).toBe(true);
    expect((await recordsOf(real.customer_id)).some(({ details }) => 'test' in details)).toBe(false);
  });

  it('are never merged with a real customer, whichever is to survive, nor imported', async () => {
    const [made, real] = [await token(), await at.signIn()];
    for (const [one, two] of [
      [made, real],
      [real, made],
    ] as const) {
      const { body, status } = await at.admin
        .post(`/admin/customers/${one.customer_id}/merge`)
        .send({ into: two.customer_id, reason: 'mistake' });
      expect([status, (body as { error: { message: string } }).error.message]).toEqual([
        409,
        expect.stringContaining('test customer'),
      ]);
    }
    const row = { reference_space: 'directory', reference: '9', channel_group: 'north' };
    const { body } = await at.admin
      .post('/admin/identifiers/import')
      .send({
        rows: [
          { ...row, customer_id: `t1${'a'.repeat(32)}` },
          { ...row, reference_space: 'test', customer_id: 'some-identifier-1' },
        ],
        reason: 'move',
      })
      .expect(200);
    expect(JSON.stringify(body)).toContain('form of those of test customers');
    expect(JSON.stringify(body)).toContain('cannot be imported');
  });

  it('stay test customers when they are merged, split, erased and come back', async () => {
    const [one, two] = [await token(), await token('vendor-test-2', OTHER_PASSWORD)];
    const change = (id: string, what: string, body: Record<string, unknown>) =>
      at.admin.post(`/admin/customers/${id}/${what}`).send({ reason: 'trial', ...body });
    await change(two.customer_id, 'merge', { into: one.customer_id }).expect(200);
    at.clock.advance(1_000);
    expect((await token('vendor-test-2', OTHER_PASSWORD)).customer_id).toBe(one.customer_id);
    await change(two.customer_id, 'split', {}).expect(200);
    at.clock.advance(1_000);
    const split = await token('vendor-test-2', OTHER_PASSWORD);
    expect(split.customer_id).toMatch(/^t1/);
    expect([one.customer_id, two.customer_id]).not.toContain(split.customer_id);
    await change(split.customer_id, 'erase', {}).expect(200);
    at.clock.advance(1_000);
    const back = await token('vendor-test-2', OTHER_PASSWORD);
    expect(back.customer_id).toMatch(/^t1/);
    expect(back.customer_id).not.toBe(split.customer_id);
  });

  it.each(['VENDOR-TEST-1', 'vendor-test-1', 'Vendor-Test-1'])(
    'know the name %s however it is written',
    async (name) => {
      await signIn(name, PASSWORD).expect(200);
    },
  );

  it.each([
    'vendor\u2010test\u20101',
    '\uff56endor-test-1',
    'vendor-test-1\u200b',
    ' vendor-test-1',
    'vendor-test-1\u0301',
    '*)(uid=vendor-test-1',
  ])('are nobody under the look-alike name %j', async (name) => {
    await signIn(name, PASSWORD).expect(401);
  });

  it('sign in from the listed addresses alone', async () => {
    const fenced = await open(sandbox, { addresses: ['203.0.113.0/24'] });
    try {
      await fenced.api
        .post('/customer_authenticate')
        .send({ username: 'vendor-test-1', password: PASSWORD, channel: 'ios' })
        .expect(401);
      const { body } = await fenced.admin
        .post('/admin/try-login')
        .send({ username: 'vendor-test-1', password: PASSWORD, channel: 'ios' })
        .expect(200);
      expect(JSON.stringify(body)).toContain('listed addresses alone');
    } finally {
      await fenced.dispose();
    }
  });

  it('end with their last day: password, token and session', async () => {
    const ending = await open(sandbox);
    try {
      const sign = () =>
        ending.api
          .post('/customer_authenticate')
          .send({ username: 'vendor-test-1', password: PASSWORD, channel: 'web', delivery: 'cookie' });
      const endMs = Date.parse(dayAfter(2)) + DAY_MS;
      ending.clock.advance(endMs - ending.clock.nowMs() - 5_000);
      const { headers } = await sign().expect(200);
      const cookie = String(headers['set-cookie']).split(';')[0] as string;
      await ending.api.get('/customer_session').set({ cookie }).expect(200);
      ending.clock.advance(6_000);
      await sign().expect(401);
      await expect
        .poll(async () => (await ending.api.get('/customer_session').set({ cookie })).status, {
          timeout: 5_000,
        })
        .toBe(401);
    } finally {
      await ending.dispose();
    }
  });

  it('end when they are taken out of the list, and in a channel that is taken out, at the next start', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'symbolon-testers-'));
    const kept = {
      storage: { database_url: `file:${join(folder, 'kept.db')}` },
      keys: { encryption_keys: [randomBytes(32).toString('base64')] },
    };
    const { customers } = testers() as unknown as { customers: unknown[] };
    const before = await open(sandbox, {}, kept);
    const signInTo = async (username: string, password: string) => {
      const { headers } = await before.api
        .post('/customer_authenticate')
        .send({ username, password, channel: 'web', delivery: 'cookie' })
        .expect(200);
      return String(headers['set-cookie']).split(';')[0] as string;
    };
    try {
      const removed = await signInTo('vendor-test-1', PASSWORD);
      const staying = await signInTo('vendor-test-2', OTHER_PASSWORD);
      await before.dispose();
      const settings = withTesters(testSettings(before.crm, before.billing), sandbox, {
        customers: customers.slice(1),
        channels: ['web'],
      });
      const after = await createService(parseConfig({ ...settings, ...kept }), {
        clock: before.clock,
        logger: createLogger('silent', { write: () => {} }),
      });
      const { url } = await after.listen();
      const statusOf = async (cookie: string) =>
        (await fetch(`${url}/customer_session`, { headers: { cookie } })).status;
      await expect.poll(() => statusOf(removed), { timeout: 5_000 }).toBe(401);
      expect(await statusOf(staying)).toBe(200);
      const elsewhere = await fetch(`${url}/customer_session/token`, {
        method: 'POST',
        headers: { cookie: staying, 'x-symbolon-csrf': '1', 'content-type': 'application/json' },
        body: JSON.stringify({ channel: 'ios' }),
      });
      expect(elsewhere.status).toBe(403);
      await after.close();
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
