import { hash, hkdfSync, timingSafeEqual } from 'node:crypto';
import type { Keyring } from '../keyring/keyring.ts';
import { open, seal } from '../keyring/seal.ts';
import { type Clock, CLOCK_SKEW_MS } from '../platform/clock.ts';
import type { RevocationKind } from '../revocation/revocation-types.ts';
import type { Revocations } from '../revocation/revocations.ts';
import type { RefreshFamilyStore, StoredRefreshFamily } from './refresh-family.ts';
import { createRefreshTokenText } from './refresh-token-text.ts';

/** How long a lost answer can be fetched again with the token that it replaced. */
const REPLAY_GRACE_MS = 10_000;

export interface RefreshLifetimes {
  /** A family unused for this long is over. */
  idleSeconds: number;
  /** A family is over this long after it began, used or not. */
  absoluteSeconds: number;
}

/** A living family, with what its holder keeps. */
export interface RefreshFamily<Payload> {
  familyId: string;
  holder: string;
  customerId: string;
  payload: Payload;
  createdAtMs: number;
  /** When its living token was made. */
  rotatedAtMs: number;
  /** When it ends if it is not used again. */
  expiresAtMs: number;
  /** When it ends however often it is used. */
  overAtMs: number;
}

export type RotationOutcome =
  | { outcome: 'rotated'; answer: string }
  /** The same answer again: its first copy was lost on the way. */
  | { outcome: 'replayed'; answer: string; familyId: string }
  /** `reused`: an older token of the family came back, so the family has been ended. */
  | { outcome: 'refused'; reason: 'unknown' | 'over' | 'reused'; familyId?: string; customerId?: string };

/** Whose tokens are meant; `undefined` for whoever's they are, among the holders that have lifetimes here. */
export type HolderOrAny = string | undefined;

export interface NewFamily<Payload> {
  familyId: string;
  holder: string;
  customerId: string;
  payload: Payload;
  /** Over at this moment at the latest, whatever the holder's lifetimes; Unix milliseconds. */
  endsAtMs?: number | undefined;
}

export interface RefreshFamilies<Payload extends object> {
  /** Begins a family; returns its first token. Throws `RangeError` for a holder without lifetimes. */
  begin(family: NewFamily<Payload>): Promise<string>;
  /** The family whose living token this is, without using it. */
  inspect(token: string, holder: HolderOrAny): Promise<RefreshFamily<Payload> | undefined>;
  /** The family that a token of any generation belongs to, living or not; the token must be a genuine one. */
  familyOf(token: string, holder: HolderOrAny): Promise<string | undefined>;
  /**
   * Uses a token up. `makeAnswer` builds the answer with the successor before it is known whether this call wins;
   * of many calls with one token one answer is kept, and all within the grace get that one. It may throw to refuse,
   * which leaves the family as it was.
   */
  rotate(
    token: string,
    holder: HolderOrAny,
    makeAnswer: (family: RefreshFamily<Payload>, successor: string) => string | Promise<string>,
  ): Promise<RotationOutcome>;
  /** A customer's living families, newest first. */
  list(customerId: string): Promise<RefreshFamily<Payload>[]>;
  /** Ends one family and the tokens that came of it, on every process. */
  end(familyId: string): Promise<void>;
  /** Ends a customer's families, all or those of one holder. */
  endAllOf(customerId: string, holder?: string): Promise<void>;
  /** Deletes what is over for good. */
  prune(): Promise<number>;
}

export interface RefreshFamiliesDeps {
  store: RefreshFamilyStore;
  keyring: Keyring;
  clock: Clock;
  revocations: Revocations;
  /** The same for all, or those of each holder: one without has no families here. */
  lifetimes: RefreshLifetimes | ((holder: string) => RefreshLifetimes | undefined);
  /** What a family's tokens name it as: the kind of revocation that its end is. Default `grant`. */
  revokedAs?: 'grant' | 'session';
  /** Longest time for which a token of a family may be shown, in seconds: its end is remembered for longer than that. */
  maxTokenLifetimeSeconds: number;
}

const digestOf = (token: string) => hash('sha256', token, 'base64url');
const equal = (a: string, b: string) =>
  a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));

/** The key that seals a token's answer: only who holds the token itself can have it again. */
function answerKey(token: string): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', token, '', 'symbolon/refresh-answer', 32));
}

