import {
  type CustomerIdentifier,
  type CustomerReference,
  parseReference,
  type ReferenceSpace,
} from '../identifiers/identifier.ts';
import type { Keyring } from '../keyring/keyring.ts';
import type { Standings } from '../revocation/standings.ts';

/** A customer as they are known today. */
export interface PresentCustomer {
  customerId: CustomerIdentifier;
  space: ReferenceSpace;
  reference: CustomerReference;
}

/**
 * For what was issued under an identifier that has been merged since: the survivor, with the survivor's own reference.
 * `undefined` for everybody else, which costs one look-up in memory. Whoever is erased or disabled is refused by
 * `isRevoked`.
 */
export type FindSurvivor = (customerId: string) => PresentCustomer | undefined;

export function createFindSurvivor(deps: {
  standings: Pick<Standings, 'of'>;
  keyring: Pick<Keyring, 'open'>;
}): FindSurvivor {
  const { standings, keyring } = deps;
  return (customerId) => {
    const standing = standings.of(customerId);
    if (standing?.state !== 'merged') return undefined;
    const { into, space, sealedReference } = standing;
    const bytes = keyring.open('reference', sealedReference, into);
    const reference = bytes && parseReference(bytes.toString('utf8'));
    if (reference === undefined) throw new Error('the reference of a surviving customer does not open');
    return { customerId: into as CustomerIdentifier, space: space as ReferenceSpace, reference };
  };
}
