import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { calculateJwkThumbprint, type JWK } from 'jose';
import { StartRefused } from '../errors.ts';
import type { Keyring } from '../keyring/keyring.ts';
import type { SigningAlgorithm, SigningRing, StoredSigningKey } from './signing-key-types.ts';

export interface SigningKey {
  kid: string;
  ring: SigningRing;
  algorithm: SigningAlgorithm;
  publicKey: KeyObject;
  publicJwk: JWK;
  /** base64url of the protected header for each `typ`, made once. */
  encodedHeader(typ: string): string;
  privateKey: KeyObject;
}

/** A key as it is held in memory, with its record. */
export interface HeldSigningKey extends SigningKey {
  stored: StoredSigningKey;
}

/** On another thread: an RSA key takes up to half a second. */
const newKeyPair = promisify(generateKeyPair);

/** Opens a stored key. Throws `StartRefused` when it does not open. */
export function holdSigningKey(keyring: Pick<Keyring, 'open'>, stored: StoredSigningKey): HeldSigningKey {
  const pkcs8 = keyring.open('token-signing', stored.sealedPrivateKey, stored.kid);
  if (!pkcs8)
    throw new StartRefused(
      `Signing key ${stored.kid} of ring ${stored.ring} does not open. Restore it from a backup.`,
    );
  const headers = new Map<string, string>();
  return {
    stored,
    kid: stored.kid,
    ring: stored.ring,
    algorithm: stored.algorithm,
    publicJwk: stored.publicJwk,
    publicKey: createPublicKey({ key: stored.publicJwk, format: 'jwk' }),
    privateKey: createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }),
    encodedHeader: (typ) => {
      let header = headers.get(typ);
      if (header === undefined) {
        header = Buffer.from(JSON.stringify({ alg: stored.algorithm, typ, kid: stored.kid })).toString(
          'base64url',
        );
        headers.set(typ, header);
      }
      return header;
    },
  };
}

/** Makes a key of its ring, sealed; nobody knows it yet. */
export async function makeSigningKey(
  keyring: Pick<Keyring, 'seal'>,
  plan: Pick<StoredSigningKey, 'ring' | 'algorithm' | 'publishedAtMs' | 'signsAtMs'>,
): Promise<StoredSigningKey> {
  const { algorithm } = plan;
  const pair =
    algorithm === 'ES256'
      ? await newKeyPair('ec', { namedCurve: 'P-256' })
      : algorithm === 'EdDSA'
        ? await newKeyPair('ed25519', {})
        : await newKeyPair('rsa', { modulusLength: 3072 });
  const jwk = pair.publicKey.export({ format: 'jwk' }) as JWK;
  const kid = await calculateJwkThumbprint(jwk);
  return {
    ...plan,
    kid,
    publicJwk: { ...jwk, kid, alg: algorithm, use: 'sig' },
    sealedPrivateKey: keyring.seal(
      'token-signing',
      pair.privateKey.export({ format: 'der', type: 'pkcs8' }),
      kid,
    ),
    revokedAtMs: undefined,
  };
}
