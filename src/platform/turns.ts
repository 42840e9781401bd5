/** Things that wait in lanes: each lane keeps its order, and the lanes take turns. */
export interface Turns<T> {
  size(): number;
  add(lane: string, item: T): void;
  /** Takes the first item of the lane whose turn it is; that lane goes to the end of the round. */
  next(): T | undefined;
  /** Takes everything out. */
  drain(): T[];
}

export function createTurns<T>(): Turns<T> {
  const lanes = new Map<string, T[]>();
  let size = 0;
  return {
    size: () => size,
    add: (lane, item) => {
      const items = lanes.get(lane);
      if (items) items.push(item);
      else lanes.set(lane, [item]);
      size += 1;
    },
    next: () => {
      const [first] = lanes;
      if (!first) return undefined;
      const [lane, items] = first;
      lanes.delete(lane);
      const item = items.shift();
      if (items.length > 0) lanes.set(lane, items);
      size -= 1;
      return item;
    },
    drain: () => {
      const all = [...lanes.values()].flat();
      lanes.clear();
      size = 0;
      return all;
    },
  };
}
