import { createTurns } from '../platform/turns.ts';
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

/**
 * Places for calls under way, and the line of those that wait for one. Where several lanes use the destination they take
 * turns, and none holds all places: with n lanes at work each has at most one part in n + 1 of them, so that a slow
 * lane always leaves some for the next to come.
 */
export function createPlaces(max: number) {
  const maxWaiting = max * WAITING_PER_CONNECTION;
  const running = new Map<string, number>();
  const line = createTurns<PlacedCall>();
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
  /** A call that ends as it starts leaves while this runs: its place is filled by the next round, not by one within. */
  const fill = (): void => {
    if (isFilling) return;
    isFilling = true;
    for (;;) {
      const lane = isRefusing ? undefined : [...line.lanes()].find(hasPlace);
      const call = lane === undefined ? undefined : line.next(lane);
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
