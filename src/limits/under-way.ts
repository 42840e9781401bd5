import { BridgeError } from '../errors.ts';
import { systemTimer } from '../platform/timer.ts';

/** How long an attempt waits for its turn before it is turned away. */
const LONGEST_WAIT_MS = 2_000;

/** The answer to an attempt that waited too long, or that finds too many waiting. */
export const signInBusy = (): BridgeError => new BridgeError('SIGN_IN_BUSY', { retryAfterSeconds: 1 });

/**
 * Lets at most `max` attempts of one network be under way: further ones are turned away at once with `RATE_LIMITED`, so
 * that one address never has more than a part of what all sign-ins share.
 */
export function createUnderWay(max: number) {
  const counts = new Map<string, number>();
  return {
    run: async <T>(network: string, attempt: () => Promise<T>): Promise<T> => {
      const others = counts.get(network) ?? 0;
      if (others >= max) {
        throw new BridgeError('RATE_LIMITED', {
          message: 'Too many sign-ins at once from one address. Wait before the next one.',
          details: { policy: 'sign-in-under-way', quota: max },
          retryAfterSeconds: 1,
        });
      }
      counts.set(network, others + 1);
      try {
        return await attempt();
      } finally {
        const left = (counts.get(network) ?? 1) - 1;
        if (left > 0) counts.set(network, left);
        else counts.delete(network);
      }
    },
  };
}

/** The end of one attempt's patience. */
export interface Patience {
  /** Resolves with false when it is over, else with true as soon as `woken` does. */
  outlasts(woken: Promise<void>): Promise<boolean>;
  stop(): void;
}

/** Begins now and lasts two seconds, however often the attempt waits. */
export function startPatience(): Patience {
  let stop = () => {};
  const over = new Promise<false>((resolve) => {
    stop = systemTimer(LONGEST_WAIT_MS, () => resolve(false));
  });
  return { outlasts: (woken) => Promise.race([woken.then(() => true), over]), stop };
}
