import { describe, expect, it } from 'vitest';
import { targets } from './targets.ts';
import { tryTarget } from './try-target.ts';

describe('whatever it is given, nothing but an answer or a refusal comes of', () => {
  it.each(targets.map((target) => [target.name, target] as const))('%s', (_name, target) => {
    expect(tryTarget(target, { runs: target.name === 'config' ? 150 : 1_500 })).toBeGreaterThan(100);
  });
});

describe('the search itself', () => {
  it('finds a defect that is there, and makes its input small', () => {
    const broken = {
      name: 'broken',
      inputs: ['harmless text of some length'],
      check: (input: string) => {
        if (input.includes('%00')) throw new Error('found');
      },
    };
    expect(() => tryTarget(broken, { runs: 20_000, seed: 7 })).toThrow(
      /broken, seed 7: ".*%00.*": Error: found/,
    );
  });
});
