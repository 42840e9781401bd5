import type { Clock } from '../platform/clock.ts';
import { randomFraction } from '../platform/random.ts';
import { type OutboundAuth, OutboundError, type TokenStatus } from './outbound-types.ts';
import type { FleetTokens } from './fleet-tokens.ts';
import type { GrantedToken } from './token-share.ts';

const WAIT_TIMEOUT_MS = 5_000;
/** Longest fetch, the wait for another process's included. */
export const TOKEN_FETCH_TIMEOUT_MS = 30_000;
const FIRST_COOL_DOWN_MS = 1_000;
const MAX_COOL_DOWN_MS = 4_000;
const SAFETY_MS = 30_000;

interface HeldToken extends GrantedToken {
  headers: Record<string, string>;
  /** From here on it is renewed in the background while it still serves; monotonic, as is the next. */
  renewAtMs: number;
  /** From here on it is not used any more. */
  uselessAtMs: number;
}

export interface TokenHolderDeps {
  clock: Clock;
  /** Of the token endpoint, for errors. */
  origin: string;
  /** A token from the token endpoint, or one that is kept and `serves`. Throws `OutboundError`. */
  fetch(serves: (granted: GrantedToken) => boolean): Promise<GrantedToken>;
  /** Where several processes share tokens. */
  fleet?: FleetTokens | undefined;
  /** The endpoint handed out the token that is held already. */
  onSame?(): void;
}

export interface TokenHolder extends OutboundAuth {
  /** Lets go of the token and of past failures: there is another grant. */
  forget(): void;
  status(): TokenStatus;
}

/** How long a token serves: until 30 s before its end, one shorter than a minute until half its life. */
function servesMs({ grantedAtMs, endsAtMs }: GrantedToken): number {
  const lifetimeMs = endsAtMs - grantedAtMs;
  return Math.max(lifetimeMs - SAFETY_MS, lifetimeMs / 2);
}

/** Waits for `promise`, but no longer than `timeoutMs`; then rejects with what `late` makes. */
async function within<T>(promise: Promise<T>, timeoutMs: number, late: () => Error): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(late()), timeoutMs);
  });
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * When a token is to be renewed and given up. It is renewed after 75 to 85 % of its life, or after 85 to 95 % of the time
 * that it serves where that comes first: by chance, so that processes and connections spread.
 */
function hold(granted: GrantedToken, clock: Clock): HeldToken {
  const lifetimeMs = granted.endsAtMs - granted.grantedAtMs;
  const grantedAtMs = clock.monotonicMs() - Math.max(0, clock.nowMs() - granted.grantedAtMs);
  const serves = servesMs(granted);
  const spread = randomFraction() / 10;
  return {
    ...granted,
    headers: { authorization: `Bearer ${granted.token}` },
    renewAtMs: grantedAtMs + Math.min(lifetimeMs * (0.75 + spread), serves * (0.85 + spread)),
    uselessAtMs: grantedAtMs + serves,
  };
}

/**
 * The token that is held already, handed out again: it ends when it was to end, whatever the answer says now. There is
 * no better one, so it serves to its very end, and the endpoint is asked again at a quarter of what is left.
 */
function holdOn(held: HeldToken, clock: Clock): HeldToken {
  const leftMs = held.endsAtMs - clock.nowMs();
  const nowMs = clock.monotonicMs();
  return {
    ...held,
    renewAtMs: nowMs + Math.max(leftMs / 4, FIRST_COOL_DOWN_MS),
    uselessAtMs: nowMs + leftMs,
  };
}

/**
 * A token of ours, kept until shortly before its end. However many callers wait there is one fetch; it may take 30 s
 * while each caller waits 5 s at most. After a failed fetch callers are refused at once for a second, and for up to four
 * when it fails again.
 */
