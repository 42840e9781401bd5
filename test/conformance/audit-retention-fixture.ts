import { createSecretKey } from 'node:crypto';
import { createAuditLink, verifyChains } from '../../src/audit/audit-chain.ts';
import type { AuditRecord } from '../../src/audit/audit-record.ts';
import { createAuditRetention, type RetentionRun } from '../../src/audit/audit-retention.ts';
import { createAuditRetentionStore } from '../../src/stores/sql/audit-retention-store.ts';
import { createAuditStore } from '../../src/stores/sql/audit-store.ts';
import { migrateTables } from '../../src/stores/sql/migrate-tables.ts';
import type { SqlEngine } from '../../src/stores/sql/sql-engine.ts';
import { createTestClock, type TestClock } from '../support/clock.ts';

export const link = createAuditLink(createSecretKey(Buffer.alloc(32, 7)));
export const HOUR_MS = 3_600_000;
export const DAY_MS = 86_400_000;
/** Midnight, so that days of the log and days since the start are the same. */
export const START_MS = Date.UTC(2026, 0, 1);
export const KEPT_DAYS = 30;

export interface House {
  engine: SqlEngine;
  clock: TestClock;
  audit: ReturnType<typeof createAuditStore>;
  run(): Promise<RetentionRun>;
  /** By hand: does not wait for the hour. */
  runNow(): Promise<RetentionRun>;
  /** A second process on the same database. */
  otherRun(): Promise<RetentionRun>;
  /** Another one, whose look for the first records of the chains goes through `look`. */
  process(look: <T>(first: T) => Promise<T>): ReturnType<typeof createAuditRetention>;
}

export function happened(day: number, reason = `day ${day}`): AuditRecord {
  return {
    atMs: START_MS + day * DAY_MS + 1_000,
    event: 'profile.read',
    outcome: 'success',
    actor: 'partner',
    reason,
  };
}

export async function openHouse(engine: SqlEngine): Promise<House> {
  await migrateTables(engine.migrationDb);
  const clock = createTestClock({ nowMs: START_MS });
  const audit = createAuditStore(engine.db, link);
  const retention = (look = async <T>(first: T): Promise<T> => first) => {
    const store = createAuditRetentionStore(engine.db, link);
    return createAuditRetention({
      store: { ...store, firstRecords: async () => look(await store.firstRecords()) },
      append: audit.append,
      audit: { record: (event, facts) => ({ ...facts, event, atMs: clock.nowMs() }) },
      link,
      clock,
      retentionDays: KEPT_DAYS,
    });
  };
  const { run, runNow } = retention();
  return { engine, clock, audit, run, runNow, otherRun: retention().run, process: retention };
}

export const days = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, n) => from + n);
export const moveTo = ({ clock }: House, day: number) =>
  clock.advance(START_MS + day * DAY_MS + 7_200_000 - clock.nowMs());

export async function reasons({ audit }: House, chain: string): Promise<(string | undefined)[]> {
  const records = await audit.readChain(chain, Number.MIN_SAFE_INTEGER, 10_000);
  return records.map(({ reason }) => reason);
}

/** Chains that do not verify. */
export async function broken({ audit }: House): Promise<[string, number | undefined][]> {
  const reports = await verifyChains(audit, link);
  return reports.flatMap((one) => (one.ok ? [] : [[one.chain, one.firstBrokenSequence]]));
}
