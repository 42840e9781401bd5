import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { NamedPerson } from '../../../src/customers/persons.ts';
import type { ChannelGroup, CustomerReference, ReferenceSpace } from '../../../src/identifiers/identifier.ts';
import { ADMIN } from '../fixture.ts';
import { type Life, openLife } from './life-fixture.ts';

const nameOf = (reference: string): NamedPerson => ({
  space: 'crm' as ReferenceSpace,
  reference: reference as CustomerReference,
});
const ANN = nameOf('1001');
const BOB = nameOf('1002');
const CAS = nameOf('1003');

let life: Life;
beforeEach(async () => {
  life = await openLife();
});
afterEach(() => life.close());

const idOf = async (name: NamedPerson, group: string): Promise<string> => {
  const customer = await life.identities.identify({ group: group as ChannelGroup, ...name });
  return customer?.customerId ?? 'nobody';
};
const merge = async (gone: NamedPerson, stays: NamedPerson) =>
  life.merge({ customerId: await idOf(gone, 'north'), into: await idOf(stays, 'north') }, 'test', ADMIN);
const split = async (name: NamedPerson) =>
  life.split(await idOf(name, 'north'), { ...name, reason: 'test' }, ADMIN);
const ownerOf = async (customerId: string) =>
  (await life.identities.trace(customerId, 'test', ADMIN)).reference;

/** Each way to merge two and to name one of them afterwards. */
const ROUNDS = [ANN, BOB].flatMap((gone) => [ANN, BOB].map((named) => ({ gone, named })));
const TWICE = ROUNDS.flatMap((first) => ROUNDS.map((second) => [first, second] as const));

describe('an identifier that one person alone had', () => {
  it.each(TWICE)('is theirs after any two merges and splits: %j, %j', async (...rounds) => {
    const had = new Map<string, string>();
    const note = async () => {
      for (const name of [ANN, BOB]) had.set(await idOf(name, 'north'), name.reference);
      had.set(await idOf(ANN, 'south'), ANN.reference);
    };
    await note();
    for (const { gone, named } of rounds) {
      await merge(gone, gone === ANN ? BOB : ANN);
      expect(await idOf(BOB, 'south')).toBe(await idOf(ANN, 'south'));
      await split(named);
      await note();
      for (const [id, reference] of had) expect(await ownerOf(id)).toBe(reference);
      expect(await idOf(BOB, 'south')).not.toBe(await idOf(ANN, 'south'));
    }
  });

  it('is theirs when several others stay together, who share a new one', async () => {
    for (const name of [ANN, BOB, CAS]) await idOf(name, 'north');
    const own = await idOf(ANN, 'south');
    await merge(ANN, BOB);
    await merge(CAS, BOB);
    expect(await idOf(CAS, 'south')).toBe(own);
    await split(ANN);
    const shared = await idOf(BOB, 'south');
    expect([await idOf(ANN, 'south'), await idOf(CAS, 'south')]).toEqual([own, shared]);
    expect(shared).not.toBe(own);
    expect([await ownerOf(own), await ownerOf(shared)]).toEqual([ANN.reference, BOB.reference]);
  });

  it('stays with the survivor in a group that met the two after their merge', async () => {
    for (const name of [ANN, BOB]) await idOf(name, 'north');
    await merge(ANN, BOB);
    const late = await idOf(ANN, 'late');
    await split(BOB);
    expect(await idOf(BOB, 'late')).toBe(late);
    expect(await idOf(ANN, 'late')).not.toBe(late);
  });
});
