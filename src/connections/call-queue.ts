import type { StartTimer } from '../platform/timer.ts';
import { createTurns } from '../platform/turns.ts';
import { type CallGate, type CallGateDeps, type CallGateOptions, createCallGate } from './call-gate.ts';

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

export interface CallQueueOptions extends CallGateOptions {
  maxWaiting: number;
}

export interface CallQueueDeps extends CallGateDeps {
  startTimer: StartTimer;
  onWaiting?(waiting: number): void;
}

export interface CallQueue {
  /**
   * Resolves when one call may leave, in the order of arrival within a lane; the lanes take turns. Rejects with
   * `QueueRefusal`, at once when it is clear that the call cannot leave within `maxWaitMs`; while others of the lane
   * are in line, they count, but a lane that is full of calls takes no turn away from another.
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

/** Waiters in lanes that take turns, so that one busy caller holds up no other. */
function createLanes(onChange: (waiting: number) => void) {
  const turns = createTurns<Waiter>();
  return {
    size: turns.size,
    all: turns.all,
    of: turns.of,
    /** The lane whose turn it is. */
    front: (): string | undefined => turns.lanes().next().value,
    /** How many leave before one who comes to this lane now: by then each lane ahead has had a turn more. */
    ahead(lane: string): number {
      const own = turns.of(lane).size;
      let isBefore = true;
      let before = own;
      for (const other of turns.lanes()) {
        if (other === lane) isBefore = false;
        else before += Math.min(turns.of(other).size, isBefore ? own + 1 : own);
      }
      return before;
    },
    /** The last one of the longest lane, when that is longer than this lane would be with one more. */
    displaced(lane: string): Waiter | undefined {
      const room = turns.of(lane).size + 1;
      const [longest] = [...turns.lanes()].map(turns.of).sort((a, b) => b.size - a.size);
      return longest && longest.size > room ? [...longest].at(-1) : undefined;
    },
    add(waiter: Waiter) {
      turns.add(waiter.lane, waiter);
      onChange(turns.size());
    },
    remove(waiter: Waiter) {
      if (turns.remove(waiter.lane, waiter)) onChange(turns.size());
    },
    /** Takes the next one out; its lane goes to the end of the round. */
    next(): Waiter | undefined {
      const waiter = turns.next();
      if (waiter) onChange(turns.size());
      return waiter;
    },
  };
}

/** Lets waiters out as the gate opens, and refuses those whose time is over before it does. */
function createPump(gate: CallGate, lanes: ReturnType<typeof createLanes>, deps: CallQueueDeps) {
  const { clock, startTimer } = deps;
  let running = false;
  let stopWake: (() => void) | undefined;

  const letOut = () => {
    const waiter = lanes.next();
    if (!waiter) return;
    gate.pass(waiter.lane);
    waiter.stopTimer();
    waiter.leave();
  };
  const refuseHopeless = (openMs: number, waiters: Iterable<Waiter>) => {
    for (const waiter of [...waiters].filter(({ deadlineMs }) => deadlineMs < openMs)) {
      lanes.remove(waiter);
      waiter.stopTimer();
      const untilMs = Math.max(
        openMs === Number.POSITIVE_INFINITY ? 0 : openMs,
        gate.shareOpensAtMs(waiter.lane),
      );
      waiter.refuse(new QueueRefusal('limit', Math.max(1, untilMs - clock.monotonicMs())));
    }
  };
  const wakeAt = (openMs: number) => {
    stopWake?.();
    // The clock goes on between the question and this line: the moment may have come by now.
    stopWake = startTimer(Math.max(0, Math.ceil(openMs - clock.monotonicMs())), () => {
      gate.woke(openMs);
      void pump();
    });
  };
  const pump = async () => {
    if (running) return;
    running = true;
    try {
      while (lanes.size() > 0) {
        const openMs = gate.opensAtMs(0);
        if (openMs > clock.monotonicMs()) {
          refuseHopeless(openMs, lanes.all());
          if (lanes.size() > 0) wakeAt(openMs);
          return;
        }
        const lane = lanes.front() as string;
        const agreed = !gate.agree || (await gate.agree(lane));
        const shareMs = gate.shareOpensAtMs(lane);
        // Whoever has used its share up waits for nobody else's turn.
        if (shareMs > clock.monotonicMs()) refuseHopeless(Number.POSITIVE_INFINITY, lanes.of(lane));
        else if (agreed) letOut();
      }
    } finally {
      running = false;
    }
  };
  return { run: () => void pump(), running: () => running };
}

/**
 * Keeps the limits that a partner sets its callers on our side: calls beyond them wait their turn, a bounded number
 * for a bounded time. Within this process no stretch of a window's length ever sees more than its quota, and quotas of
 * a second leave evenly spread, as a spike arrest wants them; several processes share a window through the counter.
 */
export function createCallQueue(options: CallQueueOptions, deps: CallQueueDeps): CallQueue {
  const { clock, startTimer } = deps;
  const gate = createCallGate(options, deps);
  const lanes = createLanes((waiting) => deps.onWaiting?.(waiting));
  const pump = createPump(gate, lanes, deps);
  const opensAtMs = (lane: string) =>
    Math.max(gate.opensAtMs(lanes.ahead(lane)), gate.shareOpensAtMs(lane, lanes.of(lane).size));
  const untilOpenMs = (lane: string) => Math.max(1, opensAtMs(lane) - clock.monotonicMs());
  /** Room for one more, if need be at the cost of a lane that holds more of it. */
  const makeRoom = (lane: string): boolean => {
    if (lanes.size() < options.maxWaiting) return true;
    const waiter = lanes.displaced(lane);
    if (!waiter) return false;
    lanes.remove(waiter);
    waiter.stopTimer();
    waiter.refuse(new QueueRefusal('full', untilOpenMs(waiter.lane)));
    return true;
  };

  const wait = (lane: string, maxWaitMs: number) =>
    new Promise<void>((resolve, reject) => {
      const waiter: Waiter = {
        lane,
        deadlineMs: clock.monotonicMs() + maxWaitMs,
        leave: resolve,
        refuse: reject,
        stopTimer: startTimer(maxWaitMs, () => {
          lanes.remove(waiter);
          reject(new QueueRefusal('limit', untilOpenMs(lane)));
        }),
      };
      lanes.add(waiter);
      pump.run();
    });

  return {
    waiting: lanes.size,
    pause(ms) {
      gate.pause(ms);
      pump.run();
    },
    async enter(lane, maxWaitMs) {
      const nowMs = clock.monotonicMs();
      const openMs = opensAtMs(lane);
      if (openMs > nowMs + maxWaitMs) throw new QueueRefusal('limit', openMs - nowMs);
      if (!makeRoom(lane)) throw new QueueRefusal('full', untilOpenMs(lane));
      const free = !gate.agree && !pump.running() && lanes.size() === 0 && openMs <= nowMs;
      if (free) gate.pass(lane);
      else await wait(lane, maxWaitMs);
    },
  };
}
