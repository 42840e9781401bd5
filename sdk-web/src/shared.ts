/** Lets concurrent callers share one run of `work`; `forget` makes the next caller start a new one. */
export function createShared<T>(work: () => Promise<T>) {
  let running: Promise<T> | undefined;
  return {
    run(): Promise<T> {
      if (!running) {
        const mine = work().finally(() => {
          if (running === mine) running = undefined;
        });
        running = mine;
      }
      return running;
    },
    forget() {
      running = undefined;
    },
  };
}
