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
  /** One call leaves now. */
  pass(): void;
  /** Nobody leaves for so long. */
  pause(ms: number): void;
  /** To be told when a timer that was set for `dueMs` has run. */
  woke(dueMs: number): void;
  /** Takes one unit for all processes together; `undefined` where this process is alone. */
  agree: (() => Promise<boolean>) | undefined;
}

/** The limits of a partner as they apply to this process, and to all of them where a counter is shared. */
export function createCallGate({ name, windows }: CallGateOptions, deps: CallGateDeps): CallGate {
  const { clock, sharedCounter } = deps;
  const sliding = createSlidingWindows(windows);
  const gapMs = Math.max(
    0,
    ...windows.filter(({ windowSeconds }) => windowSeconds === 1).map(({ quota }) => keptMs(1) / quota),
  );
  const counted = windows.map(({ quota, windowSeconds }) => ({ quota, windowMs: windowSeconds * 1_000 }));
  let freeAtMs = Number.NEGATIVE_INFINITY;
  let quietUntilMs = Number.NEGATIVE_INFINITY;

  /** False, and the gate stays shut, while others have used the window up. A counter that is away counts for nothing. */
  const agree = async (counter: LimitCounter): Promise<boolean> => {
    try {
      const result = await counter.count([{ name: `outgoing:${name}`, windows: counted }]);
      if (result.admitted) return true;
      const ends = result.windows.filter(({ left }) => left === 0).map(({ endsInMs }) => endsInMs);
      quietUntilMs = Math.max(quietUntilMs, clock.monotonicMs() + Math.max(1, ...ends));
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
    pass() {
      const nowMs = clock.monotonicMs();
      sliding.note(nowMs);
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
    agree: sharedCounter && windows.length > 0 ? () => agree(sharedCounter) : undefined,
  };
}