/** Families of refresh tokens (RFC 9700 section 4.14.2): of each, one token is alive. */
export function createRefreshFamilies<Payload extends object>(
  deps: RefreshFamiliesDeps,
): RefreshFamilies<Payload> {
  const { store, keyring, clock, revocations, lifetimes, revokedAs = 'grant' } = deps;
  const tokens = createRefreshTokenText(deps);
  const lifetimesOf = (holder: string) => (typeof lifetimes === 'function' ? lifetimes(holder) : lifetimes);

  const isOf = (family: StoredRefreshFamily, holder: HolderOrAny): boolean =>
    family.holder === (holder ?? family.holder) && lifetimesOf(family.holder) !== undefined;

  const find = async (token: string, holder: HolderOrAny): Promise<StoredRefreshFamily | undefined> => {
    const familyId = tokens.familyOf(token);
    const family = familyId === undefined ? undefined : await store.find(familyId);
    return family && isOf(family, holder) ? family : undefined;
  };

  const isAlive = (family: StoredRefreshFamily): boolean =>
    family.endedAtMs === undefined &&
    family.createdAtMs <= clock.nowMs() + CLOCK_SKEW_MS &&
    clock.nowMs() < Math.min(family.idleExpiresAtMs, family.expiresAtMs) &&
    !revocations.isRevoked(revokedAs, family.familyId, family.createdAtMs) &&
    !revocations.isRevoked('customer', family.customerId, family.createdAtMs);

  const opened = (family: StoredRefreshFamily): RefreshFamily<Payload> | undefined => {
    const bytes = keyring.open('grant', family.sealedPayload, family.familyId);
    return (
      bytes && {
        familyId: family.familyId,
        holder: family.holder,
        customerId: family.customerId,
        payload: JSON.parse(bytes.toString('utf8')) as Payload,
        createdAtMs: family.createdAtMs,
        rotatedAtMs: family.rotatedAtMs,
        expiresAtMs: Math.min(family.idleExpiresAtMs, family.expiresAtMs),
        overAtMs: family.expiresAtMs,
      }
    );
  };

  /** An ended family never lives again, so the cutoff lies ahead: it meets what is being issued this moment, too. */
  const revokeTokens = async (familyIds: readonly string[], kinds: readonly RevocationKind[]) => {
    const expiresAtMs = clock.nowMs() + deps.maxTokenLifetimeSeconds * 1000 + 60_000;
    const cutoffMs = expiresAtMs;
    await revocations.revoke(
      familyIds.flatMap((id) => kinds.map((kind) => ({ kind, id, cutoffMs, expiresAtMs }))),
    );
  };

  const endOne = async (familyId: string) => {
    // An old code or token that is sent again and again must not fill the table.
    if (!revocations.isRevoked(revokedAs, familyId, clock.nowMs()))
      await revokeTokens([familyId], [revokedAs]);
    await store.end({ familyId }, clock.nowMs());
  };

  /** What a token gets that is not the living one: its own answer again, or the end of the family. */
  const lateComer = async (token: string, family: StoredRefreshFamily): Promise<RotationOutcome> => {
    const isPrevious = family.previousDigest !== undefined && equal(digestOf(token), family.previousDigest);
    if (isPrevious && family.sealedAnswer && clock.nowMs() < family.rotatedAtMs + REPLAY_GRACE_MS) {
      const answer = open(answerKey(token), family.sealedAnswer, family.familyId);
      if (answer) return { outcome: 'replayed', answer: answer.toString('utf8'), familyId: family.familyId };
    }
    await endOne(family.familyId);
    const { familyId, customerId } = family;
    return { outcome: 'refused', reason: 'reused', familyId, customerId };
  };

  return {
    begin: async ({ familyId, holder, customerId, payload, endsAtMs = Infinity }) => {
      const life = lifetimesOf(holder);
      if (!life) throw new RangeError(`${holder} has no refresh tokens`);
      const nowMs = clock.nowMs();
      const token = tokens.make(familyId, 0);
      await store.insert({
        familyId,
        holder,
        customerId,
        sealedPayload: keyring.seal('grant', Buffer.from(JSON.stringify(payload)), familyId),
        generation: 0,
        currentDigest: digestOf(token),
        previousDigest: undefined,
        sealedAnswer: undefined,
        createdAtMs: nowMs,
        rotatedAtMs: nowMs,
        idleExpiresAtMs: nowMs + life.idleSeconds * 1000,
        expiresAtMs: Math.min(nowMs + life.absoluteSeconds * 1000, endsAtMs),
        endedAtMs: undefined,
      });
      return token;
    },

    inspect: async (token, holder) => {
      const family = await find(token, holder);
      const alive = family && isAlive(family) && equal(digestOf(token), family.currentDigest);
      return alive ? opened(family) : undefined;
    },

    familyOf: async (token, holder) => (await find(token, holder))?.familyId,

    list: async (customerId) => {
      const stored = await store.listOf(customerId);
      return stored
        .filter((family) => isOf(family, undefined) && isAlive(family))
        .flatMap((family) => opened(family) ?? []);
    },

    rotate: async (token, holder, makeAnswer) => {
      const stored = await find(token, holder);
      const life = stored && lifetimesOf(stored.holder);
      if (!stored || !life) return { outcome: 'refused', reason: 'unknown' };
      const family = isAlive(stored) ? opened(stored) : undefined;
      if (!family) return { outcome: 'refused', reason: 'over' };
      const digest = digestOf(token);
      if (!equal(digest, stored.currentDigest)) return lateComer(token, stored);
      const successor = tokens.make(stored.familyId, stored.generation + 1);
      const answer = await makeAnswer(family, successor);
      const nowMs = clock.nowMs();
      const result = await store.rotate(stored.familyId, digest, {
        currentDigest: digestOf(successor),
        previousDigest: digest,
        sealedAnswer: seal(answerKey(token), Buffer.from(answer), stored.familyId),
        rotatedAtMs: nowMs,
        idleExpiresAtMs: nowMs + life.idleSeconds * 1000,
      });
      if (result === 'rotated') return { outcome: 'rotated', answer };
      // Somebody else was faster with the same token, or the family ended meanwhile.
      const after = await store.find(stored.familyId);
      if (!after || !isAlive(after)) return { outcome: 'refused', reason: 'over' };
      return lateComer(token, after);
    },

    end: endOne,

    endAllOf: async (customerId, holder) => {
      // Those of every holder: each kind of token must meet the end by the name that it carries.
      const kinds: RevocationKind[] = holder === undefined ? ['grant', 'session'] : [revokedAs];
      await revokeTokens(await store.end({ customerId, holder }, clock.nowMs()), kinds);
    },

    prune: () => store.prune(clock.nowMs()),
  };
}
