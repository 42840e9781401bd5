/** Random histories: whatever happens to accounts, an identifier is one customer's for ever. The steps and the judge. */
import * as fc from 'fast-check';
import { expect } from 'vitest';
import type { IdentifierRecord } from '../../../src/customers/customer-registry.ts';
import type { NamedPerson } from '../../../src/customers/persons.ts';
import { BridgeError } from '../../../src/errors.ts';
import type { ChannelGroup, CustomerReference, ReferenceSpace } from '../../../src/identifiers/identifier.ts';
import { ADMIN } from '../fixture.ts';
import { GROUPS, type Life, SPACES } from './life-fixture.ts';

const REASON = 'history';
/** Everybody there is. */
export const NAMES: NamedPerson[] = SPACES.flatMap((space) =>
  ['1001', '1002'].map((reference) => ({
    space: space as ReferenceSpace,
    reference: reference as CustomerReference,
  })),
);

/** Something that happens to an account. */
export type Step =
  | { op: 'sign_in'; who: number; group: number }
  | { op: 'import'; who: number; group: number; id: number }
  | { op: 'merge'; who: number; into: number }
  | { op: 'split'; who: number }
  | { op: 'erase'; who: number }
  | { op: 'disable'; who: number }
  | { op: 'enable'; who: number }
  | { op: 'rotate'; key: 'identifier' | 'identifier-index' | 'reference' };

const who = fc.nat(NAMES.length - 1);
const group = fc.nat(GROUPS.length - 1);
export const steps: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ op: fc.constant('sign_in' as const), who, group }) },
  {
    weight: 2,
    arbitrary: fc.record({ op: fc.constant('import' as const), who, group: fc.nat(1), id: fc.nat(4) }),
  },
  { weight: 4, arbitrary: fc.record({ op: fc.constant('merge' as const), who, into: who }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constant('split' as const), who }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('erase' as const), who }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('disable' as const), who }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('enable' as const), who }) },
  {
    weight: 1,
    arbitrary: fc.record({
      op: fc.constant('rotate' as const),
      key: fc.constantFrom('identifier' as const, 'identifier-index' as const, 'reference' as const),
    }),
  },
);

/** What the registry holds: which identifier each name has in each group, and every identifier there ever was. */
interface Snapshot {
  rows: Map<string, string>;
  /** The identifiers that are each one's own. */
  own: Map<string, readonly string[]>;
  identifiers: Map<string, IdentifierRecord>;
}

const nameKey = (who: number) => `${NAMES[who]?.space}/${NAMES[who]?.reference}`;
const rowKey = (who: number, group: string) => `${nameKey(who)} ${group}`;

