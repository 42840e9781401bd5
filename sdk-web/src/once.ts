/** Lets concurrent callers of one key share one run of `work`. */
export interface Once {
  run<T>(key: string, work: () => Promise<T>): Promise<T>;
  /** Makes the next callers start anew. */
  forget(): void;
}

export function createOnce(): Once {
  const running = new Map<string, Promise<unknown>>();
  return {
    run<T>(key: string, work: () => Promise<T>) {
      let mine = running.get(key) as Promise<T> | undefined;
      if (!mine) {
        mine = work().finally(() => {
          if (running.get(key) === mine) running.delete(key);
        });
        running.set(key, mine);
      }
      return mine;
    },
    forget: () => running.clear(),
  };
}
