import type { Clock } from '../../platform/clock.ts';
import type { Metrics } from '../../platform/metrics.ts';

/** What a call about a customer brought: a sound proof, one that has run out, none, or one that is not genuine. */
export type CallProof = 'proven' | 'expired' | 'unsigned' | 'altered';
export type CallOutcome = 'admitted' | 'refused';

/** Calls of one kind about customers of one channel on one day. */
export interface ChannelCallCount {
  channel: string;
  /** UTC, `YYYY-MM-DD`. */
  day: string;
  proof: CallProof;
  outcome: CallOutcome;
  calls: number;
}

export interface ChannelCallStore {
  /** Adds to what is there; several processes may do so at once. All of it or nothing. */
  add(counts: readonly ChannelCallCount[]): Promise<void>;
  /** Counts of this day and later, by channel, newest day first. */
  since(day: string): Promise<ChannelCallCount[]>;
  /** Deletes counts of days before this one. */
  prune(day: string): Promise<void>;
}

export interface ChannelCalls {
  /** Counts a call; returns at once. The channel is one of the configuration, so that the number of counts is bounded. */
  count(channel: string, proof: CallProof, outcome: CallOutcome): void;
  /** Writes what was counted since the last time. What cannot be written is kept for the next. */
  flush(): Promise<void>;
  /** Counts of the last days, today among them. Written first, so that nothing of this process is missing. */
  recent(days: number): Promise<ChannelCallCount[]>;
  /** Deletes counts older than a year. */
  prune(): Promise<void>;
}

const DAY_MS = 864e5;
const KEPT_DAYS = 365;

/** What is counted of one channel, proof and outcome: today's count, and its metric. */
interface Held {
  count: ChannelCallCount;
  metric: { inc(): void };
}

export function createChannelCalls(deps: {
  store: ChannelCallStore;
  clock: Clock;
  metrics: Metrics;
}): ChannelCalls {
  const { store, clock, metrics } = deps;
  const held = new Map<string, Held>();
  /** Counts of days that are over, or that could not be written. */
  let left: ChannelCallCount[] = [];
  let day = '';
  let dayEndsAtMs = 0;
  const dayOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10);

  /** Puts what was counted aside. */
  const setAside = (): void => {
    for (const { count } of held.values()) {
      if (count.calls > 0) left.push({ ...count });
      count.calls = 0;
    }
  };

  const beginDay = (nowMs: number): void => {
    setAside();
    day = dayOf(nowMs);
    dayEndsAtMs = (Math.floor(nowMs / DAY_MS) + 1) * DAY_MS;
    for (const { count } of held.values()) count.day = day;
  };

  const hold = (channel: string, proof: CallProof, outcome: CallOutcome): Held => {
    const count = { channel, day, proof, outcome, calls: 0 };
    return { count, metric: metrics.channelCalls.labels({ channel, proof, outcome }) };
  };

  const flush = async (): Promise<void> => {
    setAside();
    if (left.length === 0) return;
    const taken = left;
    left = [];
    try {
      await store.add(added(taken));
    } catch (error) {
      left.push(...added(taken));
      throw error;
    }
  };

  return {
    count: (channel, proof, outcome) => {
      const nowMs = clock.nowMs();
      if (nowMs >= dayEndsAtMs || nowMs < dayEndsAtMs - DAY_MS) beginDay(nowMs);
      const key = `${channel} ${proof} ${outcome}`;
      let one = held.get(key);
      if (!one) held.set(key, (one = hold(channel, proof, outcome)));
      one.count.calls++;
      one.metric.inc();
    },
    flush,
    recent: async (days) => {
      await flush();
      return store.since(dayOf(clock.nowMs() - (days - 1) * DAY_MS));
    },
    prune: () => store.prune(dayOf(clock.nowMs() - KEPT_DAYS * DAY_MS)),
  };
}

/** One count for each channel, day, proof and outcome: an insert must not name a row twice. */
function added(counts: readonly ChannelCallCount[]): ChannelCallCount[] {
  const sums = new Map<string, ChannelCallCount>();
  for (const one of counts) {
    const key = `${one.day} ${one.channel} ${one.proof} ${one.outcome}`;
    const known = sums.get(key);
    if (known) known.calls += one.calls;
    else sums.set(key, { ...one });
  }
  return [...sums.values()];
}
