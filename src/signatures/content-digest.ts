import { createHash, timingSafeEqual } from 'node:crypto';
import type { SignatureProblem } from './signed-request.ts';
import { parseDictionary } from './structured-fields.ts';

/** Digest algorithms that are accepted (RFC 9530 section 5); we write the first. */
const ALGORITHMS: ReadonlyMap<string, string> = new Map([
  ['sha-256', 'sha256'],
  ['sha-512', 'sha512'],
]);

/** A `Content-Digest` field (RFC 9530 section 2) of the body, by SHA-256. */
export function contentDigest(body: Uint8Array): string {
  return `sha-256=:${createHash('sha256').update(body).digest('base64')}:`;
}

/** Compares a `Content-Digest` with the body: every digest of an algorithm that we know must hold, and one must be there. */
export function contentDigestProblem(field: string, body: Uint8Array): SignatureProblem | undefined {
  const members = parseDictionary(field);
  if (!members) return 'digest_malformed';
  let known = false;
  for (const [name, member] of members) {
    const algorithm = ALGORITHMS.get(name);
    if (algorithm === undefined) continue;
    if (!('value' in member) || !Buffer.isBuffer(member.value)) return 'digest_malformed';
    const digest = createHash(algorithm).update(body).digest();
    if (digest.length !== member.value.length || !timingSafeEqual(digest, member.value))
      return 'digest_mismatch';
    known = true;
  }
  return known ? undefined : 'digest_malformed';
}
