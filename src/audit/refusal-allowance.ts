import type { Clock } from '../platform/clock.ts';
import type { AuditEventName, AuditFacts } from './audit.ts';
import type { AuditRecord } from './audit-record.ts';

/** The record that stands for refusals without one of their own. */
export const FURTHER_REFUSALS: AuditEventName = 'access.further_refusals';

const WINDOW_MS = 60_000;
/** Records of all networks together, as a multiple of those of one. */
const NETWORKS = 10;
/** Networks that are counted apart; further ones are summed up together. */
const MAX_NETWORKS = 1_000;
/** Stands for all networks that are not counted apart. */
const OTHERS = '';

export interface RefusalAllowanceOptions {
  /** Refusals of one network in a minute that get records of their own; ten times as many of all together. Default 120. */
  perMinute: number;
  clock: Pick<Clock, 'monotonicMs'>;
  /** What an address counts as. */
  networkOf(address: string): string;
}

/**
 * Keeps strangers from filling the audit log: everybody can have a call refused as often as they like. Beyond a number
 * in a minute the refusals of a network are counted, and one record tells how many of each kind there were. Each of
 * them is in the log of the service and in its metrics all the same.
 */
export interface RefusalAllowance {
  /** Whether a record is written as it is; if not, it has been counted. */
  admits(record: AuditRecord): boolean;
  /** Facts of `access.further_refusals` for minutes that are over; with `all` also for those that are not. */
  summaries(all?: boolean): AuditFacts[];
}

interface Minute {
  endsAtMs: number;
  written: number;
  further: Map<string, number>;
}

/** Only what a caller can bring about without limit: refused or failed, and from some address. */
const isCounted = ({ event, outcome, address, actor }: AuditRecord): boolean =>
  outcome !== 'success' &&
  address !== undefined &&
  event !== FURTHER_REFUSALS &&
  (event === 'access.denied' || !actor.startsWith('admin'));

function summaryOf(network: string, { further }: Minute): AuditFacts {
  const count = [...further.values()].reduce((sum, one) => sum + one, 0);
  return {
    outcome: 'refused',
    actor: 'unknown',
    ...(network === OTHERS ? {} : { address: network }),
    details: { count, seconds: WINDOW_MS / 1000, ...Object.fromEntries(further) },
  };
}

export function createRefusalAllowance({
  perMinute,
  clock,
  networkOf,
}: RefusalAllowanceOptions): RefusalAllowance {
  const minutes = new Map<string, Minute>();
  const pending: AuditFacts[] = [];
  let all: Pick<Minute, 'endsAtMs' | 'written'> = { endsAtMs: 0, written: 0 };

  const end = (network: string, minute: Minute): void => {
    minutes.delete(network);
    if (minute.further.size > 0) pending.push(summaryOf(network, minute));
  };

  const minuteOf = (network: string, nowMs: number): Minute => {
    const known = minutes.get(network);
    if (known && nowMs < known.endsAtMs) return known;
    if (known) end(network, known);
    const begun = { endsAtMs: nowMs + WINDOW_MS, written: 0, further: new Map<string, number>() };
    minutes.set(network, begun);
    return begun;
  };

  return {
    admits: (record) => {
      if (!isCounted(record)) return true;
      const nowMs = clock.monotonicMs();
      const network = networkOf(record.address ?? '');
      const hasPlace = minutes.has(network) || minutes.size < MAX_NETWORKS;
      const minute = minuteOf(hasPlace ? network : OTHERS, nowMs);
      if (nowMs >= all.endsAtMs) all = { endsAtMs: nowMs + WINDOW_MS, written: 0 };
      if (hasPlace && minute.written < perMinute && all.written < perMinute * NETWORKS) {
        minute.written += 1;
        all.written += 1;
        return true;
      }
      const reason = record.reason ?? record.event;
      minute.further.set(reason, (minute.further.get(reason) ?? 0) + 1);
      return false;
    },
    summaries: (unfinished = false) => {
      const nowMs = clock.monotonicMs();
      for (const [network, minute] of minutes) {
        if (unfinished || minute.endsAtMs <= nowMs) end(network, minute);
      }
      return pending.splice(0);
    },
  };
}
