import { constants, PerformanceObserver, type PerformanceEntry } from 'node:perf_hooks';
import { expect, test } from 'vitest';
import { collectStartGarbage } from '../../../src/platform/start-garbage.ts';

const kindOf = (entry: PerformanceEntry & { detail?: { kind?: number } }) => entry.detail?.kind;

test('what starting left behind is collected once, later than the call, and nobody else gets the means to', async () => {
  const collected = new Promise<PerformanceEntry>((resolve) => {
    const observer = new PerformanceObserver((list) => {
      const major = list.getEntries().find((entry) => kindOf(entry) === constants.NODE_PERFORMANCE_GC_MAJOR);
      if (!major) return;
      observer.disconnect();
      resolve(major);
    });
    observer.observe({ entryTypes: ['gc'] });
  });
  const calledAtMs = performance.now();
  collectStartGarbage();
  const returnedAtMs = performance.now();
  const { startTime } = await collected;
  expect(startTime).toBeGreaterThan(calledAtMs);
  expect(startTime).toBeGreaterThanOrEqual(returnedAtMs);
  expect(globalThis.gc).toBeUndefined();
});
