/** Things that wait in lanes, each once: every lane keeps its order, and the lanes take turns. */
export interface Turns<T> {
  size(): number;
  /** The lanes in which something waits, the one whose turn it is first. */
  lanes(): IterableIterator<string>;
  /** What waits in this lane, in its order. */
  of(lane: string): ReadonlySet<T>;
  all(): T[];
  add(lane: string, item: T): void;
  /** Whether it was there. */
  remove(lane: string, item: T): boolean;
  /** Takes the first item of a lane, by default of the one whose turn it is; that lane goes to the end of the round. */
  next(lane?: string): T | undefined;
  /** Takes everything out. */
  drain(): T[];
}

const NOTHING: ReadonlySet<never> = new Set();

export function createTurns<T>(): Turns<T> {
  const lanes = new Map<string, Set<T>>();
  let size = 0;
  const all = (): T[] => [...lanes.values()].flatMap((items) => [...items]);
  const remove = (lane: string, item: T): boolean => {
    const items = lanes.get(lane);
    if (!items?.delete(item)) return false;
    if (items.size === 0) lanes.delete(lane);
    size -= 1;
    return true;
  };
  return {
    size: () => size,
    lanes: () => lanes.keys(),
    of: (lane) => lanes.get(lane) ?? NOTHING,
    all,
    add: (lane, item) => {
      const items = lanes.get(lane);
      if (items) items.add(item);
      else lanes.set(lane, new Set([item]));
      size += 1;
    },
    remove,
    next: (asked) => {
      const lane = asked ?? lanes.keys().next().value;
      const items = lane === undefined ? undefined : lanes.get(lane);
      const first = items?.values().next();
      if (lane === undefined || !items || !first || first.done === true) return undefined;
      remove(lane, first.value);
      if (lanes.delete(lane)) lanes.set(lane, items);
      return first.value;
    },
    drain: () => {
      const items = all();
      lanes.clear();
      size = 0;
      return items;
    },
  };
}