export function createTokenHolder(deps: TokenHolderDeps): TokenHolder {
  const { clock, origin, fleet } = deps;
  let held: HeldToken | undefined;
  let fetching: Promise<HeldToken> | undefined;
  let coolUntilMs = Number.NEGATIVE_INFINITY;
  let coolDownMs = FIRST_COOL_DOWN_MS;
  let lastFailure: unknown;
  let droppedAtMs = Number.NEGATIVE_INFINITY;
  let refusedToken: string | undefined;

  /** Whether another process's token is one that we want. */
  const serves = (granted: GrantedToken): boolean =>
    granted.token !== refusedToken &&
    granted.token !== held?.token &&
    granted.grantedAtMs >= (held?.grantedAtMs ?? 0) &&
    clock.nowMs() < granted.grantedAtMs + servesMs(granted);

  const isHeldAlready = (granted: GrantedToken): boolean =>
    held !== undefined && granted.token === held.token && clock.nowMs() < held.endsAtMs;

  const obtain = async (): Promise<HeldToken> => {
    const fetch = async () => {
      const fetched = await deps.fetch(serves);
      // What the endpoint states for a token that we know is not to be believed, and not to be told to others.
      return isHeldAlready(fetched) ? { ...fetched, endsAtMs: (held as HeldToken).endsAtMs } : fetched;
    };
    const granted = await (fleet ? fleet.obtain(serves, fetch, TOKEN_FETCH_TIMEOUT_MS) : fetch());
    // Later on it is worth another try: the refusal may have been a passing one.
    if (granted.token === refusedToken && clock.monotonicMs() - droppedAtMs < MAX_COOL_DOWN_MS) {
      throw new OutboundError(
        'no_credentials',
        origin,
        'the token endpoint hands out the token again that was refused',
      );
    }
    if (held && isHeldAlready(granted)) {
      deps.onSame?.();
      return holdOn(held, clock);
    }
    return hold(granted, clock);
  };
  const fetchOnce = async (): Promise<HeldToken> => {
    try {
      held = await obtain();
      coolDownMs = FIRST_COOL_DOWN_MS;
      lastFailure = undefined;
      return held;
    } catch (error) {
      const statedMs = error instanceof OutboundError ? (error.retryAfterMs ?? 0) : 0;
      coolUntilMs = clock.monotonicMs() + Math.max(coolDownMs, statedMs);
      coolDownMs = Math.min(coolDownMs * 2, MAX_COOL_DOWN_MS);
      lastFailure = error;
      throw error;
    } finally {
      fetching = undefined;
    }
  };
  const startFetch = (): Promise<HeldToken> => {
    if (fetching) return fetching;
    fetching = fetchOnce();
    // Nobody may be waiting any more when it fails.
    fetching.catch(() => {});
    return fetching;
  };

  return {
    authorise({ timeoutMs }) {
      const nowMs = clock.monotonicMs();
      if (held && nowMs < held.uselessAtMs) {
        if (nowMs >= held.renewAtMs && nowMs >= coolUntilMs) void startFetch();
        return held.headers;
      }
      if (!fetching && nowMs < coolUntilMs) throw lastFailure;
      const waitMs = Math.min(timeoutMs, WAIT_TIMEOUT_MS);
      const late = () => new OutboundError('no_credentials', origin, 'the token endpoint is slow');
      return within(startFetch(), waitMs, late).then((token) => token.headers);
    },
    onRejected(headers) {
      if (held && headers['authorization'] === held.headers['authorization']) {
        // A destination that refuses every token must not make us fetch one for each call.
        const nowMs = clock.monotonicMs();
        if (nowMs - droppedAtMs < FIRST_COOL_DOWN_MS) return false;
        droppedAtMs = nowMs;
        refusedToken = held.token;
        held = undefined;
      }
      return true;
    },
    forget() {
      held = undefined;
      coolUntilMs = Number.NEGATIVE_INFINITY;
      lastFailure = undefined;
    },
    status(): TokenStatus {
      const failure = lastFailure instanceof OutboundError ? lastFailure.detail : undefined;
      return {
        endpoint: origin,
        held: held !== undefined && clock.monotonicMs() < held.uselessAtMs,
        endsAtMs: held?.endsAtMs,
        renewing: fetching !== undefined,
        holdsLease: fleet?.holdsLease() ?? false,
        lastFailure: failure,
      };
    },
  };
}
