import type { JWK } from 'jose';
import type { AuditRecord } from '../audit/audit-record.ts';
import type { Keyring } from '../keyring/keyring.ts';
import type { Clock } from '../platform/clock.ts';
import { type HeldSigningKey, holdSigningKey, makeSigningKey, type SigningKey } from './signing-key.ts';
import {
  RINGS_FROM_START,
  SIGNING_RINGS,
  type SigningAlgorithm,
  type SigningKeyStore,
  type SigningRing,
  type StoredSigningKey,
} from './signing-key-types.ts';

/** How long a verifier may cache our key set; a new key is published at least this long before it signs. */
export const KEY_SET_MAX_AGE_SECONDS = 600;

export type SigningKeyState = 'published' | 'signing' | 'retiring' | 'gone';

export interface SigningKeyInfo {
  kid: string;
  ring: SigningRing;
  algorithm: SigningAlgorithm;
  state: SigningKeyState;
  publishedAtMs: number;
  signsAtMs: number;
  /** When it stops being published; `undefined` while no younger key replaces it. */
  goneAtMs: number | undefined;
}

/** Makes the audit record of a key that is added or revoked. */
export type AuditKeyChange = (action: 'added' | 'revoked', kid: string) => AuditRecord;

export interface RotationOptions {
  emergency: boolean;
  /** When the new key signs, at the earliest when every cache has seen it. Default: then. */
  signsAfterMs?: number | undefined;
  audit: AuditKeyChange;
}

export interface SigningRings {
  /** The key that signs for a ring now. Throws when the ring has none: see `ensure`. */
  signer(ring: SigningRing): SigningKey;
  /** Makes the first key of a ring that has none yet; of many processes one makes it. */
  ensure(ring: SigningRing): Promise<void>;
  /** A key that may verify tokens of a ring now, by its `kid`. */
  verifier(ring: SigningRing, kid: string): SigningKey | undefined;
  /** RFC 7517 key set: every published, signing or retiring public key. */
  keySet(): { keys: JWK[] };
  list(): SigningKeyInfo[];
  /**
   * Adds a key to a ring. It is published now and signs once every cache has seen it; the older one goes on until
   * then and stays published for as long as anything it signed can live. `emergency` revokes the older ones at once.
   */
  rotate(ring: SigningRing, options: RotationOptions): Promise<string>;
  /** Rotates every ring whose youngest key has signed for `maxAgeMs`, but not those of `except`; returns the rings. */
  rotateAged(
    maxAgeMs: number,
    audit: (ring: SigningRing) => AuditKeyChange,
    except?: ReadonlySet<SigningRing>,
  ): Promise<SigningRing[]>;
  /** Reads keys that another process added or revoked; drops those that are gone. */
  refresh(): Promise<void>;
  /** Grows when the set of verifying keys changes. */
  readonly epoch: number;
}

export interface SigningRingsDeps {
  store: SigningKeyStore;
  keyring: Keyring;
  clock: Clock;
  algorithm: SigningAlgorithm;
  /** Algorithms of rings that differ from that. */
  algorithms?: Partial<Record<SigningRing, SigningAlgorithm>>;
  /** Longest life of a token of each ring, in seconds. */
  maxTokenLifetimeSeconds: Record<SigningRing, number>;
}

