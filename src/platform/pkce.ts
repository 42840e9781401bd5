/** Proof keys for codes, by S256 alone (RFC 7636 section 4): a code is of no use to whoever lacks the verifier. */
import { hash } from 'node:crypto';
import { randomToken } from './random.ts';

/** Section 4.2: base64url of a SHA-256. */
export const S256_CHALLENGE = /^[A-Za-z0-9_-]{43}$/;

/** Section 4.1. */
const VERIFIER = /^[A-Za-z0-9._~-]{43,128}$/;

/** A verifier of 256 random bits. */
export const newVerifier = (): string => randomToken(32);

/** The challenge of a verifier. */
export const challengeOf = (verifier: string): string => hash('sha256', verifier, 'base64url');

/** Whether this is the verifier of the challenge. */
export const isVerifierOf = (verifier: string, challenge: string): boolean =>
  VERIFIER.test(verifier) && challengeOf(verifier) === challenge;
