/**
 * Signatures: how a request is signed so that its sender need not send a secret, and how that is checked. Two schemes:
 * v1 (timestamp and body, for partners that sign this way already) and v2 (a profile of RFC 9421, recommended). One
 * library for what comes in, what goes out and the command line; it knows no keys of partners and remembers nothing.
 */
import { createHash, createSecretKey, type KeyObject } from 'node:crypto';

export type SignatureVersion = 'v1' | 'v2';

/** A request as both sides see it. */
export interface SignedRequest {
  /** As sent, upper case. */
  method: string;
  /** Host, and port unless it is the scheme's own, in lower case (RFC 9421 section 2.2.3). */
  authority: string;
  /** Absolute path as sent, still encoded. */
  path: string;
  /** From the question mark on; empty without one. */
  query: string;
  /** The raw bytes. */
  body: Uint8Array;
  /** The one value of a header by its lower-case name; repeated ones joined with `, `. */
  header(name: string): string | undefined;
}

/** Why a signature was not accepted. Names the part, never what it should have been. */
export type SignatureProblem =
  | 'timestamp_missing'
  | 'timestamp_malformed'
  | 'timestamp_outside_window'
  | 'signature_missing'
  | 'signature_malformed'
  | 'signature_mismatch'
  | 'signature_input_missing'
  | 'signature_input_malformed'
  | 'component_missing'
  | 'component_unusable'
  | 'key_id_mismatch'
  | 'nonce_malformed'
  | 'algorithm_refused'
  | 'algorithm_without_key'
  | 'digest_missing'
  | 'digest_malformed'
  | 'digest_mismatch'
  | 'expired';

/** What each problem means, for the holder of the key. */
export const PROBLEM_SENTENCES: Readonly<Record<SignatureProblem, string>> = {
  timestamp_missing: 'There is no timestamp.',
  timestamp_malformed: 'The timestamp is not Unix seconds in decimal digits.',
  timestamp_outside_window: 'The timestamp is too far from the time of this service; see the Date header.',
  signature_missing: 'There is no signature.',
  signature_malformed: 'The signature is not of the form that this scheme has.',
  signature_mismatch: 'The signature was made over other bytes or with another key.',
  signature_input_missing: 'There is no Signature-Input that belongs to the signature.',
  signature_input_malformed: 'Signature-Input cannot be read as RFC 9421 writes it.',
  component_missing: 'A part of the request that must be signed is not covered.',
  component_unusable: 'A covered component is not in the request, or is not one that this profile takes.',
  key_id_mismatch: 'The keyid is not the public id of the key that the request names.',
  nonce_malformed: 'The nonce is missing, or not 16 to 128 visible characters.',
  algorithm_refused: 'The alg is missing, or neither hmac-sha256 nor ed25519.',
  algorithm_without_key: 'This key has nothing to check that algorithm with.',
  digest_missing: 'The body is not empty, and there is no Content-Digest.',
  digest_malformed: 'Content-Digest cannot be read, or names no algorithm that this service knows.',
  digest_mismatch: 'Content-Digest is not the digest of the body that arrived.',
  expired: 'The signature says itself that it has expired.',
};

/**
 * The HMAC key of both schemes: the lower-case hex SHA-256 of the secret, as 64 ASCII bytes. Whoever has it can sign,
 * so it is kept as carefully as the secret itself.
 */
export function signingKeyBytes(secret: string): Buffer {
  return Buffer.from(createHash('sha256').update(secret, 'utf8').digest('hex'), 'ascii');
}

/** The same as a key object. */
export function signingKeyOf(secret: string): KeyObject {
  return createSecretKey(signingKeyBytes(secret));
}
