import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { BackendMode } from '../support/backend.ts';
import { startService, type TestService } from '../support/service.ts';

let t: TestService;
let headers: Record<string, string>;
const start = async (deadlines: Partial<Record<'crm' | 'billing', number>> = {}) => {
  t = await startService({
    settings: (all) => ({
      ...all,
      connections: Object.fromEntries(
        Object.entries(all.connections ?? {}).map(([name, one]) => {
          const total_timeout_ms = deadlines[name as 'crm' | 'billing'] ?? 5_000;
          return [name, { ...one, total_timeout_ms }];
        }),
      ),
    }),
  });
  headers = {
    authorization: `Bearer ${t.north.key.secret}`,
    'customer-auth': `JWT ${(await t.signIn()).JWT}`,
  };
};
/** With backends that have less time than five seconds; a token of ours is fetched in it too. */
const restart = async (deadlines: Parameters<typeof start>[0]) => {
  await t.dispose();
  await start(deadlines);
};
beforeEach(() => start());
afterEach(() => t.dispose());

const SOON_MS = 1_500;

const ask = (fields?: string[]) =>
  t.api
    .post('/getprofile')
    .set(headers)
    .send(fields ? { fields } : {});

/** What the edge says when the only backend that was asked behaves like this. */
const CASES: [BackendMode, number, string][] = [
  ['slow_headers', 504, 'BACKEND_TIMEOUT'],
  ['drip', 504, 'BACKEND_TIMEOUT'],
  ['too_many', 503, 'BACKEND_UNAVAILABLE'],
  ['hang_up', 503, 'BACKEND_UNAVAILABLE'],
  ['failing', 502, 'BACKEND_ERROR'],
  ['huge', 502, 'BACKEND_ERROR'],
  ['invalid_json', 502, 'BACKEND_ERROR'],
  ['html', 502, 'BACKEND_ERROR'],
  ['redirect', 502, 'BACKEND_ERROR'],
  ['wrong_customer', 502, 'BACKEND_ERROR'],
  ['no_customer', 502, 'BACKEND_ERROR'],
  ['unauthorized', 502, 'BACKEND_ERROR'],
  ['deep', 502, 'BACKEND_ERROR'],
];

describe('a failing backend, when nothing else was asked', () => {
  it.each(CASES)('%s is %i %s and nothing of it gets out', async (mode, status, code) => {
    if (status === 504) await restart({ crm: SOON_MS });
    t.crm.mode = mode;
    const answer = await ask(['plan']).expect(status);
    expect(answer.body.error.code).toBe(code);
    expect(answer.text).not.toMatch(/stack|internal|sign in|127\.0\.0\.1|crm|gold/);
    expect(t.crm.redirectsFollowed()).toBe(0);
  });

  it.each<[BackendMode, string]>([
    ['slow_headers', 'timeout'],
    ['hang_up', 'unavailable'],
    ['failing', 'error'],
    ['wrong_customer', 'error'],
  ])('%s costs its own fields alone, when another gives an answer', async (mode, status) => {
    if (status === 'timeout') await restart({ crm: SOON_MS });
    t.crm.mode = mode;
    const { body } = await ask().expect(200);
    expect(Object.keys(body.profile)).toEqual(['lines']);
    expect(body.sources).toEqual({ crm: status, billing: 'ok' });
  });
});

describe('what is left decides', () => {
  it('two failing in different ways are 502, in the same way that way', async () => {
    await restart({ crm: SOON_MS });
    t.crm.mode = 'slow_headers';
    t.billing.mode = 'failing';
    expect((await ask().expect(502)).body.error.code).toBe('BACKEND_ERROR');
    await restart({ crm: SOON_MS, billing: SOON_MS });
    t.crm.mode = 'slow_headers';
    t.billing.mode = 'slow_headers';
    expect((await ask().expect(504)).body.error.code).toBe('BACKEND_TIMEOUT');
  });

  it('a customer that no backend knows is 404, and one that could not be asked for is not', async () => {
    const { customer_id } = await t.signIn();
    t.crm.unknown.add(customer_id);
    t.billing.unknown.add(customer_id);
    expect((await ask().expect(404)).body.error.code).toBe('PROFILE_NOT_FOUND');
    t.billing.mode = 'failing';
    t.billing.unknown.clear();
    expect((await ask().expect(502)).body.error.code).toBe('BACKEND_ERROR');
    t.billing.mode = 'ok';
    expect((await ask().expect(200)).body.sources).toEqual({ crm: 'not_found', billing: 'ok' });
  });

  it('a backend that is not there is 503 with a time to wait', async () => {
    await t.crm.close();
    const { body, headers: answered } = await ask(['plan']).expect(503);
    expect(body.error.code).toBe('BACKEND_UNAVAILABLE');
    expect(Number(answered['retry-after'])).toBeGreaterThan(0);
    // Closed twice by the end of the test otherwise.
    Object.assign(t.crm, { close: () => Promise.resolve() });
  });

  it('two slow backends are waited for at the same time', async () => {
    await restart({ crm: SOON_MS, billing: SOON_MS });
    t.crm.mode = 'slow_headers';
    t.billing.mode = 'slow_headers';
    const started = performance.now();
    await ask().expect(504);
    expect(performance.now() - started).toBeLessThan(2 * SOON_MS);
  });
});

describe('meanwhile', () => {
  it('signing in and health answer at once', async () => {
    await restart({ crm: SOON_MS });
    t.crm.mode = 'slow_headers';
    const slow = Promise.all(Array.from({ length: 20 }, () => ask(['plan']).expect(504)));
    await t.api.get('/health/live').expect(200);
    await t.signIn();
    await slow;
  });

  it('and when the backend is well again it is asked again', async () => {
    t.crm.mode = 'failing';
    await ask(['plan']).expect(502);
    t.crm.mode = 'ok';
    expect((await ask(['plan']).expect(200)).body.profile).toEqual({ plan: 'gold' });
  });

  it('a refused token of ours is fetched anew once, and the answer is whole', async () => {
    await ask(['plan']).expect(200);
    const fetched = t.crm.tokenRequests.length;
    t.crm.mode = 'unauthorized_once';
    await ask(['plan']).expect(200);
    expect(t.crm.tokenRequests.length).toBe(fetched + 1);
  });
});

it('a failure is in the audit trail as one', async () => {
  t.crm.mode = 'failing';
  const answer = await ask(['plan']).expect(502);
  const { body } = await t.admin.get(`/admin/audit?request_id=${answer.headers['x-request-id']}`).expect(200);
  expect(body.items).toMatchObject([
    {
      event: 'profile.read',
      outcome: 'failed',
      reason: 'BACKEND_ERROR',
      details: { crm: 'error', fields: 0 },
    },
  ]);
});