/** Rings whose verifiers may keep a key set for longer than it says: chat vendors do. */
const LEAD_MS: Partial<Record<SigningRing, number>> = { id: 86_400_000 };
const CLOCK_SLACK_MS = 60_000;
export async function openSigningRings(deps: SigningRingsDeps): Promise<SigningRings> {
  const { store, keyring, clock } = deps;
  const algorithmOf = (ring: SigningRing) => deps.algorithms?.[ring] ?? deps.algorithm;
  let rings = new Map<SigningRing, HeldSigningKey[]>();
  let epoch = 1;

  const load = async () => {
    const known = new Map([...rings.values()].flat().map((key) => [key.kid, key]));
    const next = new Map<SigningRing, HeldSigningKey[]>(SIGNING_RINGS.map((ring) => [ring, []]));
    for (const stored of await store.list()) {
      if (stored.revokedAtMs !== undefined) continue;
      next.get(stored.ring)?.push(known.get(stored.kid) ?? holdSigningKey(keyring, stored));
    }
    for (const keys of next.values()) keys.sort((a, b) => b.stored.signsAtMs - a.stored.signsAtMs);
    const kids = (map: Map<SigningRing, HeldSigningKey[]>) =>
      [...map.values()]
        .flat()
        .map((key) => key.kid)
        .sort()
        .join(); // prettier-ignore
    if (kids(next) !== kids(rings)) epoch++;
    rings = next;
  };

  const keysOf = (ring: SigningRing) => rings.get(ring) ?? [];

  /** When a key is gone: once its younger sibling signs, and all that it signed has expired. */
  const goneAtMs = (key: HeldSigningKey): number | undefined => {
    const keys = keysOf(key.ring);
    const younger = keys[keys.indexOf(key) - 1];
    if (!younger) return undefined;
    return younger.stored.signsAtMs + deps.maxTokenLifetimeSeconds[key.ring] * 1000 + CLOCK_SLACK_MS;
  };

  const stateOf = (key: HeldSigningKey): SigningKeyState => {
    const nowMs = clock.nowMs();
    const gone = goneAtMs(key);
    if (gone !== undefined && nowMs >= gone) return 'gone';
    if (nowMs < key.stored.signsAtMs) return 'published';
    return keysOf(key.ring).find((candidate) => candidate.stored.signsAtMs <= nowMs) === key
      ? 'signing'
      : 'retiring';
  };

  const makeKey = (ring: SigningRing, signsAtMs: number): Promise<StoredSigningKey> =>
    makeSigningKey(keyring, { ring, algorithm: algorithmOf(ring), publishedAtMs: clock.nowMs(), signsAtMs });

  const rotate: SigningRings['rotate'] = async (ring, { emergency, signsAfterMs = 0, audit }) => {
    await load();
    const old = keysOf(ring);
    const seenAfterMs = LEAD_MS[ring] ?? (KEY_SET_MAX_AGE_SECONDS + 60) * 1000;
    const signsAtMs = clock.nowMs() + (emergency ? 0 : Math.max(seenAfterMs, signsAfterMs));
    const key = await makeKey(ring, signsAtMs);
    await store.add(key, audit('added', key.kid));
    if (emergency) for (const { kid } of old) await store.revoke(kid, clock.nowMs(), audit('revoked', kid));
    await load();
    epoch++;
    return key.kid;
  };

  const ensure = async (ring: SigningRing): Promise<void> => {
    if (keysOf(ring).length > 0) return;
    await load();
    // Nobody can have met a token of an empty ring, so its first key signs at once.
    if (keysOf(ring).length === 0) await store.addFirst(await makeKey(ring, clock.nowMs()));
    await load();
  };

  await load();
  for (const ring of RINGS_FROM_START) await ensure(ring);

  return {
    signer: (ring) => {
      const nowMs = clock.nowMs();
      const keys = keysOf(ring);
      const key = keys.find((candidate) => candidate.stored.signsAtMs <= nowMs) ?? keys.at(-1);
      if (!key) throw new Error(`ring ${ring} has no key`);
      return key;
    },
    ensure,
    verifier: (ring, kid) => {
      const key = keysOf(ring).find((candidate) => candidate.kid === kid);
      return key && stateOf(key) !== 'gone' ? key : undefined;
    },
    keySet: () => ({
      keys: [...rings.values()]
        .flat()
        .filter((key) => stateOf(key) !== 'gone')
        .map((key) => key.publicJwk),
    }),
    list: () =>
      [...rings.values()].flat().map((key) => ({
        kid: key.kid,
        ring: key.ring,
        algorithm: key.algorithm,
        state: stateOf(key),
        publishedAtMs: key.stored.publishedAtMs,
        signsAtMs: key.stored.signsAtMs,
        goneAtMs: goneAtMs(key),
      })),
    rotate,
    rotateAged: async (maxAgeMs, audit, except) => {
      const aged = SIGNING_RINGS.filter((ring) => {
        if (except?.has(ring)) return false;
        const youngest = keysOf(ring)[0];
        return youngest !== undefined && clock.nowMs() - youngest.stored.signsAtMs >= maxAgeMs;
      });
      for (const ring of aged) await rotate(ring, { emergency: false, audit: audit(ring) });
      return aged;
    },
    refresh: async () => {
      await load();
      const gone = [...rings.values()].flat().filter((key) => stateOf(key) === 'gone');
      if (gone.length === 0) return;
      await store.remove(gone.map((key) => key.kid));
      await load();
    },
    get epoch() {
      return epoch;
    },
  };
}
