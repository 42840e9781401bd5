import { BridgeError, StartRefused } from '../../errors.ts';

type StoreMethods = Record<string, (...values: never[]) => Promise<unknown>>;

/** Turns what a driver threw into an error of the catalogue; the driver's own words stay in `cause`. */
export function asBridgeError(error: unknown, isAway: (error: unknown) => boolean): Error {
  if (error instanceof BridgeError || error instanceof StartRefused) return error;
  return new BridgeError(isAway(error) ? 'STORE_UNAVAILABLE' : 'INTERNAL_ERROR', { cause: error });
}

export interface Shield {
  /** The same store, none of whose methods lets a driver's error through (it may quote rows and statements). */
  guard<T extends object>(store: T): T;
  /** Resolves once none of the guarded calls is under way. */
  idle(): Promise<void>;
}

export function createShield(isAway: (error: unknown) => boolean): Shield {
  let underWay = 0;
  let waiters: (() => void)[] = [];
  const ended = () => {
    underWay -= 1;
    if (underWay > 0) return;
    for (const resolve of waiters) resolve();
    waiters = [];
  };
  return {
    guard<T extends object>(store: T): T {
      const guarded: StoreMethods = {};
      for (const [name, method] of Object.entries(store as unknown as StoreMethods)) {
        guarded[name] = async (...values) => {
          underWay += 1;
          try {
            return await method(...values);
          } catch (error) {
            throw asBridgeError(error, isAway);
          } finally {
            ended();
          }
        };
      }
      return guarded as unknown as T;
    },
    idle: () =>
      underWay === 0 ? Promise.resolve() : new Promise<void>((resolve) => void waiters.push(resolve)),
  };
}
