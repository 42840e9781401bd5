import {
  type ChannelGroup,
  type CustomerIdentifier,
  type CustomerReference,
  isTestIdentifier,
  isTestSpace,
  parseIdentifier,
  parseReference,
  type ReferenceSpace,
} from '../../identifiers/identifier.ts';
import type { AdminActor } from '../../partners/partners.ts';
import type { Clock } from '../../platform/clock.ts';
import type { ChangeCustomers, PlannedChange } from './change-customers.ts';
import type { CustomerRecords, IdentifierRecord, RegistryStore } from '../customer-registry.ts';
import { noChange } from '../life-rules.ts';
import type { Persons } from '../persons.ts';

/** An identifier that another system gave out, as it stands in a file. */
export interface ImportRow {
  space: string;
  reference: string;
  group: string;
  identifier: string;
}

/** What became of a row: `known` was there before, word for word. */
export type ImportOutcome =
  | { result: 'imported' | 'known' }
  | { result: 'refused'; code: ImportProblem; problem: string };

const PROBLEMS = {
  unknown_group: 'No configured channel belongs to this group.',
  unknown_space: 'No configured authenticator has this reference space.',
  bad_reference: 'The reference is empty, longer than 255 bytes or has control characters.',
  bad_identifier: 'An identifier is 8 to 64 letters, digits, "-" or "_", and begins with a letter or digit.',
  test_space: 'Test customers get identifiers of their own and cannot be imported.',
  test_identifier: 'The identifier has the form of those of test customers, which no real customer may have.',
  not_opaque: 'The identifier gives the reference away: channels would see it.',
  identifier_taken: 'Another customer has or had this identifier, or one that differs in letter case alone.',
  identifier_erased: 'The customer of this identifier was erased, and it is never used again.',
  other_identifier: 'This reference has another identifier in this group already, which it keeps.',
  reference_erased: 'The customer of this reference was erased. A returning one gets a random identifier.',
  customer_changed:
    'The customer of this reference is merged or disabled. Import before merging or disabling.',
} as const;

export type ImportProblem = keyof typeof PROBLEMS;

interface Candidate {
  group: ChannelGroup;
  space: ReferenceSpace;
  reference: CustomerReference;
  customerId: CustomerIdentifier;
  /** In its own group; the current key's first. */
  indexes: string[];
  /** In every other group. */
  elsewhere: string[];
}

/** What the registry holds of a batch's rows. */
interface Known extends CustomerRecords {
  erased: ReadonlySet<string>;
}

export interface ImportIdentifiersDeps {
  change: ChangeCustomers;
  persons: Persons;
  registry: RegistryStore;
  clock: Clock;
  groups: ReadonlySet<string>;
  spaces: ReadonlySet<string>;
}

const refused = (code: ImportProblem, configured: readonly string[] = []): ImportOutcome => {
  const names = configured.length === 0 ? '' : ` Configured: ${configured.join(', ')}.`;
  return { result: 'refused', code, problem: `${PROBLEMS[code]}${names}` };
};

/** Shorter references are found in any text by chance. */
const MIN_TELLING_LENGTH = 4;

function givesAway(identifier: string, reference: string): boolean {
  const [shown, hidden] = [identifier.toLowerCase(), reference.toLowerCase()];
  return shown === hidden || (hidden.length >= MIN_TELLING_LENGTH && shown.includes(hidden));
}

function parseRow(row: ImportRow, deps: ImportIdentifiersDeps): Candidate | ImportProblem {
  if (!deps.groups.has(row.group)) return 'unknown_group';
  if (!deps.spaces.has(row.space)) return 'unknown_space';
  if (isTestSpace(row.space)) return 'test_space';
  const reference = parseReference(row.reference);
  if (reference === undefined) return 'bad_reference';
  const customerId = parseIdentifier(row.identifier);
  if (customerId === undefined) return 'bad_identifier';
  if (isTestIdentifier(customerId)) return 'test_identifier';
  if (givesAway(customerId, reference)) return 'not_opaque';
  const group = row.group as ChannelGroup;
  const space = row.space as ReferenceSpace;
  const indexes = deps.persons.indexesOf({ group, space, reference });
  return { group, space, reference, customerId, indexes, elsewhere: [] };
}

