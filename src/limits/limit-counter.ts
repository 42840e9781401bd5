/** One subject of a request, with the windows that hold for it. */
export interface CountedSubject {
  /** Such as `key`; without a colon. */
  kind: string;
  /** Unlike that of every other subject of this kind. */
  id: string;
  /** No two of the same length. */
  windows: readonly CountedWindow[];
  /** `take` uses one unit of every window; `look` only wants that there is one. Default `take`. */
  mode?: 'take' | 'look';
}

export interface CountedWindow {
  quota: number;
  windowMs: number;
}

/** A window after the step. */
export interface WindowState {
  /** Units left; 0 in a refusal: this window refused. */
  left: number;
  /** Milliseconds until its end; 0 when it has not begun. */
  endsInMs: number;
}

export interface CountResult {
  admitted: boolean;
  /** The windows of all subjects, in the order of the call. */
  windows: readonly WindowState[];
}

/**
 * Counts requests. One call is one atomic step over all windows of all its subjects: either each had a unit left and
 * every `take` window lost one, or nothing changed at all. A window begins with its first unit and ends `windowMs`
 * later; the ends of running windows stay when a quota is changed.
 */
export interface LimitCounter {
  /** Whether several processes count together. */
  readonly shared: boolean;
  /** Throws `STORE_UNAVAILABLE` when the store is away. A counter within the process answers at once. */
  count(subjects: readonly CountedSubject[]): CountResult | Promise<CountResult>;
}

/** A counter that needs no waiting. */
export interface LocalLimitCounter extends LimitCounter {
  readonly shared: false;
  count(subjects: readonly CountedSubject[]): CountResult;
}
