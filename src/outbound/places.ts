import type { OutboundFailure } from './outbound-types.ts';

/** Calls that may wait for each connection before further ones are turned away. */
const WAITING_PER_CONNECTION = 32;

/** One call between the moment that it is let in and its end. */
export interface PlacedCall {
  /** Whose call it is; `undefined` for calls that nobody in particular makes. */
  lane: string | undefined;
  /** Other lanes are known to use the destination, even if none has yet. */
  isShared: boolean;
  start(): void;
  refuse(failure: OutboundFailure): void;
}

/** Calls that wait, by lane and in their order. */
function createLine() {
  const lanes = new Map<string, Set<PlacedCall>>();
  let size = 0;
  return {
    size: () => size,
    lanes: () => lanes.keys(),
    of: (lane: string): ReadonlySet<PlacedCall> => lanes.get(lane) ?? new Set(),
    all: () => [...lanes.values()].flatMap((calls) => [...calls]),
    add(lane: string, call: PlacedCall): void {
      const calls = lanes.get(lane);
      if (calls) calls.add(call);
      else lanes.set(lane, new Set([call]));
      size += 1;
    },
    remove(lane: string, call: PlacedCall): boolean {
      const calls = lanes.get(lane);
      if (!calls?.delete(call)) return false;
      if (calls.size === 0) lanes.delete(lane);
      size -= 1;
      return true;
    },
    /** Takes the first call of this lane out; the lane goes to the end of the round. */
    take(lane: string): PlacedCall | undefined {
      const calls = lanes.get(lane);
      const call = calls?.values().next().value;
      if (!calls || !call) return undefined;
      calls.delete(call);
      lanes.delete(lane);
      if (calls.size > 0) lanes.set(lane, calls);
      size -= 1;
      return call;
    },
  };
}

/**
 * Places for calls under way, and the line of those that wait for one. Where several lanes use the destination they take
 * turns, and none holds all places: with n lanes at work each has at most one part in n + 1 of them, so that a slow
 * lane always leaves some for the next to come.
 */
export function createPlaces(max: number) {
  const maxWaiting = max * WAITING_PER_CONNECTION;
  const running = new Map<string, number>();
  const line = createLine();
  const seen = new Set<string>();
  let total = 0;
  let isShared = false;
  let isRefusing = false;
  let isFilling = false;

  const runningOf = (lane: string): number => running.get(lane) ?? 0;
  const laneOf = (call: PlacedCall): string => call.lane ?? '';
  const hasPlace = (lane: string): boolean => {
    if (total >= max) return false;
    if (lane === '' || !isShared) return true;
    const active = new Set([lane, ...running.keys(), ...line.lanes()]);
    active.delete('');
    return runningOf(lane) < Math.max(1, Math.floor(max / (active.size + 1)));
  };
  const note = ({ lane, isShared: known }: PlacedCall): void => {
    if (lane === undefined || isShared) return;
    seen.add(lane);
    isShared = known || seen.size > 1;
  };
  const start = (lane: string, call: PlacedCall): void => {
    total += 1;
    running.set(lane, runningOf(lane) + 1);
    call.start();
  };
  /** Calls that end as they start leave while this runs: they make room for the next round of it, not for one within. */
  const fill = (): void => {
    if (isFilling) return;
    isFilling = true;
    for (;;) {
      const lane = isRefusing ? undefined : [...line.lanes()].find(hasPlace);
      const call = lane === undefined ? undefined : line.take(lane);
      if (lane === undefined || !call) break;
      start(lane, call);
    }
    isFilling = false;
  };

  return {
    maxWaiting,
    running: () => total,
    waiting: () => line.size(),
    /** Whether a call of this lane could not even wait. */
    areFull(lane: string | undefined): boolean {
      if (line.size() === 0) return false;
      const shared = lane !== undefined && isShared;
      return line.size() >= maxWaiting || (shared && line.of(lane).size >= maxWaiting / 2);
    },
    enter(call: PlacedCall): void {
      note(call);
      const lane = laneOf(call);
      if (hasPlace(lane)) start(lane, call);
      else line.add(lane, call);
    },
    /** A call whose deadline passes while it waits leaves without having touched a connection. */
    leave(call: PlacedCall): void {
      const lane = laneOf(call);
      if (!line.remove(lane, call)) {
        total -= 1;
        if (runningOf(lane) > 1) running.set(lane, runningOf(lane) - 1);
        else running.delete(lane);
      }
      if (line.size() > 0) fill();
    },
    /** Sends away those that wait, of one lane or of all. */
    refuseWaiting(failure: OutboundFailure, lane?: string): void {
      const wasRefusing = isRefusing;
      isRefusing = true;
      for (const call of lane === undefined ? line.all() : [...line.of(lane)]) call.refuse(failure);
      isRefusing = wasRefusing;
      if (line.size() > 0) fill();
    },
  };
}
