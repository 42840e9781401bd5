import { createSecretKey } from 'node:crypto';
import { afterEach, beforeEach } from 'vitest';
import { createAuditLink, verifyChain } from '../../src/audit/audit-chain.ts';
import { type AuditRecord, CHANGES_CHAIN } from '../../src/audit/audit-record.ts';
import type { Partner, PartnerId } from '../../src/partners/partner.ts';
import type { Clock } from '../../src/platform/clock.ts';
import type { SqlStores } from '../../src/stores/sql/sql-stores.ts';

export const START_MS = 1_790_000_000_000;

/** Links the audit chains of every suite. */
export const link = createAuditLink(createSecretKey(Buffer.alloc(32, 7)));

export interface TestClock extends Clock {
  advance(ms: number): void;
}

export function createTestClock(): TestClock {
  let nowMs = START_MS;
  return {
    nowMs: () => nowMs,
    monotonicMs: () => nowMs,
    advance: (ms) => {
      nowMs += ms;
    },
  };
}

/** An engine under test. Each suite asks for an empty database per test. */
export interface StoreEngine {
  /** Whether a database outlives its connection. */
  durable: boolean;
  open: (clock: Clock) => Promise<OpenedStores>;
}

interface OpenedStores {
  stores: SqlStores;
  /** Opens the same database once more. */
  openAgain: () => Promise<SqlStores>;
  dispose: () => Promise<void>;
}

/** Registers a fresh database for each test of the surrounding block; read the members inside the tests. */
export function freshStores(engine: StoreEngine): { stores: SqlStores; clock: TestClock } {
  const holder: { stores?: SqlStores; clock?: TestClock; dispose?: () => Promise<void> } = {};
  beforeEach(async () => {
    holder.clock = createTestClock();
    const opened = await engine.open(holder.clock);
    holder.stores = opened.stores;
    holder.dispose = opened.dispose;
  });
  afterEach(async () => {
    await holder.dispose?.();
  });
  return {
    get stores() {
      return holder.stores as SqlStores;
    },
    get clock() {
      return holder.clock as TestClock;
    },
  };
}

/** An audit record that a test can recognise by its reason. */
export function auditRecord(reason: string): AuditRecord {
  return { atMs: START_MS, event: 'test.change', outcome: 'success', actor: 'admin:cli', reason };
}

/** Reasons on the chain of changes, oldest first, once the whole chain has been verified. */
export async function auditedReasons(stores: SqlStores): Promise<(string | undefined)[]> {
  const records = await stores.audit.readChain(CHANGES_CHAIN, 0, 10_000);
  const verdict = verifyChain(records, link);
  if (!verdict.ok) throw new Error(`the chain breaks at ${verdict.firstBrokenSequence}: ${verdict.reason}`);
  return records.map((record) => record.reason);
}

export function partner(id: string, channelGroups: string[] = [`${id}-group`]): Partner {
  return {
    id: id as PartnerId,
    name: `Partner ${id}`,
    channelGroups,
    visibleFields: ['plan', 'balance'],
    fieldMasks: {},
    tier: 'production',
    createdAtMs: START_MS,
    disabledAtMs: undefined,
  };
}

/** The answers of `count` calls that run at once. */
export function inParallel<T>(count: number, call: (index: number) => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: count }, (_, index) => call(index)));
}
