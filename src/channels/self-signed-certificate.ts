import { hash, type KeyObject, sign } from 'node:crypto';

/** DER (X.690): a tag, the length of the content, the content. */
function tagged(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  if (content.length < 0x80) return Buffer.concat([Buffer.from([tag, content.length]), content]);
  const hex = content.length.toString(16);
  const length = Buffer.from(hex.length % 2 ? `0${hex}` : hex, 'hex');
  return Buffer.concat([Buffer.from([tag, 0x80 | length.length]), length, content]);
}

const sequence = (...parts: readonly Buffer[]) => tagged(0x30, ...parts);
const integer = (bytes: Buffer) => tagged(0x02, bytes);

/** `sha256WithRSAEncryption`, 1.2.840.113549.1.1.11 with NULL parameters (RFC 4055 section 5). */
const SHA256_WITH_RSA = sequence(Buffer.from('06092a864886f70d01010b', 'hex'), tagged(0x05));
/** `id-at-commonName`, 2.5.4.3. */
const COMMON_NAME = Buffer.from('0603550403', 'hex');

const named = (text: string) =>
  sequence(tagged(0x31, sequence(COMMON_NAME, tagged(0x0c, Buffer.from(text, 'utf8')))));

/** RFC 5280 section 4.1.2.5: two-digit years until 2049, four digits from 2050 on. */
function moment(ms: number): Buffer {
  const digits = new Date(ms).toISOString().replaceAll(/[-:T]|\.\d+/g, '');
  const isLate = new Date(ms).getUTCFullYear() >= 2050;
  return isLate ? tagged(0x18, Buffer.from(digits)) : tagged(0x17, Buffer.from(digits.slice(2)));
}

/**
 * A self-signed X.509 certificate (RFC 5280) around an RSA key, for vendors that take keys only in one (`x5c`, RFC
 * 7517 section 4.7). It vouches for nothing: trust comes from a person who brings it to the vendor. The same key and
 * dates give the same bytes, so nothing is kept. Answer: DER.
 */
export function selfSignedCertificate(
  keys: { publicKey: KeyObject; privateKey: KeyObject },
  options: { commonName: string; notBeforeMs: number; notAfterMs: number },
): Buffer {
  const spki = keys.publicKey.export({ format: 'der', type: 'spki' });
  const serial = hash('sha256', spki, 'buffer').subarray(0, 16);
  serial[0] = ((serial[0] as number) & 0x7f) | 0x40;
  const name = named(options.commonName);
  const body = sequence(
    tagged(0xa0, integer(Buffer.from([2]))),
    integer(serial),
    SHA256_WITH_RSA,
    name,
    sequence(moment(options.notBeforeMs), moment(options.notAfterMs)),
    name,
    spki,
  );
  const signature = sign('sha256', body, keys.privateKey);
  return sequence(body, SHA256_WITH_RSA, tagged(0x03, Buffer.from([0]), signature));
}
