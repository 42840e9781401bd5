import { createHmac, generateKeyPair, randomBytes, sign } from 'node:crypto';
import { promisify } from 'node:util';
import type { ChannelProfile } from './channel-profile.ts';

/** A proof that a vendor must refuse. */
export interface AlteredProof {
  alteration: 'unsigned' | 'altered' | 'wrong_key' | 'expired';
  token: string;
  /** Looks at the proof this much later. */
  laterMs: number;
}

const newKeyPair = promisify(generateKeyPair);
const encoded = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

function parts(token: string): { header: Record<string, unknown>; claims: Record<string, unknown> } {
  const [header = '', claims = ''] = token.split('.');
  const decode = (part: string) =>
    JSON.parse(Buffer.from(part, 'base64url').toString('utf8')) as Record<string, unknown>;
  return { header: decode(header), claims: decode(claims) };
}

/** Signs again with a key that nobody gave the vendor. */
async function forge(profile: ChannelProfile, header: object, claims: object): Promise<string> {
  const input = `${encoded(header)}.${encoded(claims)}`;
  const { proof } = profile;
  if (proof.shape === 'shared_secret_jwt') {
    const digest = `sha${proof.algorithm.slice(2)}`;
    return `${input}.${createHmac(digest, randomBytes(32)).update(input).digest('base64url')}`;
  }
  const alg = 'alg' in header ? String(header.alg) : '';
  const { privateKey } =
    alg === 'EdDSA'
      ? await newKeyPair('ed25519', {})
      : alg === 'ES256'
        ? await newKeyPair('ec', { namedCurve: 'P-256' })
        : await newKeyPair('rsa', { modulusLength: 2048 });
  const digest = alg === 'EdDSA' ? null : `sha${alg.slice(2)}`;
  const key = alg === 'ES256' ? { key: privateKey, dsaEncoding: 'ieee-p1363' as const } : privateKey;
  return `${input}.${sign(digest, Buffer.from(input), key).toString('base64url')}`;
}

/**
 * What an impostor would try with a genuine proof in hand: no signature, the same signature under other claims, a
 * signature by another key, and the genuine one after its end. HMACs have no end and no claims.
 */
export async function alterProof(
  profile: ChannelProfile,
  token: string,
  lifetimeSeconds: number,
): Promise<AlteredProof[]> {
  if (profile.proof.shape === 'hmac') {
    const other = createHmac('sha256', randomBytes(32)).update('somebody else').digest('hex');
    const turned = (token.startsWith('0') ? '1' : '0') + token.slice(1);
    return [
      { alteration: 'unsigned', token: '', laterMs: 0 },
      { alteration: 'altered', token: turned, laterMs: 0 },
      { alteration: 'wrong_key', token: other, laterMs: 0 },
    ];
  }
  const { header, claims } = parts(token);
  const others = { ...claims, sub: 'somebody-else', symbolon_probe: true };
  const unsigned = `${encoded({ ...header, alg: 'none' })}.${encoded(claims)}.`;
  const [, , signature = ''] = token.split('.');
  return [
    { alteration: 'unsigned', token: unsigned, laterMs: 0 },
    { alteration: 'altered', token: `${encoded(header)}.${encoded(others)}.${signature}`, laterMs: 0 },
    { alteration: 'wrong_key', token: await forge(profile, header, claims), laterMs: 0 },
    { alteration: 'expired', token, laterMs: (lifetimeSeconds + 61) * 1000 },
  ];
}
