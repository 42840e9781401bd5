import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { createRecentMap } from '../../../src/platform/recent-map.ts';

interface Value {
  n: number;
}

it('never holds another value than the one set last, nor more than twice its capacity, and always those of last', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 8 }),
      fc.array(fc.record({ key: fc.integer({ min: 0, max: 40 }).map(String), isSet: fc.boolean() }), {
        maxLength: 200,
      }),
      (capacity, steps) => {
        const map = createRecentMap<Value>(capacity);
        const model = new Map<string, Value>();
        const touched: string[] = [];
        steps.forEach(({ key, isSet }, n) => {
          if (isSet) {
            map.set(key, { n: -1 });
            const value = { n };
            map.set(key, value);
            model.set(key, value);
          }
          const isOfLast = new Set(touched.slice(-capacity)).has(key);
          const allowed = isSet || isOfLast ? [model.get(key)] : [undefined, model.get(key)];
          const found = map.get(key);
          expect(allowed).toContain(found);
          if (found) touched.splice(0, touched.length, ...touched.filter((one) => one !== key), key);
        });
        // Asking may move one, which drops others and adds none.
        const held = [...model.keys()].filter((key) => map.get(key) !== undefined);
        expect(held.length).toBeLessThanOrEqual(2 * capacity);
      },
    ),
  );
});

it('keeps what is asked for, and forgets what is not', () => {
  const map = createRecentMap<Value>(3);
  const asked = { n: 0 };
  map.set('asked', asked);
  map.set('left', { n: 1 });
  for (let n = 0; n < 30; n++) {
    map.set(`k${n}`, { n });
    expect(map.get('asked')).toBe(asked);
  }
  expect(map.get('left')).toBeUndefined();
  expect(map.get('k29')).toEqual({ n: 29 });
});

it('is empty once cleared', () => {
  const map = createRecentMap<Value>(2);
  for (const key of ['a', 'b', 'c']) map.set(key, { n: 1 });
  map.clear();
  for (const key of ['a', 'b', 'c']) expect(map.get(key)).toBeUndefined();
});
