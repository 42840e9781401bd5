import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createHistory, NAMES, steps } from './identifier-history.ts';
import { openLife } from './life-fixture.ts';

describe('over any history of sign-ins, imports, merges, splits, erasures, disabling and key rotations', () => {
  it('no identifier is ever two customers’, used again, or changed but by the stated rule, and each change is on record', async () => {
    const checked = fc.assert(
      fc.asyncProperty(fc.array(steps, { minLength: 25, maxLength: 40 }), async (history) => {
        const life = await openLife();
        try {
          const step = createHistory(life);
          for (let at = 0; at < NAMES.length; at++) await step({ op: 'sign_in', who: at, group: at % 2 });
          for (const one of history) await step(one);
        } finally {
          await life.close();
        }
      }),
      // A shorter history is easier to read, and takes minutes to find: the seed is printed.
      { numRuns: 50, endOnFailure: true },
    );
    await expect(checked).resolves.toBeUndefined();
  }, 120_000);
});
