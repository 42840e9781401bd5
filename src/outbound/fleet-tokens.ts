import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { BridgeError } from '../errors.ts';
import type { Clock } from '../platform/clock.ts';
import { randomFraction } from '../platform/random.ts';
import { OutboundError } from './outbound-types.ts';

import type { GrantedToken, OutboundVault, TokenShare } from './token-share.ts';

export interface FleetTokensDeps {
  share: TokenShare;
  vault: OutboundVault;
  clock: Pick<Clock, 'nowMs'>;
  /** Names connection, client and scope. */
  key: string;
  /** For errors. */
  origin: string;
  /** Where the token is kept, if not here: then here is only said whose turn it is to fetch. */
  readKept?: (() => Promise<GrantedToken | undefined>) | undefined;
}

const LEASE_MS = 4_000;
const RENEW_MS = 1_300;
const POLL_MS = 80;
const FAILURE_MS = 1_000;

const grantedSchema = z.strictObject({ token: z.string(), grantedAtMs: z.number(), endsAtMs: z.number() });

function parsed(text: string | undefined): GrantedToken | undefined {
  try {
    return grantedSchema.safeParse(JSON.parse(text ?? '')).data;
  } catch {
    return undefined;
  }
}

/** The store is away: then each process looks after itself. */
function isAway(error: unknown): boolean {
  return error instanceof BridgeError && error.code === 'STORE_UNAVAILABLE';
}

/**
 * One fetch for all processes: whoever holds the lease fetches and publishes, sealed; the others wait for what it
 * publishes. A holder that dies is replaced after four seconds, and what it may still publish late counts for nothing.
 */
export function createFleetTokens({ share, vault, clock, key, origin, readKept }: FleetTokensDeps) {
  const failureKey = `${key}:failed`;
  const readShared = async (): Promise<GrantedToken | undefined> => {
    const sealed = await share.read(key);
    return sealed === undefined ? undefined : parsed(vault.open(sealed, key));
  };
  const read = readKept ?? readShared;
  const publish = async (fence: number, granted: GrantedToken) => {
    if (readKept) return;
    const text = vault.seal(JSON.stringify(granted), key);
    const ttlMs = Math.max(1, Math.ceil(granted.endsAtMs - clock.nowMs()));
    await share.publish(key, { fence, text, ttlMs });
  };
  const quietly = (work: Promise<unknown>) => work.catch(() => {});

  let holding = 0;
  const fetchHolding = async (fence: number, fetch: () => Promise<GrantedToken>): Promise<GrantedToken> => {
    const timer = setInterval(() => void quietly(share.renew(key, fence, LEASE_MS)), RENEW_MS);
    holding += 1;
    try {
      const granted = await fetch();
      await quietly(publish(fence, granted));
      return granted;
    } catch (error) {
      const text = String(clock.nowMs());
      await quietly(share.publish(failureKey, { fence, text, ttlMs: FAILURE_MS }));
      throw error;
    } finally {
      clearInterval(timer);
      holding -= 1;
      await quietly(share.release(key, fence));
    }
  };

  /** A newer token of another process, our own turn, or `undefined`: look again in a moment. */
  const attempt = async (
    serves: (token: GrantedToken) => boolean,
  ): Promise<GrantedToken | number | undefined> => {
    const before = await read();
    if (before && serves(before)) return before;
    const fence = await share.acquire(key, LEASE_MS);
    if (fence === undefined) return undefined;
    // Its last holder may have published between the two steps.
    const since = await read();
    if (!since || !serves(since)) return fence;
    await quietly(share.release(key, fence));
    return since;
  };

  return {
    /** Whether this process is the one that fetches. */
    holdsLease: () => holding > 0,
    /** A token that `serves`: another process's, or one from `fetch`, which is then called in one process alone. */
    async obtain(
      serves: (token: GrantedToken) => boolean,
      fetch: () => Promise<GrantedToken>,
      timeoutMs: number,
    ): Promise<GrantedToken> {
      const startedAtMs = clock.nowMs();
      for (let waitedMs = 0; waitedMs < timeoutMs; ) {
        let found: GrantedToken | number | undefined;
        try {
          found = await attempt(serves);
          if (found === undefined && Number(await share.read(failureKey)) >= startedAtMs) {
            throw new OutboundError('no_credentials', origin, 'another process could not get a token either');
          }
        } catch (error) {
          if (isAway(error)) return fetch();
          throw error;
        }
        if (typeof found === 'number') return fetchHolding(found, fetch);
        if (found !== undefined) return found;
        const waitMs = POLL_MS * (0.5 + randomFraction());
        await delay(waitMs, undefined, { ref: false });
        waitedMs += waitMs;
      }
      throw new OutboundError('no_credentials', origin, 'the token endpoint is slow');
    },
  };
}

export type FleetTokens = ReturnType<typeof createFleetTokens>;
