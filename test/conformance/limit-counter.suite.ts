import * as fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import type { CountedSubject, CountResult, LimitCounter } from '../../src/limits/limit-counter.ts';
import { createTestClock, type TestClock } from '../support/clock.ts';
import { inParallel } from './store-fixture.ts';

export interface CounterEngine {
  /** A counter that takes its time from the clock and knows no subject yet. */
  open(clock: TestClock): LimitCounter;
}

const MINUTE = { quota: 3, windowMs: 60_000 };
const DAY = { quota: 5, windowMs: 86_400_000 };
/** `key:a` is `a` of the kind `key`. */
const subject = (name: string, ...windows: CountedSubject['windows']): CountedSubject => {
  const colon = name.indexOf(':');
  return { kind: name.slice(0, colon), id: name.slice(colon + 1), windows };
};

/** What a counter must do, written as plainly as can be. */
function createModel(clock: TestClock) {
  const windows = new Map<string, { used: number; endsAtMs: number }>();
  const nameOf = ({ kind, id }: CountedSubject, windowMs: number) => JSON.stringify([kind, id, windowMs]);
  const at = (subject: CountedSubject, windowMs: number) => {
    const one = windows.get(nameOf(subject, windowMs));
    return one && one.endsAtMs > clock.nowMs() ? one : { used: 0, endsAtMs: 0 };
  };
  return (subjects: readonly CountedSubject[]) => {
    const flat = subjects.flatMap((one) => one.windows.map((window) => ({ ...one, ...window })));
    const admitted = flat.every((one) => at(one, one.windowMs).used < one.quota);
    for (const one of admitted ? flat : []) {
      if (one.mode === 'look') continue;
      const { used, endsAtMs } = at(one, one.windowMs);
      const next = { used: used + 1, endsAtMs: endsAtMs || clock.nowMs() + one.windowMs };
      windows.set(nameOf(one, one.windowMs), next);
    }
    const states = flat.map((one) => {
      const { used, endsAtMs } = at(one, one.windowMs);
      return { left: Math.max(0, one.quota - used), endsInMs: endsAtMs === 0 ? 0 : endsAtMs - clock.nowMs() };
    });
    return { admitted, windows: states };
  };
}

const windowLists = fc.uniqueArray(
  fc.record({ quota: fc.integer({ min: 1, max: 4 }), windowMs: fc.constantFrom(1_000, 5_000, 60_000) }),
  { selector: ({ windowMs }) => windowMs, minLength: 1, maxLength: 3 },
);
const callLists = fc.uniqueArray(
  fc
    .record({
      name: fc.constantFrom('key:a', 'key:b', 'partner:p', 'failures:192.0.2.1'),
      windows: windowLists,
      mode: fc.constantFrom('take' as const, 'look' as const),
    })
    .map(({ name, windows, mode }) => ({ ...subject(name, ...windows), mode })),
  { selector: ({ kind, id }) => `${kind}:${id}`, minLength: 1, maxLength: 3 },
);
const steps = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ call: callLists }) },
    { weight: 1, arbitrary: fc.record({ waitMs: fc.constantFrom(1, 999, 1_000, 4_000, 30_000, 60_000) }) },
  ),
  { maxLength: 40 },
);

