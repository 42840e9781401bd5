import { beforeEach, describe, expect, it } from 'vitest';
import type { Backend, BackendAnswer, BackendQuestion } from '../../../src/backends/backend-types.ts';
import { rememberAnswers, type RememberingBackend } from '../../../src/backends/profile-cache.ts';
import type { CustomerIdentifier, CustomerReference } from '../../../src/identifiers/identifier.ts';
import type { PartnerId } from '../../../src/partners/partner.ts';
import { createMetrics, type Metrics } from '../../../src/platform/metrics.ts';
import { createTestClock, type TestClock } from '../../support/clock.ts';

const ACME = 'acme' as PartnerId;
const MIRA = 'c1mira' as CustomerIdentifier;
const NOOR = 'c1noor' as CustomerIdentifier;
const FAILED: BackendAnswer = { status: 'timeout', fields: {}, reason: 'timeout' };

let clock: TestClock;
let metrics: Metrics;
/** Wall-clock time of the end of everything that a customer was issued. */
let ended: Map<string, number>;
let asked: BackendQuestion[];
let answers: ((question: BackendQuestion) => BackendAnswer | Promise<BackendAnswer>) | undefined;
let crm: RememberingBackend;

beforeEach(() => {
  clock = createTestClock();
  metrics = createMetrics();
  ended = new Map();
  asked = [];
  answers = undefined;
  crm = remembering({ freshMs: 30_000, staleMs: 60_000 });
});

function remembering(times: { freshMs: number; staleMs: number }): RememberingBackend {
  const backend: Backend = {
    name: 'crm',
    environments: new Set(['live'] as const),
    fields: ['plan', 'balance', 'iban'],
    ask: async (question) => {
      asked.push(question);
      const given = answers?.(question);
      await Promise.resolve();
      return (await given) ?? { status: 'ok', fields: { plan: `of ${question.customerId}` } };
    },
    probe: async () => ({ ok: true, message: '' }),
  };
  return rememberAnswers(backend, times, {
    clock,
    metrics,
    revocations: { isRevoked: (kind, id, at) => kind === 'customer' && at <= (ended.get(id) ?? -1) },
  });
}

const ask = (changes: Partial<BackendQuestion> = {}) =>
  crm.ask({
    customerId: MIRA,
    reference: '4711' as CustomerReference,
    fields: new Set(['plan', 'elsewhere']),
    partner: ACME,
    requestId: 'req-1',
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    ...changes,
  });

async function counted(): Promise<Record<string, number>> {
  const { values } = await metrics.profileCache.get();
  return Object.fromEntries(
    values.filter(({ value }) => value > 0).map(({ labels, value }) => [labels.result, value]),
  );
}

describe('a remembered answer', () => {
  it('is used again until its time is over, and says how old it is', async () => {
    const first = await ask();
    expect(first).toEqual({ status: 'ok', fields: { plan: 'of c1mira' } });
    clock.advance(29_999);
    expect(await ask()).toEqual({ ...first, ageMs: 29_999 });
    expect(asked).toHaveLength(1);
    clock.advance(1);
    expect(await ask()).toEqual(first);
    expect(asked).toHaveLength(2);
    expect(await counted()).toEqual({ hit: 1, miss: 2 });
  });

  it.each<[string, Partial<BackendQuestion>]>([
    ['another partner', { partner: 'zeta' as PartnerId }],
    ['another customer', { customerId: NOOR }],
    [
      'the same identifier with another reference, as after a merge',
      { reference: '0815' as CustomerReference },
    ],
    ['other fields of the backend', { fields: new Set(['plan', 'iban']) }],
    ['fewer fields of the backend', { fields: new Set<string>() }],
  ])('is never given for %s', async (_what, changes) => {
    await ask();
    expect((await ask(changes)).ageMs).toBeUndefined();
    expect(asked).toHaveLength(2);
    expect((await ask()).ageMs).toBe(0);
  });

  it('is the same for fields that only other backends have, in whatever order they are named', async () => {
    await ask({ fields: new Set(['iban', 'plan']) });
    expect((await ask({ fields: new Set(['plan', 'iban', 'other']) })).ageMs).toBe(0);
    expect(asked).toHaveLength(1);
  });

  it('is not made by, nor given to, a question without a partner', async () => {
    await ask({ partner: undefined });
    await ask();
    await ask({ partner: undefined });
    expect(asked).toHaveLength(3);
  });

  it('ends with what was issued to the customer: sign-out everywhere, erasure, merge, a switched off customer', async () => {
    await ask();
    await ask({ customerId: NOOR });
    ended.set(MIRA, clock.nowMs());
    clock.advance(1);
    crm.sweep();
    expect(crm.size()).toBe(1);
    expect((await ask()).ageMs).toBeUndefined();
    expect((await ask()).ageMs).toBe(0);
    expect((await ask({ customerId: NOOR })).ageMs).toBe(1);
  });

  it('is checked for its end at each use, not only when the memory is swept', async () => {
    await ask();
    ended.set(MIRA, clock.nowMs());
    clock.advance(1);
    expect((await ask()).ageMs).toBeUndefined();
  });

  it('goes when the customer signs out here, and when a partner’s rights change', async () => {
    await ask();
    await ask({ customerId: NOOR });
    await ask({ partner: 'zeta' as PartnerId });
    crm.forget(MIRA);
    expect(crm.size()).toBe(1);
    crm.forgetPartner(ACME);
    expect(crm.size()).toBe(0);
  });

  it('leaves memory by itself once it is of no use to anybody', async () => {
    await ask();
    clock.advance(89_999);
    crm.sweep();
    expect(crm.size()).toBe(1);
    clock.advance(1);
    crm.sweep();
    expect(crm.size()).toBe(0);
  });

  it('takes bounded memory, however many ask for however much', async () => {
    for (let i = 0; i < 10_050; i++) await ask({ customerId: `c1${i}` as CustomerIdentifier });
    expect(crm.size()).toBe(10_000);
    expect((await ask({ customerId: 'c10' as CustomerIdentifier })).ageMs).toBeUndefined();
    answers = () => ({ status: 'ok', fields: { plan: 'x'.repeat(100_000) } });
    for (let i = 0; i < 100; i++) await ask({ customerId: `c2${i}` as CustomerIdentifier });
    expect(crm.size()).toBeLessThanOrEqual((16 * 1024 * 1024) / 200_000);
    answers = () => ({ status: 'ok', fields: { plan: 'x'.repeat(200_000) } });
    const held = crm.size();
    await ask({ customerId: 'c3' as CustomerIdentifier });
    expect(crm.size()).toBe(held);
  });
});