/** Whether a customer is merged or disabled, here or in another group: then an import would half undo it. */
function isChanged(candidate: Candidate, known: Known): boolean {
  const mine = new Set([...candidate.indexes, ...candidate.elsewhere]);
  const ids = new Set(known.references.flatMap((r) => (mine.has(r.subjectIndex) ? [r.customerId] : [])));
  return (
    known.identifiers.some((one) => ids.has(one.customerId) && one.disabledAtMs !== undefined) ||
    known.references.some((one) => ids.has(one.customerId) && !mine.has(one.subjectIndex))
  );
}

function judge(candidate: Candidate, known: Known): ImportOutcome {
  const { customerId, indexes } = candidate;
  const own = known.references.find((record) => indexes.includes(record.subjectIndex));
  if (own) return own.customerId === customerId ? { result: 'known' } : refused('other_identifier');
  const folded = customerId.toLowerCase();
  const holder = known.identifiers.find((record) => record.customerId.toLowerCase() === folded);
  if (holder) return refused(holder.state === 'erased' ? 'identifier_erased' : 'identifier_taken');
  if (indexes.some((index) => known.erased.has(index))) return refused('reference_erased');
  if (isChanged(candidate, known)) return refused('customer_changed');
  return { result: 'imported' };
}

/**
 * Takes over identifiers that another system gave out, unchanged. Each row stands for itself: what can be imported is,
 * what cannot is refused with the reason, and nothing that is there already changes. Throws only when the store is away.
 */
export function createImportIdentifiers(deps: ImportIdentifiersDeps) {
  const { change, persons, registry, clock } = deps;

  const read = async (candidates: readonly Candidate[]): Promise<Known> => {
    const subjectIndexes = candidates.flatMap(({ indexes, elsewhere }) => [...indexes, ...elsewhere]);
    const customerIds = candidates.map(({ customerId }) => customerId);
    const erased = await registry.erasedAmong(candidates.flatMap(({ indexes }) => indexes));
    return { ...(await registry.load({ customerIds, subjectIndexes })), erased };
  };

  const planRows = async (rows: readonly ImportRow[]) => {
    const groups = await registry.groups();
    const parsed = rows.map((row) => parseRow(row, deps));
    const candidates = parsed.filter((one) => typeof one !== 'string');
    for (const one of candidates) {
      one.elsewhere = groups
        .filter((group) => group !== one.group)
        .flatMap((group) => persons.indexesOf({ ...one, group }));
    }
    const known = await read(candidates);
    const life = noChange();
    const absent: string[] = [];
    const outcomes = parsed.map((candidate): ImportOutcome => {
      if (typeof candidate === 'string') {
        const names = { unknown_group: deps.groups, unknown_space: deps.spaces };
        const configured = candidate in names ? names[candidate as keyof typeof names] : [];
        return refused(candidate, [...configured]);
      }
      const outcome = judge(candidate, known);
      if (outcome.result !== 'imported') return outcome;
      const { customerId, group, space, reference, indexes } = candidate;
      const identifier: IdentifierRecord = {
        customerId,
        group,
        state: 'living',
        mergedInto: undefined,
        disabledAtMs: undefined,
        createdAtMs: clock.nowMs(),
      };
      const record = {
        subjectIndex: indexes[0] as string,
        customerId,
        space,
        sealedReference: persons.seal(reference, customerId),
        isPrimary: true,
        ownIds: [customerId],
      };
      life.added.push(identifier);
      life.references.push(record);
      life.events.push({ customerId });
      absent.push(...indexes);
      // Later rows of the batch are judged by this one, too.
      known.identifiers.push(identifier);
      known.references.push(record);
      return outcome;
    });
    return {
      event: 'customer.imported',
      change: life,
      absent,
      outcomes,
    } as const satisfies PlannedChange & Record<string, unknown>;
  };

  return async (
    rows: readonly ImportRow[],
    asked: { dryRun: boolean; reason: string },
    by: AdminActor,
  ): Promise<ImportOutcome[]> => {
    const { change: planned, outcomes } = await planRows(rows);
    if (asked.dryRun || planned.added.length === 0) return outcomes;
    return (await change.commit(() => planRows(rows), { reason: asked.reason, by })).outcomes;
  };
}

export type ImportIdentifiers = ReturnType<typeof createImportIdentifiers>;
