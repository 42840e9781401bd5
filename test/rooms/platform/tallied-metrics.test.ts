import * as fc from 'fast-check';
import { Counter, Histogram, Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { talliedCounter, talliedHistogram } from '../../../src/platform/tallied-metrics.ts';

const BUCKETS = [0.01, 0.1, 1, 5];
const word = fc.constantFrom('a', 'b', '/customers/:id', 'é"\\\n');
const counted = fc.array(
  fc.record({ route: word, method: word, status: fc.integer({ min: 200, max: 203 }) }),
);

test('what was tallied reads as prom-client itself would have counted it', async () => {
  await fc.assert(
    fc.asyncProperty(
      counted,
      fc.array(fc.tuple(word, fc.double({ min: 0, max: 9, noNaN: true }))),
      async (calls, seen) => {
        const ours = new Registry();
        const theirs = new Registry();
        const counter = {
          name: 'calls_total',
          help: 'Calls',
          labelNames: ['route', 'method', 'status'] as const,
        };
        const histogram = {
          name: 'seconds',
          help: 'Seconds',
          labelNames: ['route'] as const,
          buckets: BUCKETS,
        };
        const tallied = talliedCounter({ ...counter, registers: [ours] });
        const plain = new Counter({ ...counter, registers: [theirs] });
        for (const [i, labels] of calls.entries()) {
          tallied.inc(labels, i);
          plain.inc(labels, i);
        }
        const observed = talliedHistogram({ ...histogram, registers: [ours] });
        const plainly = new Histogram({ ...histogram, registers: [theirs] });
        for (const [route, seconds] of [...seen, ...BUCKETS.map((bound) => ['a', bound] as const)]) {
          observed.observe({ route }, seconds);
          plainly.observe({ route }, seconds);
        }
        expect(await ours.metrics()).toBe(await theirs.metrics());
        // Reading changes nothing.
        expect(await ours.metrics()).toBe(await theirs.metrics());
      },
    ),
  );
});

test('a counter with its labels named once adds to the same number, and shows nothing before its first use', async () => {
  const registry = new Registry();
  const counter = talliedCounter({
    name: 'calls_total',
    help: 'Calls',
    labelNames: ['backend', 'outcome'],
    registers: [registry],
  });
  const early = counter.labels({ backend: 'crm', outcome: 'ok' });
  const byName = counter.labels({ outcome: 'ok', backend: 'crm' });
  expect((await counter.get()).values).toEqual([]);
  early.inc();
  byName.inc(2);
  counter.inc({ backend: 'crm', outcome: 'ok' });
  expect((await counter.get()).values).toEqual([{ labels: { backend: 'crm', outcome: 'ok' }, value: 4 }]);
});

test('labels that the caller changes afterwards do not change what was counted', async () => {
  const registry = new Registry();
  const counter = talliedCounter({ name: 'n_total', help: 'N', labelNames: ['kind'], registers: [registry] });
  const labels = { kind: 'first' };
  counter.inc(labels);
  labels.kind = 'second';
  expect((await counter.get()).values).toEqual([{ labels: { kind: 'first' }, value: 1 }]);
});
