import { setImmediate as othersGoFirst } from 'node:timers/promises';
import type { Clock } from '../platform/clock.ts';
import {
  BEFORE_ALL,
  beginningOf,
  begunChains,
  isEmptied,
  sealCheckpoint,
  verifyChain,
} from './audit-chain.ts';
import {
  type AuditReader,
  type AuditRecord,
  CHAIN_BEGUN,
  type ChainCheckpoint,
  type ChainedAuditRecord,
  type ChainHead,
  CHANGES_CHAIN,
  type LinkAuditRecord,
} from './audit-record.ts';
import type { Audit } from './audit.ts';

/** What is to be taken away from the beginning of a chain. */
export interface ChainPruning {
  /** Records up to its number go, and it becomes the beginning of the chain. */
  checkpoint: ChainCheckpoint;
  /** Appended to the chain of changes in the same transaction. */
  changes: readonly AuditRecord[];
}

/** What retention asks of the log's storage, beside reading. */
export interface AuditRetentionStore extends Pick<AuditReader, 'heads' | 'readChain'> {
  /** The first record that is kept of each chain, oldest first. Chains without records are left out. */
  firstRecords(): Promise<{ chain: string; atMs: number }[]>;
  /** When the newest record before `beforeMs` was written. */
  newestBefore(beforeMs: number): Promise<number | undefined>;
  /**
   * Holds the ends of the chain of changes and of `chain`, lets `decide` read and decide, and does it: all in one
   * transaction. Nothing happens, and `decide` is not asked, when the chain has no head.
   */
  prune(
    chain: string,
    decide: (reader: AuditReader, head: ChainHead) => Promise<ChainPruning | undefined>,
  ): Promise<void>;
  /** Forgets a chain that has no records, if its head is still this one. */
  forget(head: ChainHead): Promise<void>;
}

export interface AuditRetentionDeps {
  store: AuditRetentionStore;
  /** Where the record of a quiet day goes. */
  append(chain: string, records: readonly AuditRecord[]): Promise<void>;
  audit: Pick<Audit, 'record'>;
  link: LinkAuditRecord;
  clock: Clock;
  /** Whole days, UTC, that a record is kept. */
  retentionDays: number;
}

/** What one run came to. */
export interface RetentionRun {
  /** Records before this moment are old enough to go. */
  beforeMs: number;
  /** Records that were taken away. */
  records: number;
  /** When the oldest record that is left was written; `undefined`: none is left. */
  oldestMs: number | undefined;
  /** Whether records are left that are old enough to go, beside those of `refused`. */
  more: boolean;
  /** Until then old records stay, because some went less than an hour before, here or on another process. */
  waitsUntilMs: number | undefined;
  /** Whether nothing was taken away because the log does not bear the clock out. */
  held: boolean;
  /** Chains whose old records are not as they were written: they are evidence, and stay. */
  refused: string[];
}

/** What was taken keeps every process on the database, also one that began since, from taking more for so long. */
export const PAUSE_MS = 3_600_000;
const DAY_MS = 86_400_000;
const WEEK_MS = 7 * DAY_MS;
/**
 * Records must speak of each of so many weeks before now. A clock that is set ahead by more than a week has weeks
 * without records behind it, and is not believed until it has gone on for four more.
 */
const WITNESSED_WEEKS = 5;
/** Records of at most so much time go in one run, and at most so many: a wrong clock or setting is noticed in time. */
const DAYS_PER_RUN = 7;
const RECORDS_PER_RUN = 1_000_000;
/** Few enough that the embedded database, which works on this thread, holds up nobody for long. */
const RECORDS_PER_BATCH = 100;

interface Batch {
  records: number;
  more: boolean;
  refused: boolean;
}

/** Whether a run may take anything; asked with the first records that it would take, while no other run can. */
type Turn = (reader: AuditReader) => Promise<boolean>;

const startOfDay = (ms: number): number => Math.floor(ms / DAY_MS) * DAY_MS;

/**
 * Takes away what is older than the log is kept, from the beginning of each chain, and never a record that is not as
 * it was written. Several processes may do so at once. `run` throws what the store throws; what was taken by then is
 * sealed.
 */
