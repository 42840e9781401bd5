import type { JWK } from 'jose';
import type { SigningRings } from '../tokens/signing-rings.ts';
import { selfSignedCertificate } from './self-signed-certificate.ts';

/** A key of the vendor ring in the spellings that vendors take. Public members alone. */
export interface PublishedVendorKey {
  kid: string;
  /** SubjectPublicKeyInfo as PEM (RFC 7468 section 13). */
  pem: string;
  /** With `x5c`: the key once more, in a self-signed certificate. */
  jwk: JWK;
}

const YEAR_MS = 365 * 864e5;
/** Far beyond the life of any key, so that a certificate that a person uploaded does not end by itself. */
const CERTIFICATE_YEARS = 10;

export type VendorKeyFormat = 'pem' | 'jwk';

/**
 * Publishes the keys that proofs for vendors are signed with. `current` stands for the one that signs now.
 */
export function createVendorKeys(rings: Pick<SigningRings, 'ensure' | 'signer' | 'verifier' | 'list'>) {
  const publish = (kid: string): PublishedVendorKey | undefined => {
    const key = rings.verifier('vendor', kid);
    const info = rings.list().find((one) => one.ring === 'vendor' && one.kid === kid);
    if (!key || !info) return undefined;
    const certificate = selfSignedCertificate(key, {
      commonName: `Symbolon ${kid.slice(0, 16)}`,
      notBeforeMs: info.publishedAtMs,
      notAfterMs: info.publishedAtMs + CERTIFICATE_YEARS * YEAR_MS,
    });
    return {
      kid,
      pem: key.publicKey.export({ format: 'pem', type: 'spki' }).toString(),
      jwk: { ...key.publicJwk, x5c: [certificate.toString('base64')] },
    };
  };

  const current = (): PublishedVendorKey | undefined => {
    const hasKey = rings.list().some(({ ring }) => ring === 'vendor');
    return hasKey ? publish(rings.signer('vendor').kid) : undefined;
  };

  return {
    /** Makes nothing: anybody may ask. `undefined` while the ring has no key. */
    current,
    /** For operators: makes the first key if there is none yet. */
    ensureCurrent: async (): Promise<PublishedVendorKey | undefined> => {
      await rings.ensure('vendor');
      return current();
    },
    /** `undefined` for a key that is not published, and for every kid before the ring has a key. */
    find: (kid: string): PublishedVendorKey | undefined => publish(kid),
  };
}

export type VendorKeys = ReturnType<typeof createVendorKeys>;
