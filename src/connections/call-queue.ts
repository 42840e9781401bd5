import type { LimitCounter } from '../limits/limit-counter.ts';
import type { LimitWindow } from '../limits/tiers.ts';
import type { Clock } from '../platform/clock.ts';
import type { StartTimer } from '../platform/timer.ts';

/** A call could not be let out in time. */
export class QueueRefusal extends Error {
  /** `full`: too many wait already; `limit`: the partner's limits leave no room before the deadline. */
  readonly reason: 'full' | 'limit';
  readonly retryAfterMs: number;

  constructor(reason: 'full' | 'limit', retryAfterMs: number) {
    super(`the queue of outgoing calls refuses (${reason})`);
    this.name = 'QueueRefusal';
    this.reason = reason;
    this.retryAfterMs = retryAfterMs;
  }
}

export interface CallQueueOptions {
  /** Names what is counted, where several processes count together. */
  name: string;
  windows: readonly LimitWindow[];
  maxWaiting: number;
}

export interface CallQueueDeps {
  clock: Clock;
  startTimer: StartTimer;
  /** Counts for all processes; `undefined` where this process is alone. */
  sharedCounter?: LimitCounter | undefined;
  onWaiting?(waiting: number): void;
}

export interface CallQueue {
  /**
   * Resolves when one call may leave, in the order of arrival within a lane; the lanes take turns. Rejects with
   * `QueueRefusal`, at once when it is clear that the call cannot leave within `maxWaitMs`.
   */
  enter(lane: string, maxWaitMs: number): Promise<void>;
  /** Lets nobody out for so long: the partner said so. */
  pause(ms: number): void;
  waiting(): number;
}

interface Waiter {
  lane: string;
  deadlineMs: number;
  leave(): void;
  refuse(refusal: QueueRefusal): void;
  stopTimer(): void;
}

/** A timer that is later than this is late. */
const LATE_MS = 20;
/** What was let out so short a time before a late timer may not have been sent. */
const SENDING_MS = 100;

/**
 * Calls that left evenly arrive a little less evenly. Each window is kept longer by a tenth, at most by a quarter of a
 * second, so that the partner does not count one call more than we did.
 */
const keptMs = (windowSeconds: number): number => windowSeconds * 1_000 + Math.min(250, windowSeconds * 100);

/** When the windows that this process keeps let the next call out; exact for every stretch of a window's length. */
function createSlidingWindows(windows: readonly LimitWindow[]) {
  const logs = windows.map(({ quota, windowSeconds }) => ({
    quota,
    windowMs: keptMs(windowSeconds),
    left: [] as number[],
  }));
  /** The n-th call from now on leaves a window after the one that stands a whole quota before it. */
  const opensAt = (
    { quota, windowMs, left }: (typeof logs)[number],
    ahead: number,
    nowMs: number,
  ): number => {
    let position = left.length + ahead;
    let windowsLater = 0;
    while (position >= left.length) {
      position -= quota;
      windowsLater += 1;
    }
    const sentAtMs = left[position];
    return sentAtMs === undefined
      ? nowMs + (windowsLater - 1) * windowMs
      : sentAtMs + windowsLater * windowMs;
  };
  return {
    forget(nowMs: number) {
      for (const log of logs) {
        let past = 0;
        while (past < log.left.length && (log.left[past] as number) + log.windowMs <= nowMs) past += 1;
        if (past > 0) log.left.splice(0, past);
      }
    },
    /** When the call may leave that has `ahead` calls before it, on the same clock. */
    opensAtMs: (ahead: number, nowMs: number) =>
      logs.reduce((latest, log) => Math.max(latest, opensAt(log, ahead, nowMs)), nowMs),
    note(nowMs: number) {
      for (const log of logs) log.left.push(nowMs);
    },
    /** Counts what left since then as leaving now. */
    postpone(sinceMs: number, nowMs: number) {
      for (const { left } of logs) {
        for (let i = left.length - 1; i >= 0 && (left[i] as number) > sinceMs; i -= 1) left[i] = nowMs;
      }
    },
  };
}

/** Waiters of each lane in their order; the lanes take turns, so that one busy caller holds up no other. */
function createLanes() {
  const lanes = new Map<string, Waiter[]>();
  let size = 0;
  return {
    size: () => size,
    all: () => [...lanes.values()].flat(),
    add(waiter: Waiter) {
      const lane = lanes.get(waiter.lane);
      if (lane) lane.push(waiter);
      else lanes.set(waiter.lane, [waiter]);
      size += 1;
    },
    remove(waiter: Waiter) {
      const lane = lanes.get(waiter.lane);
      const at = lane?.indexOf(waiter) ?? -1;
      if (!lane || at < 0) return;
      lane.splice(at, 1);
      size -= 1;
      if (lane.length === 0) lanes.delete(waiter.lane);
    },
    /** Takes the next one out; its lane goes to the end of the round. */
    next(): Waiter | undefined {
      const [lane, waiters] = lanes.entries().next().value ?? [];
      if (lane === undefined || !waiters) return undefined;
      const waiter = waiters.shift();
      size -= 1;
      lanes.delete(lane);
      if (waiters.length > 0) lanes.set(lane, waiters);
      return waiter;
    },
  };
}

