import type { Clock } from '../platform/clock.ts';
import { callerNetwork } from './caller-network.ts';
import type { CountedSubject, CountResult, LimitCounter, WindowState } from './limit-counter.ts';
import { type LimitWindow, type Tier, type Tiers, windowName } from './tiers.ts';

/** What requests are counted by. `service`: all of them together. */
export type SubjectKind = 'key' | 'client' | 'partner' | 'session' | 'address' | 'service';

export interface LimitedSubject {
  kind: SubjectKind;
  /** Internal id: never a secret, a cookie or a public key id in full. */
  id: string;
  /** Name of its tier; default: the one assigned to it, else the configured one for its kind. */
  tier?: string | undefined;
}

/** One window of one subject as the caller is told of it. */
export interface PolicyState {
  /** Kind and window, such as `key-minute`: says nothing of who the subject is. */
  name: string;
  quota: number;
  windowSeconds: number;
  remaining: number;
  /** Whole seconds until the window ends, rounded up. */
  resetSeconds: number;
}

export interface LimitVerdict {
  admitted: boolean;
  /** Those that are the caller's own, and the one that refused; none when all of them are unlimited. */
  policies: readonly PolicyState[];
  /** Of a refusal: waiting this long suffices, in whole seconds. */
  retryAfterSeconds: number;
  /** Of a refusal: the used-up window that takes longest to end. */
  refusedBy: PolicyState | undefined;
}

export interface LimiterOptions {
  tiers: Tiers;
  /** Tier of a subject that names none. `partner` is what a new partner gets. */
  defaults: Readonly<Record<SubjectKind, string>>;
  /** Failed authentications of one address. */
  failures: LimitWindow;
}

export interface LimiterDeps {
  counter: LimitCounter;
  clock: Pick<Clock, 'monotonicMs'>;
  /** Tiers of single subjects. */
  assignedTier?(kind: SubjectKind, id: string): string | undefined;
  /** Told of every refusal; kinds are few, so they may be a label. */
  onRefused?(kind: SubjectKind | 'failures' | 'refusals'): void;
}

export interface Limiter {
  readonly tiers: Tiers;
  readonly defaults: LimiterOptions['defaults'];
  /** Counts a request against all of its subjects, or against none when one of them has nothing left. */
  admit(subjects: readonly LimitedSubject[], address: string): LimitVerdict | Promise<LimitVerdict>;
  /**
   * Counts a failed authentication; a refusal tells that the address had used its failures up before. `alone`: one of a
   * customer, of whom many share an address. They are counted apart and stop nobody but those that fail.
   */
  countFailure(address: string, alone?: boolean): LimitVerdict | Promise<LimitVerdict>;
  /**
   * Whether an address has used its failures up, as far as this process knows: to be asked before anything is
   * verified. What other processes counted shows in `admit` and `countFailure`.
   */
  blocked(address: string): LimitVerdict | undefined;
}

interface Policy {
  name: string;
  shown: boolean;
  quota: number;
  windowSeconds: number;
  windowMs: number;
}

const ADMITTED: LimitVerdict = {
  admitted: true,
  policies: [],
  retryAfterSeconds: 0,
  refusedBy: undefined,
};

/** Addresses known to be blocked; beyond that the one that was blocked first is forgotten here, not in the counter. */
const MAX_BLOCKED = 10_000;

/** Shared by callers who do not know of each other: where these stand is nobody's to see, unless one refuses. */
const COMMON_KINDS: ReadonlySet<string> = new Set(['address', 'service', 'failures', 'refusals']);

function policiesOf(kind: string, windows: readonly LimitWindow[]): Policy[] {
  return windows.map(({ quota, windowSeconds }) => ({
    name: `${kind}-${windowName(windowSeconds)}`,
    shown: !COMMON_KINDS.has(kind),
    quota,
    windowSeconds,
    windowMs: windowSeconds * 1000,
  }));
}

function stateOf(policy: Policy, { left, endsInMs }: WindowState): PolicyState {
  return {
    name: policy.name,
    quota: policy.quota,
    windowSeconds: policy.windowSeconds,
    remaining: left,
    resetSeconds: endsInMs === 0 ? policy.windowSeconds : Math.ceil(endsInMs / 1000),
  };
}

