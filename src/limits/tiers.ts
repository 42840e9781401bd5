/** At most `quota` requests from the first one on, until `windowSeconds` are over; the next one begins a new window. */
export interface LimitWindow {
  quota: number;
  windowSeconds: number;
}

/** A named set of windows; a request has to fit into every one. None at all: unlimited. */
export interface Tier {
  name: string;
  windows: readonly LimitWindow[];
}

/** The word that switches limits off; it cannot be given another meaning. */
export const UNLIMITED = 'unlimited';

const DAY_SECONDS = 86_400;

/** The tiers that exist without configuration. */
export const BUILT_IN_TIERS: Readonly<Record<string, readonly LimitWindow[]>> = {
  development: [{ quota: 10, windowSeconds: 60 }],
  staging: [{ quota: 30, windowSeconds: 60 }],
  production: [{ quota: 60, windowSeconds: 60 }],
  messaging: [
    { quota: 80, windowSeconds: 1 },
    { quota: 10_000, windowSeconds: DAY_SECONDS },
  ],
  'messaging-new': [
    { quota: 80, windowSeconds: 1 },
    { quota: 1_000, windowSeconds: DAY_SECONDS },
  ],
  standard: [{ quota: 20_000, windowSeconds: 1 }],
  generous: [{ quota: 100_000, windowSeconds: 1 }],
  [UNLIMITED]: [],
};

/** What stands in for a tier that is named somewhere and defined nowhere: never "unlimited". */
const FALLBACK_TIER = 'production';

export interface Tiers {
  has(name: string): boolean;
  /** The tier of this name; for a name that is not defined the tier `production`. */
  find(name: string): Tier;
  /** Every tier, built-in ones first. */
  all(): readonly Tier[];
}

/** The built-in tiers and the configured ones; a configured one of a built-in name replaces it. */
export function createTiers(configured: Readonly<Record<string, readonly LimitWindow[]>> = {}): Tiers {
  const byName = new Map<string, Tier>(
    Object.entries({ ...BUILT_IN_TIERS, ...configured, [UNLIMITED]: [] }).map(([name, windows]) => [
      name,
      { name, windows },
    ]),
  );
  const fallback = byName.get(FALLBACK_TIER) as Tier;
  return {
    has: (name) => byName.has(name),
    find: (name) => byName.get(name) ?? fallback,
    all: () => [...byName.values()],
  };
}

const WINDOW_NAMES = new Map([
  [1, 'second'],
  [60, 'minute'],
  [3_600, 'hour'],
  [DAY_SECONDS, 'day'],
]);

/** A window in a word: `minute`, or `90s`. */
export function windowName(windowSeconds: number): string {
  return WINDOW_NAMES.get(windowSeconds) ?? `${windowSeconds}s`;
}
