/** Runs something after so many milliseconds; the function that it gives back calls it off. */
export type StartTimer = (ms: number, run: () => void) => () => void;

export const systemTimer: StartTimer = (ms, run) => {
  const timer = setTimeout(run, ms);
  return () => clearTimeout(timer);
};

/** Resolves after so many milliseconds. */
export function pauseFor(startTimer: StartTimer, ms: number): Promise<void> {
  return new Promise((resolve) => {
    startTimer(ms, resolve);
  });
}