/** Runs a history and checks after each step that nothing changed but what the step may change. */
export function createHistory(life: Life) {
  const everyId = new Set<string>();
  const imported = ['OLD-chat-0001', 'old-chat-0002', 'OLD-CHAT-0001', 'old-chat-0004', 'old-chat-0005'];

  const snapshot = async (): Promise<Snapshot> => {
    const rows = new Map<string, string>();
    const own = new Map<string, readonly string[]>();
    for (const [at, name] of NAMES.entries()) {
      for (const one of GROUPS) {
        const indexes = life.persons.indexesOf({ group: one as ChannelGroup, ...name });
        const { references } = await life.registry.load({ subjectIndexes: indexes });
        const mine = references.filter((record) => indexes.includes(record.subjectIndex));
        expect(mine.length).toBeLessThanOrEqual(1);
        const [record] = mine;
        if (!record) continue;
        expect(life.persons.open(record)).toBe(name.reference);
        rows.set(rowKey(at, one), record.customerId);
        own.set(rowKey(at, one), record.ownIds);
      }
    }
    const { identifiers } = await life.registry.load({ customerIds: [...everyId, ...rows.values()] });
    const byId = new Map<string, IdentifierRecord>(identifiers.map((one) => [one.customerId, one]));
    for (const id of byId.keys()) everyId.add(id);
    return { rows, own, identifiers: byId };
  };

  /** Names that share an identifier with this one in some group. */
  const personOf = (now: Snapshot, who: number): Set<number> => {
    const person = new Set([who]);
    for (let size = 0; size !== person.size; ) {
      size = person.size;
      const ids = new Set(
        [...person].flatMap((at) => GROUPS.map((one) => now.rows.get(rowKey(at, one)) ?? '')),
      );
      ids.delete('');
      NAMES.forEach((_name, at) => {
        if (GROUPS.some((one) => ids.has(now.rows.get(rowKey(at, one)) ?? 'none'))) person.add(at);
      });
    }
    return person;
  };

  const idOf = (now: Snapshot, who: number) =>
    GROUPS.map((one) => now.rows.get(rowKey(who, one))).find((id) => id !== undefined);
  const idsOf = (now: Snapshot, person: Set<number>) =>
    new Set([...person].flatMap((at) => GROUPS.flatMap((one) => now.rows.get(rowKey(at, one)) ?? [])));
  const isDisabled = (now: Snapshot, person: Set<number>) =>
    [...idsOf(now, person)].some((id) => now.identifiers.get(id)?.disabledAtMs !== undefined);

  const addedIds = (before: Snapshot, after: Snapshot) =>
    [...after.identifiers.keys()].filter((id) => !before.identifiers.has(id));

  /** Rows of everybody outside `person` are as they were. */
  const othersUnchanged = (before: Snapshot, after: Snapshot, person: Set<number>) => {
    NAMES.forEach((_name, at) => {
      if (person.has(at)) return;
      for (const one of GROUPS) {
        expect(after.rows.get(rowKey(at, one))).toBe(before.rows.get(rowKey(at, one)));
      }
    });
  };

  const always = (before: Snapshot, after: Snapshot) => {
    const folded = [...after.identifiers.keys()].map((id) => id.toLowerCase());
    expect(new Set(folded).size).toBe(folded.length);
    for (const [id, was] of before.identifiers) {
      const is = after.identifiers.get(id) as IdentifierRecord;
      expect(is.group).toBe(was.group);
      if (was.state === 'erased') expect(is.state).toBe('erased');
      if (was.state === 'merged') expect(is.state).not.toBe('living');
    }
    for (const is of after.identifiers.values()) {
      expect(is.state === 'merged').toBe(is.mergedInto !== undefined);
      if (is.mergedInto) expect(after.identifiers.get(is.mergedInto)?.state).toBe('living');
    }
    for (const [key, id] of after.rows) {
      expect(after.identifiers.get(id)).toMatchObject({ state: 'living', group: key.split(' ')[1] });
    }
  };

  /** Whom each identifier was once alone with. */
  const alone = new Map<string, number>();
  /** Nobody else ever answers to an identifier that somebody had alone. */
  const staysWithItsOwner = (now: Snapshot) => {
    for (const [id, is] of now.identifiers) {
      const present = is.mergedInto ?? id;
      const holders = [...NAMES.keys()].filter((at) => now.rows.get(rowKey(at, is.group)) === present);
      const owner = alone.get(id);
      if (owner !== undefined && holders.length > 0) expect(holders).toContain(owner);
      if (holders.length === 1 && is.state === 'living') alone.set(id, holders[0] as number);
    }
  };

  const outcome = async <Value>(work: Promise<Value>): Promise<Value | string> => {
    try {
      return await work;
    } catch (error) {
      if (error instanceof BridgeError && error.code !== 'INTERNAL_ERROR') return error.code;
      throw error;
    }
  };

  const auditedSince = async (count: number) => (await life.audited()).slice(count);

  const run: { [Op in Step['op']]: (step: Extract<Step, { op: Op }>, before: Snapshot) => Promise<void> } = {
    sign_in: async (step, before) => {
      const one = GROUPS[step.group] as ChannelGroup & (typeof GROUPS)[number];
      const person = personOf(before, step.who);
      const customer = await life.identities.identify({
        group: one,
        ...(NAMES[step.who] as NamedPerson),
      });
      const after = await snapshot();
      always(before, after);
      othersUnchanged(before, after, person);
      if (isDisabled(before, person)) {
        expect([customer, after]).toEqual([undefined, before]);
        return;
      }
      expect(customer?.customerId).toBe(after.rows.get(rowKey(step.who, one)));
      for (const [key, id] of before.rows) expect(after.rows.get(key)).toBe(id);
      const known = [...person].flatMap((at) => before.rows.get(rowKey(at, one)) ?? []);
      if (known.length > 0) expect(known).toContain(customer?.customerId);
      expect(addedIds(before, after)).toEqual(known.length > 0 ? [] : [customer?.customerId]);
    },
    import: async (step, before) => {
      const one = GROUPS[step.group] as string;
      const { space, reference } = NAMES[step.who] as NamedPerson;
      const identifier = imported[step.id] as string;
      const person = personOf(before, step.who);
      const rows = [{ space, reference, group: one, identifier }];
      const [result] = await life.importRows(rows, { dryRun: false, reason: REASON }, ADMIN);
      const after = await snapshot();
      always(before, after);
      othersUnchanged(before, after, person);
      if (result?.result !== 'imported') {
        expect(after).toEqual(before);
        return;
      }
      expect(addedIds(before, after)).toEqual([identifier]);
      expect([before.rows.get(rowKey(step.who, one)), after.rows.get(rowKey(step.who, one))]).toEqual([
        undefined,
        identifier,
      ]);
    },
    merge: async (step, before) => {
      const [loser, survivor] = [idOf(before, step.who), idOf(before, step.into)];
      if (!loser || !survivor) return;
      const people = [personOf(before, step.into), personOf(before, step.who)] as const;
      const merged = await outcome(life.merge({ customerId: loser, into: survivor }, REASON, ADMIN));
      const after = await snapshot();
      always(before, after);
      const both = new Set([...people[0], ...people[1]]);
      othersUnchanged(before, after, both);
      expect(addedIds(before, after)).toEqual([]);
      const refused = people[0].has(step.who) || people.some((person) => isDisabled(before, person));
      if (refused) {
        expect([merged, after]).toEqual(['CONFLICT', before]);
        return;
      }
      for (const one of GROUPS) {
        const had = people.map((person) => [
          ...new Set([...person].flatMap((at) => before.rows.get(rowKey(at, one)) ?? [])),
        ]);
        const has = new Set([...both].map((at) => after.rows.get(rowKey(at, one))));
        expect(has.size).toBe(1);
        const [id] = has;
        const stated = had[0]?.length ? had[0] : had[1];
        if (stated?.length) expect(stated).toContain(id);
        else expect(id).toBeUndefined();
        for (const other of had.flat()) {
          if (other !== id) expect(after.identifiers.get(other)?.mergedInto).toBe(id);
        }
      }
    },
    split: async (step, before) => {
      const id = idOf(before, step.who);
      if (!id) return;
      const person = personOf(before, step.who);
      const { space, reference } = NAMES[step.who] as NamedPerson;
      const result = await outcome(life.split(id, { reference, space, reason: REASON }, ADMIN));
      const after = await snapshot();
      always(before, after);
      const rest = new Set([...person].filter((at) => at !== step.who));
      othersUnchanged(before, after, person);
      const shared = GROUPS.filter((one) =>
        [...rest].some(
          (at) =>
            before.rows.has(rowKey(step.who, one)) &&
            before.rows.get(rowKey(at, one)) === before.rows.get(rowKey(step.who, one)),
        ),
      );
      if (shared.length === 0) {
        expect([result, after]).toEqual(['CONFLICT', before]);
        return;
      }
      for (const one of shared) {
        const was = before.rows.get(rowKey(step.who, one)) as string;
        const mine = before.own.get(rowKey(step.who, one)) ?? [];
        const others = [...rest].filter((at) => before.rows.get(rowKey(at, one)) === was);
        const theirs = new Set(others.map((at) => after.rows.get(rowKey(at, one))));
        const leaves = after.rows.get(rowKey(step.who, one));
        const fresh = addedIds(before, after).filter((id) => after.identifiers.get(id)?.group === one);
        expect(fresh).toHaveLength(1);
        expect([leaves, ...theirs]).toEqual(mine.includes(was) ? [was, fresh[0]] : [fresh[0], was]);
        for (const [id, { mergedInto }] of before.identifiers) {
          if (mergedInto !== was) continue;
          expect(after.identifiers.get(id)?.mergedInto).toBe(mine.includes(id) ? leaves : [...theirs][0]);
        }
      }
      expect(addedIds(before, after)).toHaveLength(shared.length);
      for (const one of GROUPS.filter((group) => !shared.includes(group))) {
        for (const at of person) {
          expect(after.rows.get(rowKey(at, one))).toBe(before.rows.get(rowKey(at, one)));
        }
      }
    },
    erase: async (step, before) => {
      const id = idOf(before, step.who);
      if (!id) return;
      const person = personOf(before, step.who);
      const ids = idsOf(before, person);
      const certificate = await life.erase(id, REASON, ADMIN);
      const after = await snapshot();
      always(before, after);
      othersUnchanged(before, after, person);
      for (const at of person) for (const one of GROUPS) expect(after.rows.has(rowKey(at, one))).toBe(false);
      const gone = [...before.identifiers.values()].filter(
        (one) => ids.has(one.customerId) || ids.has(one.mergedInto ?? ''),
      );
      for (const { customerId } of gone) {
        expect(after.identifiers.get(customerId)?.state).toBe('erased');
        const traced = await outcome(life.identities.trace(customerId, REASON, ADMIN));
        expect(traced).toBe('NOT_FOUND');
      }
      expect(certificate.identifiers.map((one) => one.customer_id).sort()).toEqual(
        gone.map((one) => one.customerId).sort(),
      );
    },
    disable: (step, before) => stand(step.who, before, true),
    enable: (step, before) => stand(step.who, before, false),
    rotate: async (step, before) => {
      await life.keyring.rotate(step.key);
      expect(await snapshot()).toEqual(before);
    },
  };

  async function stand(at: number, before: Snapshot, disabled: boolean): Promise<void> {
    const id = idOf(before, at);
    if (!id) return;
    const person = personOf(before, at);
    await outcome(life.disable(id, { disabled, reason: REASON }, ADMIN));
    const after = await snapshot();
    always(before, after);
    expect(after.rows).toEqual(before.rows);
    for (const one of idsOf(before, person)) {
      expect(after.identifiers.get(one)?.disabledAtMs !== undefined).toBe(disabled);
    }
  }

  return async (step: Step): Promise<void> => {
    const before = await snapshot();
    const audited = (await life.audited()).length;
    life.clock.advance(1_000);
    await (run[step.op] as (step: Step, before: Snapshot) => Promise<void>)(step, before);
    const after = await snapshot();
    staysWithItsOwner(after);
    const touched = [...after.identifiers.values()].filter((is) => {
      const was = before.identifiers.get(is.customerId);
      return JSON.stringify(was) !== JSON.stringify(is);
    });
    const records = await auditedSince(audited);
    for (const { customerId } of touched) {
      const named = records.some((one) => one.customerId === customerId || one.details?.to === customerId);
      // A name of a name that was merged before moves along with it.
      const moved = before.identifiers.get(customerId)?.state === 'merged';
      expect(named || moved).toBe(true);
    }
  };
}
