import type { Clock } from '../platform/clock.ts';
import { randomFraction } from '../platform/random.ts';

/** `closed`: calls go out. `open`: none does. `half_open`: one call on trial decides. */
export type CircuitState = 'closed' | 'open' | 'half_open';

/** How a call was let through; it comes back with the call's outcome. */
export type Pass = 'call' | 'trial';

export interface CircuitBreaker {
  /** Lets a call go out, or `undefined`. Whoever is let through must report, whatever becomes of the call. */
  admit(): Pass | undefined;
  /** `works`: the destination did its part, also when the answer is a refusal. */
  report(pass: Pass, works: boolean): void;
  state(): CircuitState;
  /** Milliseconds until the next trial; 0 unless open. */
  openForMs(): number;
  /** How often it opened. */
  opened(): number;
}

export interface CircuitBreakerDeps {
  clock: Pick<Clock, 'monotonicMs'>;
  /** Opens at this many failures within ten seconds, if they are at least half of the calls. Default 10. */
  failures?: number;
  onChange?(state: CircuitState): void;
}

const BUCKET_MS = 1_000;
const BUCKETS = 10;
const FIRST_OPEN_MS = 1_000;
/** With a trial that takes five seconds to fail, a destination that is well again is in use within ten. */
const MAX_OPEN_MS = 4_000;

/** Calls and failures of the last ten seconds, in buckets of one. */
function createWindow() {
  const calls = new Uint32Array(BUCKETS);
  const failures = new Uint32Array(BUCKETS);
  let newest = 0;
  const turn = (nowMs: number): number => {
    const bucket = Math.floor(nowMs / BUCKET_MS);
    if (bucket !== newest) {
      const passed = Math.min(bucket - newest, BUCKETS);
      for (let i = 0; i < passed; i++) {
        calls[(bucket - i) % BUCKETS] = 0;
        failures[(bucket - i) % BUCKETS] = 0;
      }
      newest = bucket;
    }
    return bucket % BUCKETS;
  };
  return {
    count(nowMs: number, works: boolean): void {
      const at = turn(nowMs);
      calls[at] = (calls[at] as number) + 1;
      if (!works) failures[at] = (failures[at] as number) + 1;
    },
    totals: () => ({
      calls: calls.reduce((sum, n) => sum + n, 0),
      failures: failures.reduce((sum, n) => sum + n, 0),
    }),
    clear(): void {
      calls.fill(0);
      failures.fill(0);
    },
  };
}

/**
 * Stops calls to a destination that fails, so that nobody waits for it and it can come back. After one second, then
 * two, then four, one call goes out on trial: its success closes the circuit.
 */
export function createCircuitBreaker(deps: CircuitBreakerDeps): CircuitBreaker {
  const { clock, failures: threshold = 10, onChange } = deps;
  const window = createWindow();
  let state: CircuitState = 'closed';
  let trialAtMs = 0;
  let openMs = FIRST_OPEN_MS;
  let opened = 0;

  const become = (next: CircuitState) => {
    state = next;
    onChange?.(next);
  };
  const open = (nowMs: number) => {
    // A fleet that lost the same destination at the same moment does not come back in step.
    trialAtMs = nowMs + openMs * (0.8 + randomFraction() * 0.2);
    openMs = Math.min(openMs * 2, MAX_OPEN_MS);
    opened += 1;
    become('open');
  };

  return {
    admit() {
      if (state === 'closed') return 'call';
      if (state === 'half_open' || clock.monotonicMs() < trialAtMs) return undefined;
      become('half_open');
      return 'trial';
    },
    report(pass, works) {
      if (pass === 'trial') {
        if (!works) return open(clock.monotonicMs());
        openMs = FIRST_OPEN_MS;
        window.clear();
        return become('closed');
      }
      // What was on its way when the circuit opened says nothing new.
      if (state !== 'closed') return;
      const nowMs = clock.monotonicMs();
      window.count(nowMs, works);
      if (works) return;
      const { calls, failures } = window.totals();
      if (failures >= threshold && failures * 2 >= calls) {
        window.clear();
        open(nowMs);
      }
    },
    state: () => state,
    openForMs: () => (state === 'open' ? Math.max(0, trialAtMs - clock.monotonicMs()) : 0),
    opened: () => opened,
  };
}
