import type { Clock } from '../platform/clock.ts';
import type { Metrics } from '../platform/metrics.ts';

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

export function createChannelCalls(deps: {
  store: ChannelCallStore;
  clock: Clock;
  metrics: Metrics;
}): ChannelCalls {
  const { store, clock, metrics } = deps;
  let counted = new Map<string, ChannelCallCount>();
  const children = new Map<string, { inc(): void }>();
  const dayOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10);
  let today = { startsAtMs: Number.NaN, day: '' };

  const dayNow = (): string => {
    const startsAtMs = Math.floor(clock.nowMs() / DAY_MS) * DAY_MS;
    if (startsAtMs !== today.startsAtMs) today = { startsAtMs, day: dayOf(startsAtMs) };
    return today.day;
  };

  const take = (one: ChannelCallCount): void => {
    const key = `${one.day} ${one.channel} ${one.proof} ${one.outcome}`;
    const known = counted.get(key);
    if (known) known.calls += one.calls;
    else counted.set(key, { ...one });
  };

  const flush = async (): Promise<void> => {
    if (counted.size === 0) return;
    const taken = [...counted.values()];
    counted = new Map();
    try {
      await store.add(taken);
    } catch (error) {
      for (const one of taken) take(one);
      throw error;
    }
  };

  return {
    count: (channel, proof, outcome) => {
      take({ channel, day: dayNow(), proof, outcome, calls: 1 });
      const key = `${channel} ${proof} ${outcome}`;
      let child = children.get(key);
      if (!child) children.set(key, (child = metrics.channelCalls.labels({ channel, proof, outcome })));
      child.inc();
    },
    flush,
    recent: async (days) => {
      await flush();
      return store.since(dayOf(clock.nowMs() - (days - 1) * DAY_MS));
    },
    prune: () => store.prune(dayOf(clock.nowMs() - KEPT_DAYS * DAY_MS)),
  };
}
