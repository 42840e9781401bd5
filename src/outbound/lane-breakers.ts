import {
  type CircuitBreaker,
  type CircuitBreakerDeps,
  type CircuitState,
  createCircuitBreaker,
  type Pass,
} from './circuit-breaker.ts';

/** How a call was let through by the destination's circuit and, where it has one, by that of its lane. */
export interface Passes {
  pass: Pass;
  lane: { breaker: CircuitBreaker; pass: Pass } | undefined;
}

/** How a call ended, as circuits see it. */
export interface CircuitOutcome {
  /** False for a call that left before it got a connection: it says nothing, except when it was on trial. */
  reached: boolean;
  works: boolean;
  /** No connection could be had, or none that is trusted. */
  connected: boolean;
}

export interface LaneBreakersDeps extends Omit<CircuitBreakerDeps, 'onChange'> {
  /** `lane`: its own circuit changed; `undefined` for the one of all. */
  onChange(state: CircuitState, lane: string | undefined): void;
}

/**
 * The circuit of a destination, and beside it one for each lane of a destination that several callers share: what one of
 * them makes fail, by what it sends or when, stops its own calls. Whether a connection can be had concerns all of them.
 */
export function createLaneBreakers({ onChange, ...deps }: LaneBreakersDeps) {
  const all = createCircuitBreaker({ ...deps, onChange: (state) => onChange(state, undefined) });
  const lanes = new Map<string, CircuitBreaker>();
  const breakerOf = (lane: string): CircuitBreaker => {
    const known = lanes.get(lane);
    if (known) return known;
    const made = createCircuitBreaker({ ...deps, onChange: (state) => onChange(state, lane) });
    lanes.set(lane, made);
    return made;
  };

  return {
    all,
    /** Lets a call go out, or says how long not. `lane`: one with a circuit of its own. */
    admit(lane: string | undefined): Passes | { openForMs: number } {
      const own = lane === undefined ? undefined : breakerOf(lane);
      const lanePass = own?.admit();
      if (own && lanePass === undefined) return { openForMs: own.openForMs() };
      const pass = all.admit();
      if (pass !== undefined) {
        return { pass, lane: own && lanePass !== undefined ? { breaker: own, pass: lanePass } : undefined };
      }
      // The lane's trial did not take place.
      if (lanePass === 'trial') own?.report(lanePass, false);
      return { openForMs: all.openForMs() };
    },
    report({ pass, lane }: Passes, { reached, works, connected }: CircuitOutcome): void {
      if (reached || pass === 'trial') all.report(pass, reached && (lane ? connected : works));
      if (lane && (reached || lane.pass === 'trial')) lane.breaker.report(lane.pass, reached && works);
    },
  };
}
