import type { StartTimer } from '../platform/timer.ts';
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

/** Waiters of each lane in their order; the lanes take turns, so that one busy caller holds up no other. */
function createLanes(onChange: (waiting: number) => void) {
  const lanes = new Map<string, Waiter[]>();
  let size = 0;
  return {
    size: () => size,
    all: () => [...lanes.values()].flat(),
    add(waiter: Waiter) {
      const lane = lanes.get(waiter.lane);
      if (lane) lane.push(waiter);
      else lanes.set(waiter.lane, [waiter]);
      onChange((size += 1));
    },
    remove(waiter: Waiter) {
      const lane = lanes.get(waiter.lane);
      const at = lane?.indexOf(waiter) ?? -1;
      if (!lane || at < 0) return;
      lane.splice(at, 1);
      if (lane.length === 0) lanes.delete(waiter.lane);
      onChange((size -= 1));
    },
    /** Takes the next one out; its lane goes to the end of the round. */
    next(): Waiter | undefined {
      const [lane, waiters] = lanes.entries().next().value ?? [];
      if (lane === undefined || !waiters) return undefined;
      const waiter = waiters.shift();
      lanes.delete(lane);
      if (waiters.length > 0) lanes.set(lane, waiters);
      onChange((size -= 1));
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
    gate.pass();
    waiter.stopTimer();
    waiter.leave();
  };
  const refuseHopeless = (openMs: number) => {
    for (const waiter of lanes.all()) {
      if (waiter.deadlineMs >= openMs) continue;
      lanes.remove(waiter);
      waiter.stopTimer();
      waiter.refuse(new QueueRefusal('limit', Math.max(1, openMs - clock.monotonicMs())));
    }
  };
  const wakeAt = (openMs: number) => {
    stopWake?.();
    stopWake = startTimer(Math.ceil(openMs - clock.monotonicMs()), () => {
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
          refuseHopeless(openMs);
          if (lanes.size() > 0) wakeAt(openMs);
          return;
        }
        if (!gate.agree || (await gate.agree())) letOut();
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
  const untilOpenMs = () => Math.max(1, gate.opensAtMs(lanes.size()) - clock.monotonicMs());

  const wait = (lane: string, maxWaitMs: number) =>
    new Promise<void>((resolve, reject) => {
      const waiter: Waiter = {
        lane,
        deadlineMs: clock.monotonicMs() + maxWaitMs,
        leave: resolve,
        refuse: reject,
        stopTimer: startTimer(maxWaitMs, () => {
          lanes.remove(waiter);
          reject(new QueueRefusal('limit', untilOpenMs()));
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
      const openMs = gate.opensAtMs(lanes.size());
      if (openMs > nowMs + maxWaitMs) throw new QueueRefusal('limit', openMs - nowMs);
      if (lanes.size() >= options.maxWaiting) throw new QueueRefusal('full', untilOpenMs());
      const free = !gate.agree && !pump.running() && lanes.size() === 0 && openMs <= nowMs;
      if (free) gate.pass();
      else await wait(lane, maxWaitMs);
    },
  };
}
