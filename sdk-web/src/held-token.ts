/** The customer token at hand. Its age is counted from the moment it was asked for, so it is never thought younger than it is. */
export interface HeldToken {
  put(token: string, askedMs: number, lifeMs: number): void;
  /** The token while its age is below `share` of its life; a clock that went back makes it too old. */
  within(share: number): string | undefined;
  clear(): void;
}

export function createHeldToken(now: () => number): HeldToken {
  let held: { token: string; askedMs: number; lifeMs: number } | undefined;
  return {
    put(token, askedMs, lifeMs) {
      held = { token, askedMs, lifeMs };
    },
    within(share) {
      if (!held) return undefined;
      const ageMs = now() - held.askedMs;
      return ageMs >= 0 && ageMs < held.lifeMs * share ? held.token : undefined;
    },
    clear() {
      held = undefined;
    },
  };
}
