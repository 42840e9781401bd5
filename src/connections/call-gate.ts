import type { LimitCounter } from '../limits/limit-counter.ts';
import type { LimitWindow } from '../limits/tiers.ts';
import type { Clock } from '../platform/clock.ts';

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

export interface CallGateOptions {
  /** Names what is counted, where several processes count together. */
  name: string;
  windows: readonly LimitWindow[];
  /**
   * Lanes that share the long windows evenly: of a quota over an hour or more each of them may use its part and no
   * more, so that none uses up another's day. Lanes that are not among them have the whole quota. Default: none.
   */
  sharers?: ReadonlySet<string> | undefined;
}

export interface CallGateDeps {
  clock: Clock;
  /** Counts for all processes; `undefined` where this process is alone. */
  sharedCounter?: LimitCounter | undefined;
}

/** Says when calls may leave; keeps nobody waiting itself. */
export interface CallGate {
  /** When the call may leave that has `ahead` calls before it; never earlier than now. On the monotonic clock. */
  opensAtMs(ahead: number): number;
  /** When this lane's share lets the call out that has `ahead` calls of the lane before it. */
  shareOpensAtMs(lane: string, ahead?: number): number;
  /** One call of this lane leaves now. */
  pass(lane: string): void;
  /** Nobody leaves for so long. */
  pause(ms: number): void;
  /** To be told when a timer that was set for `dueMs` has run. */
  woke(dueMs: number): void;
  /** Takes one unit of this lane for all processes together; `undefined` where this process is alone. */
  agree: ((lane: string) => Promise<boolean>) | undefined;
}

const SHARED_FROM_SECONDS = 3_600;

/** What each lane may use of the long windows. */
function createShares({ windows, sharers = new Set<string>() }: CallGateOptions) {
  const parts =
    sharers.size < 2
      ? []
      : windows
          .filter(({ windowSeconds }) => windowSeconds >= SHARED_FROM_SECONDS)
          .map(({ quota, windowSeconds }) => ({
            quota: Math.max(1, Math.floor(quota / sharers.size)),
            windowSeconds,
          }));
  const kept = new Map([...sharers].map((lane) => [lane, createSlidingWindows(parts)]));
  return {
    windowsOf: (lane: string): readonly LimitWindow[] => (sharers.has(lane) ? parts : []),
    opensAtMs(lane: string, ahead: number, nowMs: number): number {
      const own = parts.length === 0 ? undefined : kept.get(lane);
      own?.forget(nowMs);
      return own?.opensAtMs(ahead, nowMs) ?? nowMs;
    },
    note: (lane: string, nowMs: number) => kept.get(lane)?.note(nowMs),
  };
}

/** The limits of a partner as they apply to this process, and to all of them where a counter is shared. */
export function createCallGate(options: CallGateOptions, deps: CallGateDeps): CallGate {
  const { name, windows } = options;
  const { clock, sharedCounter } = deps;
  const shares = createShares(options);
  /** Lanes whose share all processes together have used up, and until when. */
  const usedUpMs = new Map<string, number>();
  const sliding = createSlidingWindows(windows);
  const gapMs = Math.max(
    0,
    ...windows.filter(({ windowSeconds }) => windowSeconds === 1).map(({ quota }) => keptMs(1) / quota),
  );
  const inMs = (some: readonly LimitWindow[]) =>
    some.map(({ quota, windowSeconds }) => ({ quota, windowMs: windowSeconds * 1_000 }));
  const counted = inMs(windows);
  let freeAtMs = Number.NEGATIVE_INFINITY;
  let quietUntilMs = Number.NEGATIVE_INFINITY;

  /** False, and the gate stays shut, while others have used the window up. A counter that is away counts for nothing. */
  const agree = async (counter: LimitCounter, lane: string): Promise<boolean> => {
    const share = inMs(shares.windowsOf(lane));
    const subjects = [{ kind: 'outgoing', id: name, windows: counted }];
    if (share.length > 0) subjects.push({ kind: 'outgoing', id: `${name}:${lane}`, windows: share });
    try {
      const result = await counter.count(subjects);
      if (result.admitted) return true;
      const untilMs = (some: typeof result.windows) =>
        clock.monotonicMs() +
        Math.max(1, ...some.filter(({ left }) => left === 0).map(({ endsInMs }) => endsInMs));
      const [all, own] = [result.windows.slice(0, counted.length), result.windows.slice(counted.length)];
      if (all.some(({ left }) => left === 0)) quietUntilMs = Math.max(quietUntilMs, untilMs(all));
      else usedUpMs.set(lane, untilMs(own));
      return false;
    } catch {
      return true;
    }
  };

  return {
    opensAtMs(ahead) {
      const nowMs = clock.monotonicMs();
      sliding.forget(nowMs);
      const spreadMs = Math.max(freeAtMs, nowMs) + gapMs * ahead;
      return Math.max(spreadMs, quietUntilMs, sliding.opensAtMs(ahead, nowMs));
    },
    shareOpensAtMs(lane, ahead = 0) {
      const nowMs = clock.monotonicMs();
      return Math.max(shares.opensAtMs(lane, ahead, nowMs), usedUpMs.get(lane) ?? nowMs);
    },
    pass(lane) {
      const nowMs = clock.monotonicMs();
      sliding.note(nowMs);
      shares.note(lane, nowMs);
      freeAtMs = nowMs + gapMs;
    },
    pause(ms) {
      quietUntilMs = Math.max(quietUntilMs, clock.monotonicMs() + ms);
    },
    // A process that was too busy to wake in time was also too busy to send: what it let out just before may be on its
    // way only now.
    woke(dueMs) {
      const nowMs = clock.monotonicMs();
      if (nowMs - dueMs > LATE_MS) sliding.postpone(dueMs - SENDING_MS, nowMs);
    },
    agree: sharedCounter && windows.length > 0 ? (lane) => agree(sharedCounter, lane) : undefined,
  };
}