/** Limits: how often something may be done. This room owns tiers and their arithmetic; it never knows why. */
export function createLimiter(options: LimiterOptions, deps: LimiterDeps): Limiter {
  const { tiers, defaults, failures } = options;
  const { counter, clock } = deps;
  const failurePolicy = policiesOf('failures', [failures]);
  const refusalPolicy = policiesOf('refusals', [failures]);
  const blockedUntilMs = new Map<string, number>();
  const known = new WeakMap<Tier, Map<SubjectKind, Policy[]>>();

  const policiesFor = (kind: SubjectKind, tier: Tier): Policy[] => {
    let byKind = known.get(tier);
    if (!byKind) known.set(tier, (byKind = new Map()));
    let made = byKind.get(kind);
    if (!made) byKind.set(kind, (made = policiesOf(kind, tier.windows)));
    return made;
  };

  const verdictOf = (counted: readonly Policy[], result: CountResult): LimitVerdict => {
    const states: PolicyState[] = [];
    const visible: PolicyState[] = [];
    for (let i = 0; i < counted.length; i++) {
      const policy = counted[i] as Policy;
      if (result.admitted && !policy.shown) continue;
      const state = stateOf(policy, result.windows[i] as WindowState);
      states.push(state);
      if (policy.shown) visible.push(state);
    }
    if (result.admitted) {
      return { admitted: true, policies: visible, retryAfterSeconds: 0, refusedBy: undefined };
    }
    const full = states.filter(({ remaining }) => remaining === 0);
    const refusedBy = full.reduce(
      (a, b) => (b.resetSeconds > a.resetSeconds ? b : a),
      full[0] as PolicyState,
    );
    deps.onRefused?.(
      refusedBy.name.slice(0, refusedBy.name.indexOf('-')) as SubjectKind | 'failures' | 'refusals',
    );
    const retryAfterSeconds = Math.max(1, refusedBy.resetSeconds);
    const policies = visible.includes(refusedBy) ? visible : [...visible, refusedBy];
    return { admitted: false, policies, retryAfterSeconds, refusedBy };
  };

  const failureSubject = (network: string, mode: 'take' | 'look'): CountedSubject => ({
    kind: 'failures',
    id: network,
    windows: failurePolicy,
    mode,
  });

  const block = (network: string, endsInMs: number) => {
    const oldest = blockedUntilMs.size >= MAX_BLOCKED ? blockedUntilMs.keys().next().value : undefined;
    if (oldest !== undefined) blockedUntilMs.delete(oldest);
    blockedUntilMs.set(network, clock.monotonicMs() + endsInMs);
  };

  const failureVerdict = (network: string, result: CountResult): LimitVerdict => {
    const [window] = result.windows;
    if (window?.left === 0) block(network, window.endsInMs);
    return verdictOf(failurePolicy, result);
  };

  return {
    tiers,
    defaults,

    admit: (subjects, address) => {
      const counted: CountedSubject[] = [];
      const all: Policy[] = [];
      for (const { kind, id, tier } of subjects) {
        const windows = policiesFor(
          kind,
          tiers.find(tier ?? deps.assignedTier?.(kind, id) ?? defaults[kind]),
        );
        if (windows.length === 0) continue;
        counted.push({ kind, id, windows });
        all.push(...windows);
      }
      // Within one process `blocked` has told already, as long as it remembers all; other processes count too.
      if (counter.shared || blockedUntilMs.size >= MAX_BLOCKED) {
        counted.push(failureSubject(callerNetwork(address), 'look'));
        all.push(...failurePolicy);
      }
      if (counted.length === 0) return ADMITTED;
      const result = counter.count(counted);
      return result instanceof Promise
        ? result.then((settled) => verdictOf(all, settled))
        : verdictOf(all, result);
    },

    countFailure: (address, alone = false) => {
      const network = callerNetwork(address);
      const subject: CountedSubject = alone
        ? { kind: 'refusals', id: network, windows: refusalPolicy }
        : failureSubject(network, 'take');
      const settle = (settled: CountResult) =>
        alone ? verdictOf(refusalPolicy, settled) : failureVerdict(network, settled);
      const result = counter.count([subject]);
      return result instanceof Promise ? result.then(settle) : settle(result);
    },

    blocked: (address) => {
      if (blockedUntilMs.size === 0) return undefined;
      const network = callerNetwork(address);
      const untilMs = blockedUntilMs.get(network);
      if (untilMs === undefined) return undefined;
      const endsInMs = untilMs - clock.monotonicMs();
      if (endsInMs > 0) {
        return verdictOf(failurePolicy, {
          admitted: false,
          windows: [{ left: 0, endsInMs }],
        });
      }
      blockedUntilMs.delete(network);
      return undefined;
    },
  };
}