describe('many questions at once', () => {
  it('of 200 callers one asks the backend, and all get its answer', async () => {
    const all = await Promise.all(Array.from({ length: 200 }, () => ask()));
    expect(asked).toHaveLength(1);
    expect(new Set(all.map(({ fields }) => fields['plan']))).toEqual(new Set(['of c1mira']));
    expect(await counted()).toEqual({ miss: 1, joined: 199 });
  });

  it('never share a call between partners or customers', async () => {
    const all = await Promise.all(
      Array.from({ length: 200 }, (_, i) =>
        ask({ customerId: i % 2 ? MIRA : NOOR, partner: (i % 4 < 2 ? 'acme' : 'zeta') as PartnerId }),
      ),
    );
    expect(asked).toHaveLength(4);
    all.forEach(({ fields }, i) => expect(fields['plan']).toBe(`of ${i % 2 ? MIRA : NOOR}`));
  });

  it('share a failure, and the next one asks again', async () => {
    answers = () => FAILED;
    const all = await Promise.all(Array.from({ length: 20 }, () => ask()));
    expect(new Set(all.map(({ status }) => status))).toEqual(new Set(['timeout']));
    expect(asked).toHaveLength(1);
    answers = undefined;
    expect((await ask()).status).toBe('ok');
  });

  it.each([
    ['the customer signs out here', () => crm.forget(MIRA)],
    ['all that the customer was issued ends', () => void ended.set(MIRA, clock.nowMs())],
  ])('that are under way when %s leave nothing behind', async (_what, end) => {
    let release = () => {};
    const gate = new Promise<void>((done) => {
      release = done;
    });
    answers = async () => {
      await gate;
      return { status: 'ok', fields: { plan: 'before' } };
    };
    const first = ask();
    end();
    clock.advance(1);
    answers = () => FAILED;
    const second = ask();
    expect(asked).toHaveLength(2);
    release();
    expect(await first).toMatchObject({ fields: { plan: 'before' } });
    expect(await second).toEqual(FAILED);
    expect(crm.size()).toBe(0);
    expect(await ask()).toEqual(FAILED);
  });
});

it('an answer that comes after the end of all that the customer was issued is not kept', async () => {
  const late = ask();
  ended.set(MIRA, clock.nowMs());
  await late;
  expect(crm.size()).toBe(0);
});

describe('while the backend fails', () => {
  it.each<BackendAnswer>([
    FAILED,
    { status: 'unavailable', fields: {}, reason: 'circuit_open' },
    { status: 'error', fields: {}, reason: 'status_502' },
  ])('an older answer stands in for $status ($reason), marked, until its time is over', async (failure) => {
    await ask();
    answers = () => failure;
    clock.advance(30_000);
    const { reason } = failure;
    expect(await ask()).toEqual({
      status: 'ok',
      fields: { plan: 'of c1mira' },
      ageMs: 30_000,
      stale: true,
      reason,
    });
    clock.advance(59_999);
    expect((await ask()).stale).toBe(true);
    clock.advance(1);
    expect(await ask()).toEqual(failure);
    expect(await counted()).toEqual({ miss: 2, stale: 2 });
  });

  it.each<BackendAnswer>([
    { status: 'not_found', fields: {}, reason: 'status_404' },
    { status: 'error', fields: {}, reason: 'status_401' },
    { status: 'error', fields: {}, reason: 'subject_differs' },
    { status: 'error', fields: {}, reason: 'not_json' },
  ])('nothing stands in for $status ($reason), and what was known is forgotten', async (failure) => {
    await ask();
    answers = () => failure;
    clock.advance(30_000);
    expect(await ask()).toEqual(failure);
    expect(crm.size()).toBe(0);
  });

  it('nothing stands in where the configuration does not say so', async () => {
    crm = remembering({ freshMs: 30_000, staleMs: 0 });
    await ask();
    answers = () => FAILED;
    clock.advance(30_000);
    expect(await ask()).toEqual(FAILED);
  });

  it('nothing stands in for a customer whose sessions have ended meanwhile', async () => {
    await ask();
    answers = () => FAILED;
    clock.advance(30_000);
    ended.set(MIRA, clock.nowMs());
    expect(await ask()).toEqual(FAILED);
  });
});
