import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSharedPlaces } from '../../../src/limits/shared-places.ts';
import { createTurns } from '../../../src/platform/turns.ts';

/** How many of `wanted` places a holder gets. */
const taken = (places: ReturnType<typeof createSharedPlaces>, holder: string | undefined, wanted: number) =>
  Array.from({ length: wanted }, () => places.take(holder)).filter(Boolean).length;

describe('places that several share', () => {
  it('are three quarters for one alone, and all for nobody in particular', () => {
    expect(taken(createSharedPlaces(64), 'one', 100)).toBe(48);
    expect(taken(createSharedPlaces(64), undefined, 100)).toBe(64);
    expect(taken(createSharedPlaces(1), 'one', 2)).toBe(1);
    expect(taken(createSharedPlaces(0), 'one', 2)).toBe(0);
  });

  it('are free for the next to come, however many take all that they may again and again', () => {
    fc.assert(
      fc.property(fc.integer({ min: 20, max: 200 }), fc.integer({ min: 1, max: 5 }), (max, crowd) => {
        const places = createSharedPlaces(max);
        const holders = Array.from({ length: crowd }, (_, n) => `crowd-${n}`);
        const inside: string[] = [];
        for (let turn = 0; turn < 5 * max; turn++) {
          for (const holder of holders) if (places.take(holder)) inside.push(holder);
          if (turn >= max) places.leave(inside.shift());
        }
        expect(inside.length).toBeGreaterThan(max / 2);
        expect(places.take('honest')).toBe(true);
      }),
    );
  });

  it('can be taken again once they are given back', () => {
    const places = createSharedPlaces(8);
    expect(taken(places, 'one', 8)).toBe(6);
    for (let n = 0; n < 6; n++) places.leave('one');
    expect(taken(places, 'two', 8)).toBe(6);
    places.leave('two');
    expect(places.take('one')).toBe(true);
  });
});

describe('what waits in lanes', () => {
  it('is taken in turns, each lane in its own order', () => {
    const turns = createTurns<string>();
    for (const item of ['a1', 'a2', 'a3', 'b1', 'c1', 'c2']) turns.add(item.slice(0, 1), item);
    expect(turns.size()).toBe(6);
    const order = [turns.next(), turns.next()];
    turns.add('b', 'b2');
    while (turns.size() > 0) order.push(turns.next());
    expect(order).toEqual(
      ['a1', 'b1', 'c1', 'a2', 'b2', 'c2', 'a3'].filter((_item, at) => at < order.length),
    );
    expect(turns.next()).toBeUndefined();
  });

  it('leaves from the middle of its lane, and a lane that is asked for goes to the end of the round', () => {
    const turns = createTurns<string>();
    for (const item of ['a1', 'a2', 'a3', 'b1', 'c1', 'c2']) turns.add(item.slice(0, 1), item);
    expect([turns.remove('a', 'a2'), turns.remove('a', 'a2'), turns.remove('b', 'b1')]).toEqual([
      true,
      false,
      true,
    ]);
    expect(turns.next('b')).toBeUndefined();
    expect([turns.next('a'), turns.next(), turns.next('c')]).toEqual(['a1', 'c1', 'c2']);
    expect([turns.size(), [...turns.lanes()], turns.all(), turns.of('c').size]).toEqual([
      1,
      ['a'],
      ['a3'],
      0,
    ]);
  });

  it('comes out whole when it is drained', () => {
    const turns = createTurns<number>();
    for (let n = 0; n < 5; n++) turns.add(String(n % 2), n);
    expect(new Set(turns.drain())).toEqual(new Set([0, 1, 2, 3, 4]));
    expect(turns.size()).toBe(0);
  });
});
