import type { Audit } from '../audit/audit.ts';
import type { Keyring } from '../keyring/keyring.ts';
import type { RecurringTask } from '../platform/watch.ts';
import type { SigningRing } from '../tokens/signing-key-types.ts';
import type { SigningRings } from '../tokens/signing-rings.ts';

/** As often as revocations: a leaked signing key that was removed must be refused on every process within a second. */
const KEY_REFRESH_MS = 500;

export interface KeyUpkeepDeps {
  keyring: Keyring;
  rings: SigningRings;
  audit: Audit;
  /** Signing keys are replaced after this long; 0: never. */
  signingKeyMaxAgeMs: number;
  /** Rings that are never replaced by age: a person brings their keys to others. */
  byHand: ReadonlySet<SigningRing>;
  /** Called after purpose keys changed. */
  onKeysChanged(): void;
}

/** The audit record of a rotation that nobody asked for but the configured age. */
function timedRotationRecord(audit: Audit) {
  return (ring: SigningRing) => (action: 'added' | 'revoked', kid: string) =>
    audit.record(action === 'added' ? 'signing_key.added' : 'signing_key.revoked', {
      outcome: 'success',
      actor: 'system',
      reason: 'signing_key_max_age_days',
      details: { ring, kid },
    });
}

/** Reads keys that another process added, and replaces signing keys by age. */
export function keyUpkeep({ keyring, rings, audit, ...deps }: KeyUpkeepDeps): RecurringTask {
  return {
    name: 'keys',
    everyMs: KEY_REFRESH_MS,
    run: async () => {
      if (await keyring.refresh()) deps.onKeysChanged();
      await rings.refresh();
      if (deps.signingKeyMaxAgeMs > 0) {
        await rings.rotateAged(deps.signingKeyMaxAgeMs, timedRotationRecord(audit), deps.byHand);
      }
    },
  };
}