/**
 * Keeps the limits that a partner sets its callers on our side: calls beyond them wait their turn, a bounded number
 * for a bounded time. Within this process no stretch of a window's length ever sees more than its quota, and quotas of
 * a second leave evenly spread, as a spike arrest wants them; several processes share a window through the counter.
 */
export function createCallQueue(options: CallQueueOptions, deps: CallQueueDeps): CallQueue {
  const { windows, maxWaiting, name } = options;
  const { clock, startTimer, sharedCounter } = deps;
  const sliding = createSlidingWindows(windows);
  const lanes = createLanes();
  const gapMs = Math.max(
    0,
    ...windows.filter(({ windowSeconds }) => windowSeconds === 1).map(({ quota }) => keptMs(1) / quota),
  );
  const counted = windows.map(({ quota, windowSeconds }) => ({ quota, windowMs: windowSeconds * 1_000 }));
  let freeAtMs = Number.NEGATIVE_INFINITY;
  let sharedUntilMs = Number.NEGATIVE_INFINITY;
  let asking = false;
  let stopWake: (() => void) | undefined;

  const opensAtMs = (ahead: number, nowMs: number): number =>
    Math.max(Math.max(freeAtMs, nowMs) + gapMs * ahead, sharedUntilMs, sliding.opensAtMs(ahead, nowMs));
  const changed = () => deps.onWaiting?.(lanes.size());

  /** True once every process together has room for one more. A counter that is away lets this process count alone. */
  const countShared = async (): Promise<boolean> => {
    if (!sharedCounter || windows.length === 0) return true;
    try {
      const result = await sharedCounter.count([{ name: `outgoing:${name}`, windows: counted }]);
      if (result.admitted) return true;
      const waitMs = Math.max(
        1,
        ...result.windows.filter(({ left }) => left === 0).map((one) => one.endsInMs),
      );
      sharedUntilMs = clock.monotonicMs() + waitMs;
      return false;
    } catch {
      return true;
    }
  };

  const letOut = () => {
    const waiter = lanes.next();
    if (!waiter) return;
    const nowMs = clock.monotonicMs();
    sliding.note(nowMs);
    freeAtMs = nowMs + gapMs;
    waiter.stopTimer();
    changed();
    waiter.leave();
  };

  const refuseHopeless = (openMs: number) => {
    for (const waiter of lanes.all()) {
      if (waiter.deadlineMs >= openMs) continue;
      lanes.remove(waiter);
      waiter.stopTimer();
      waiter.refuse(new QueueRefusal('limit', Math.max(1, openMs - clock.monotonicMs())));
    }
    changed();
  };

  /**
   * A process that was too busy to wake in time was also too busy to send: what it let out just before may be on its
   * way only now.
   */
  const wake = (dueMs: number) => {
    const nowMs = clock.monotonicMs();
    if (nowMs - dueMs > LATE_MS) sliding.postpone(dueMs - SENDING_MS, nowMs);
    void pump();
  };

  const pump = async () => {
    if (asking) return;
    asking = true;
    try {
      while (lanes.size() > 0) {
        const nowMs = clock.monotonicMs();
        sliding.forget(nowMs);
        const openMs = opensAtMs(0, nowMs);
        if (openMs > nowMs) {
          refuseHopeless(openMs);
          stopWake?.();
          if (lanes.size() > 0) stopWake = startTimer(Math.ceil(openMs - nowMs), () => wake(openMs));
          return;
        }
        if (await countShared()) letOut();
      }
    } finally {
      asking = false;
    }
  };

  return {
    waiting: lanes.size,
    pause(ms) {
      freeAtMs = Math.max(freeAtMs, clock.monotonicMs() + ms);
      void pump();
    },
    enter(lane, maxWaitMs) {
      const nowMs = clock.monotonicMs();
      sliding.forget(nowMs);
      const openMs = opensAtMs(lanes.size(), nowMs);
      if (openMs > nowMs + maxWaitMs) {
        return Promise.reject(new QueueRefusal('limit', openMs - nowMs));
      }
      if (lanes.size() >= maxWaiting) {
        return Promise.reject(new QueueRefusal('full', Math.max(1, openMs - nowMs)));
      }
      if (!sharedCounter && !asking && lanes.size() === 0 && openMs <= nowMs) {
        sliding.note(nowMs);
        freeAtMs = nowMs + gapMs;
        return Promise.resolve();
      }
      return new Promise((resolve, reject) => {
        const waiter: Waiter = {
          lane,
          deadlineMs: nowMs + maxWaitMs,
          leave: resolve,
          refuse: reject,
          stopTimer: startTimer(maxWaitMs, () => {
            lanes.remove(waiter);
            changed();
            const lateMs = clock.monotonicMs();
            reject(new QueueRefusal('limit', Math.max(1, opensAtMs(lanes.size(), lateMs) - lateMs)));
          }),
        };
        lanes.add(waiter);
        changed();
        void pump();
      });
    },
  };
}
