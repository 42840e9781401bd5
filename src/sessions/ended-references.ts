import { createHmac } from 'node:crypto';
import type { CustomerReference, ReferenceSpace } from '../identifiers/identifier.ts';
import type { Keyring } from '../keyring/keyring.ts';
import type { Clock } from '../platform/clock.ts';
import { lengthPrefixed } from '../platform/encoding.ts';
import type { Revocations } from '../revocation/revocations.ts';
import { LONGEST_SHOWN_SECONDS } from '../tokens/customer-token.ts';

/** Somebody whom the company vouched for at a moment (Unix milliseconds). */
export interface VouchedFor {
  space: ReferenceSpace;
  reference: CustomerReference;
  provenAtMs: number;
}

/**
 * Who has signed out at the company, by the company's own reference: also people whom we have no identifier for yet.
 * What the company said about them before is no longer believed, on every process.
 */
export interface EndedReferences {
  end(space: ReferenceSpace, reference: CustomerReference): Promise<void>;
  /** Whether somebody has been signed out since, or at the very moment that, the company vouched for them. */
  endedSince(vouched: VouchedFor): boolean;
}

/** Longer than any proof of the company may be shown, or any answer of it is kept or under way. */
const REMEMBER_MS = LONGEST_SHOWN_SECONDS * 1000;

export function createEndedReferences(deps: {
  keyring: Pick<Keyring, 'current'>;
  revocations: Pick<Revocations, 'revoke' | 'isRevoked'>;
  clock: Clock;
}): EndedReferences {
  const { keyring, revocations, clock } = deps;
  /** A row must not give the reference away. */
  const indexOf = (space: ReferenceSpace, reference: CustomerReference) =>
    createHmac('sha256', keyring.current('identifier-index').key)
      .update('symbolon/ended-reference')
      .update(lengthPrefixed([space, reference]))
      .digest('base64url');

  return {
    end: (space, reference) => {
      const nowMs = clock.nowMs();
      return revocations.revoke([
        {
          kind: 'reference',
          id: indexOf(space, reference),
          cutoffMs: nowMs,
          expiresAtMs: nowMs + REMEMBER_MS,
        },
      ]);
    },
    endedSince: ({ space, reference, provenAtMs }) =>
      revocations.isRevoked('reference', indexOf(space, reference), provenAtMs),
  };
}