export function createAuditRetention(deps: AuditRetentionDeps) {
  const { store, link, clock, audit } = deps;
  let stopped = false;
  const underWay = new Set<Promise<unknown>>();

  /** Speaks for a day on which nothing else happened, so that a quiet service is not taken for a wrong clock. */
  const witness = async (nowMs: number): Promise<void> => {
    const newestMs = await store.newestBefore(nowMs + 1);
    if (newestMs !== undefined && newestMs > nowMs - DAY_MS) return;
    const record = audit.record('audit.quiet_day', { outcome: 'success', actor: 'system' });
    await deps.append(CHANGES_CHAIN, [record]);
  };
  const isBorneOut = async (nowMs: number): Promise<boolean> => {
    for (let week = 0; week < WITNESSED_WEEKS; week++) {
      const endMs = nowMs - week * WEEK_MS;
      const newestMs = await store.newestBefore(endMs + 1);
      if (newestMs === undefined || newestMs <= endMs - WEEK_MS) return false;
    }
    return true;
  };

  /** Chains that begin before the records that go, but go on after them, are named again. */
  const namedAgain = async (
    reader: AuditReader,
    gone: readonly ChainedAuditRecord[],
  ): Promise<AuditRecord[]> => {
    const begun = gone.filter(({ event }) => event === CHAIN_BEGUN).map(({ details }) => details?.['chain']);
    if (begun.length === 0) return [];
    const emptied = new Set(
      (await reader.heads()).filter((head) => isEmptied(link, head)).map(({ chain }) => chain),
    );
    return [...new Set(begun)].flatMap((chain): AuditRecord[] =>
      typeof chain !== 'string' || emptied.has(chain)
        ? []
        : [
            {
              atMs: clock.nowMs(),
              event: CHAIN_BEGUN,
              outcome: 'success',
              actor: 'system',
              details: { chain, again: true },
            },
          ],
    );
  };

  /** What of a chain goes next, or that it is not as it was written. */
  const nextPart = async (reader: AuditReader, head: ChainHead, beforeMs: number) => {
    const page = await reader.readChain(head.chain, BEFORE_ALL, RECORDS_PER_BATCH + 1);
    const young = page.findIndex(({ atMs }) => atMs >= beforeMs);
    const old = page.slice(0, Math.min(young === -1 ? page.length : young, RECORDS_PER_BATCH));
    const beginning = beginningOf(link, head);
    const verdict = beginning && verifyChain(old, link, beginning);
    if (!verdict?.ok) return 'refused';
    const { position } = verdict;
    const endsAsSaid = position.sequence < head.sequence || position.hash === head.hash;
    if (position.sequence > head.sequence || !endsAsSaid) return 'refused';
    return { old, position, more: young === -1 && page.length > RECORDS_PER_BATCH };
  };

  /** Takes one batch from a chain: how many records, and whether the next may be old enough, too. */
  const pruneBatch = async (chain: string, beforeMs: number, mayTake: Turn): Promise<Batch> => {
    const batch: Batch = { records: 0, more: false, refused: false };
    await store.prune(chain, async (reader, head) => {
      const part = await nextPart(reader, head, beforeMs);
      batch.refused = part === 'refused';
      if (part === 'refused' || part.old.length === 0 || !(await mayTake(reader))) return undefined;
      batch.records = part.old.length;
      batch.more = part.more;
      const until = { ...part.position, prunedAtMs: clock.nowMs() };
      const changes = chain === CHANGES_CHAIN ? await namedAgain(reader, part.old) : [];
      if (!part.more) {
        const details = { chain, up_to: until.sequence, before: new Date(beforeMs).toISOString() };
        changes.push(audit.record('audit.pruned', { outcome: 'success', actor: 'system', details }));
      }
      return { checkpoint: { ...until, seal: sealCheckpoint(link, chain, until) }, changes };
    });
    return batch;
  };

  /** Takes what is old enough from one chain; how many records, or that they are not as they were written. */
  const pruneChain = async (
    chain: string,
    { beforeMs, limit, mayTake }: { beforeMs: number; limit: number; mayTake: Turn },
  ): Promise<number | 'refused'> => {
    let records = 0;
    for (;;) {
      const batch = await pruneBatch(chain, beforeMs, mayTake);
      if (batch.refused && records === 0) return 'refused';
      records += batch.records;
      if (!batch.more || records >= limit || stopped) return records;
      await othersGoFirst();
    }
  };

  /**
   * When the pause after the newest pruning ends that has a seal. A moment far ahead comes from a clock that was wrong,
   * and waiting for it would end retention.
   */
  const pauseEndMs = async (reader: AuditReader): Promise<number | undefined> => {
    const nowMs = clock.nowMs();
    const stampsMs = (await reader.heads()).flatMap((head) => {
      const { prunedAtMs } = head.checkpoint ?? {};
      const isRecent =
        prunedAtMs !== undefined && prunedAtMs > nowMs - PAUSE_MS && prunedAtMs <= nowMs + WEEK_MS;
      return isRecent && beginningOf(link, head) ? [prunedAtMs] : [];
    });
    return stampsMs.length === 0 ? undefined : Math.max(...stampsMs) + PAUSE_MS;
  };

  /** Forgets chains that have been empty for as long as records are kept, once nothing speaks of their beginning. */
  const forgetEmptied = async (beforeMs: number): Promise<void> => {
    const changes = (await store.firstRecords()).find(({ chain }) => chain === CHANGES_CHAIN);
    const spokenOfMs = changes?.atMs ?? 0;
    const emptied = (await store.heads()).filter((head) => {
      const prunedAtMs = head.checkpoint?.prunedAtMs ?? Infinity;
      const isOld = prunedAtMs < Math.min(beforeMs, spokenOfMs);
      return isOld && head.chain !== CHANGES_CHAIN && isEmptied(link, head);
    });
    if (emptied.length === 0) return;
    // A record from a clock that ran ahead keeps older ones after it, so the time of the first does not settle it.
    const spokenOf = new Set(await begunChains(store));
    for (const head of emptied) if (!spokenOf.has(head.chain)) await store.forget(head);
  };

  const take = async (pauses: boolean): Promise<RetentionRun> => {
    const nowMs = clock.nowMs();
    const beforeMs = startOfDay(nowMs) - deps.retentionDays * DAY_MS;
    const refused: string[] = [];
    if (stopped) {
      return {
        beforeMs,
        records: 0,
        oldestMs: undefined,
        more: false,
        waitsUntilMs: undefined,
        held: false,
        refused,
      };
    }
    await witness(nowMs);
    const chains = (await store.firstRecords()).filter(({ atMs }) => atMs < beforeMs);
    const held = chains.length > 0 && !(await isBorneOut(nowMs));
    let waitsUntilMs: number | undefined;
    let turn: Promise<boolean> | undefined;
    const mayTake: Turn = (reader) =>
      (turn ??= pauseEndMs(reader).then((endMs) => {
        if (pauses) waitsUntilMs = endMs;
        return waitsUntilMs === undefined;
      }));
    let records = 0;
    let untilMs: number | undefined;
    for (const { chain, atMs } of held ? [] : chains) {
      if (records >= RECORDS_PER_RUN || stopped) break;
      // Counted from the oldest record that may go: what has to stay holds up nothing else.
      if (records === 0) untilMs = startOfDay(atMs) + DAYS_PER_RUN * DAY_MS;
      const pruned = await pruneChain(chain, {
        beforeMs: Math.min(beforeMs, untilMs ?? beforeMs),
        limit: RECORDS_PER_RUN - records,
        mayTake,
      });
      if (pruned === 'refused') refused.push(chain);
      else records += pruned;
      await othersGoFirst();
    }
    if (!held && !stopped) await forgetEmptied(beforeMs);
    const left = await store.firstRecords();
    const more = left.some(({ chain, atMs }) => atMs < beforeMs && !refused.includes(chain));
    return { beforeMs, records, oldestMs: left[0]?.atMs, more, waitsUntilMs, held, refused };
  };
  const begin = async (pauses: boolean): Promise<RetentionRun> => {
    const run = take(pauses);
    underWay.add(run);
    try {
      return await run;
    } finally {
      underWay.delete(run);
    }
  };

  return {
    /** Takes away what is old enough now, at most seven days of the log; nothing where some went within the hour. */
    run: (): Promise<RetentionRun> => begin(true),
    /** The same because a person asked for it: whatever went within the hour. */
    runNow: (): Promise<RetentionRun> => begin(false),
    /** Ends runs under way after the batch that they are at, and waits for that; there is no other afterwards. */
    async stop(): Promise<void> {
      stopped = true;
      await Promise.allSettled(underWay);
    },
  };
}
