import { execFileSync } from 'node:child_process';
import { createPrivateKey } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { signingKeyBytes, signingKeyOf } from '../../../src/signatures/signed-request.ts';
import { readV1, signV1, v1Matches, v1SignedBytes } from '../../../src/signatures/v1.ts';
import {
  ed25519PublicKey,
  readV2,
  signV2,
  v2BodyProblem,
  v2MatchesEd25519,
  v2MatchesHmac,
  type V2SigningKey,
} from '../../../src/signatures/v2.ts';
import { findProgram } from '../../support/child-server.ts';
import { request, SECRET, type V2Vector, vectors } from './signed.ts';

const body = (vector: { body_base64: string }) => Buffer.from(vector.body_base64, 'base64');

const privateKey = createPrivateKey({
  key: {
    kty: 'OKP',
    crv: 'Ed25519',
    d: vectors.ed25519.private_key,
    x: vectors.ed25519.public_key,
  },
  format: 'jwk',
});

function signerOf(vector: V2Vector): V2SigningKey {
  return vector.algorithm === 'ed25519'
    ? { algorithm: 'ed25519', privateKey }
    : { algorithm: 'hmac-sha256', signingKey: signingKeyOf(SECRET) };
}

describe('the published vectors', () => {
  it('begin with the signing key that follows from the secret', () => {
    expect(signingKeyBytes(SECRET).toString()).toBe(vectors.signing_key);
  });

  it.each(vectors.v1)('v1 of $name is made and accepted by our library', (vector) => {
    expect(v1SignedBytes(vector.timestamp, body(vector)).toString('base64')).toBe(
      vector.string_to_sign_base64,
    );
    const headers = signV1({
      signingKey: signingKeyOf(SECRET),
      timestampSeconds: Number(vector.timestamp),
      body: body(vector),
    });
    expect(headers).toEqual({ 'x-timestamp': vector.timestamp, 'x-api-signature': vector.signature });
    const read = readV1(request({}, headers));
    if (typeof read !== 'object') throw new Error('not read');
    expect(v1Matches(read, signingKeyOf(SECRET), body(vector))).toBe(true);
  });

  it.each(vectors.v2)('v2 of $name is made and accepted by our library', (vector) => {
    const parts = { ...vector, body: body(vector) };
    const signed = signV2({
      request: request(parts, vector.headers),
      keyId: vector.key_id,
      key: signerOf(vector),
      createdSeconds: vector.created,
      nonce: vector.nonce,
      alsoCover: vector.also_cover,
    });
    expect(signed).toEqual({
      ...(vector.content_digest === null ? {} : { 'content-digest': vector.content_digest }),
      'signature-input': vector.signature_input,
      signature: vector.signature,
    });
    const received = request(parts, { ...vector.headers, ...signed });
    const read = readV2(received);
    if (typeof read !== 'object') throw new Error(`not read: ${String(read)}`);
    expect(read.base).toBe(vector.string_to_sign);
    expect(v2BodyProblem(received)).toBeUndefined();
    const matches =
      vector.algorithm === 'ed25519'
        ? v2MatchesEd25519(read, ed25519PublicKey(vectors.ed25519.public_key))
        : v2MatchesHmac(read, signingKeyOf(SECRET));
    expect(matches).toBe(true);
  });
});

/** Every HMAC of the vectors: its name, what is signed, and the hex of what must come out. */
const hmacs = [
  ...vectors.v1.map((vector) => ({
    name: `v1 of ${vector.name}`,
    bytes: Buffer.from(vector.string_to_sign_base64, 'base64'),
    hex: vector.signature,
  })),
  ...vectors.v2
    .filter(({ algorithm }) => algorithm === 'hmac-sha256')
    .map((vector) => ({
      name: `v2 of ${vector.name}`,
      bytes: Buffer.from(vector.string_to_sign, 'latin1'),
      hex: Buffer.from(/:(.*):$/.exec(vector.signature)?.[1] ?? '', 'base64').toString('hex'),
    })),
];

const openssl = findProgram('openssl');
describe.skipIf(!openssl)('the published vectors, by openssl', () => {
  it.each(hmacs)('$name', ({ bytes, hex }) => {
    const digest = execFileSync(openssl as string, ['dgst', '-sha256', '-r'], { input: SECRET });
    const signingKey = digest.toString().slice(0, 64);
    expect(signingKey).toBe(vectors.signing_key);
    const mac = execFileSync(openssl as string, ['dgst', '-sha256', '-hmac', signingKey, '-r'], {
      input: bytes,
    });
    expect(mac.toString().slice(0, 64)).toBe(hex);
  });
});

const python = findProgram('python3');
const PROGRAM = `
import hashlib, hmac, sys
key = hashlib.sha256(sys.argv[1].encode()).hexdigest().encode()
print(hmac.new(key, sys.stdin.buffer.read(), hashlib.sha256).hexdigest())
`;
describe.skipIf(!python)('the published vectors, by Python', () => {
  it.each(hmacs)('$name', ({ bytes, hex }) => {
    const mac = execFileSync(python as string, ['-c', PROGRAM, SECRET], { input: bytes });
    expect(mac.toString().trim()).toBe(hex);
  });
});