/** Every counter of requests has to pass this. */
export function limitCounterSuite(engine: CounterEngine): void {
  let clock: TestClock;
  let counter: LimitCounter;
  beforeEach(() => {
    clock = createTestClock();
    counter = engine.open(clock);
  });

  it('admits the quota and not one more, and says what is left', async () => {
    const seen = [];
    for (let i = 0; i < 5; i++) seen.push(await counter.count([subject('key:a', MINUTE)]));
    expect(seen.map(({ admitted }) => admitted)).toEqual([true, true, true, false, false]);
    expect(seen.map(({ windows }) => windows[0]?.left)).toEqual([2, 1, 0, 0, 0]);
  });

  it('begins a window with the first request; waiting for its end suffices, and a millisecond less does not', async () => {
    await counter.count([subject('key:a', MINUTE)]);
    clock.advance(45_000);
    for (let i = 0; i < 2; i++) await counter.count([subject('key:a', MINUTE)]);
    const refused = await counter.count([subject('key:a', MINUTE)]);
    expect(refused).toEqual({ admitted: false, windows: [{ left: 0, endsInMs: 15_000 }] });
    clock.advance(14_999);
    expect((await counter.count([subject('key:a', MINUTE)])).admitted).toBe(false);
    clock.advance(1);
    expect(await counter.count([subject('key:a', MINUTE)])).toEqual({
      admitted: true,
      windows: [{ left: 2, endsInMs: 60_000 }],
    });
  });

  it('holds every window of a subject: a full day refuses although the minute has room', async () => {
    for (let i = 0; i < 5; i++) {
      expect((await counter.count([subject('key:a', MINUTE, DAY)])).admitted).toBe(true);
      clock.advance(60_000);
    }
    const refused = await counter.count([subject('key:a', MINUTE, DAY)]);
    expect(refused.admitted).toBe(false);
    expect(refused.windows).toEqual([
      { left: 3, endsInMs: 0 },
      { left: 0, endsInMs: 86_400_000 - 300_000 },
    ]);
  });

  it('takes from no subject when one of them refuses', async () => {
    const both = [subject('key:a', MINUTE), subject('partner:p', { quota: 10, windowMs: 60_000 })];
    for (let i = 0; i < 6; i++) await counter.count(both);
    const [partner] = (await counter.count([subject('partner:p', { quota: 10, windowMs: 60_000 })])).windows;
    expect(partner?.left).toBe(6);
  });

  it('looks without taking, and a full window that is looked at refuses', async () => {
    const look: CountedSubject = { ...subject('failures:192.0.2.1', MINUTE), mode: 'look' };
    for (let i = 0; i < 10; i++) expect((await counter.count([look])).admitted).toBe(true);
    for (let i = 0; i < 3; i++) await counter.count([subject('failures:192.0.2.1', MINUTE)]);
    expect((await counter.count([subject('key:a', MINUTE), look])).admitted).toBe(false);
    expect((await counter.count([subject('key:a', MINUTE)])).windows[0]?.left).toBe(2);
  });

  it('keeps subjects apart', async () => {
    for (let i = 0; i < 4; i++) await counter.count([subject('key:a', MINUTE)]);
    expect((await counter.count([subject('key:b', MINUTE)])).admitted).toBe(true);
    expect((await counter.count([subject('client:a', MINUTE)])).admitted).toBe(true);
  });

  it('honours a quota that was changed in the middle of a window', async () => {
    for (let i = 0; i < 3; i++) await counter.count([subject('key:a', MINUTE)]);
    const wider = { ...MINUTE, quota: 4 };
    expect((await counter.count([subject('key:a', wider)])).admitted).toBe(true);
    expect((await counter.count([subject('key:a', MINUTE)])).windows[0]?.left).toBe(0);
  });

  it('lets exactly one of 200 parallel callers have the last unit', async () => {
    const wide = subject('partner:p', { quota: 1_000, windowMs: 60_000 });
    for (let i = 0; i < 2; i++) await counter.count([subject('key:a', MINUTE, DAY), wide]);
    const results = await inParallel(200, async () => counter.count([subject('key:a', MINUTE, DAY), wide]));
    expect(results.filter(({ admitted }) => admitted)).toHaveLength(1);
    expect((await counter.count([wide])).windows[0]?.left).toBe(1_000 - 4);
  });

  it('agrees with a plain model on any course of calls and pauses', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (course) => {
        const ownClock = createTestClock();
        const own = engine.open(ownClock);
        const model = createModel(ownClock);
        const seen: [CountResult, CountResult][] = [];
        for (const step of course) {
          if ('waitMs' in step) ownClock.advance(step.waitMs);
          else seen.push([await own.count(step.call), model(step.call)]);
        }
        expect(seen.map(([real]) => real)).toEqual(seen.map(([, expected]) => expected));
      }),
      { numRuns: 60 },
    );
  });
}

/** The suite under the engine's name. */
export function describeLimitCounter(name: string, engine: CounterEngine): void {
  describe(`limits counted ${name}`, () => {
    limitCounterSuite(engine);
  });
}
