import { createCipheriv, createDecipheriv, createHmac, createSecretKey, type KeyObject } from 'node:crypto';
import { type CustomerReference, parseReference } from '../identifiers/identifier.ts';
import type { Keyring } from '../keyring/keyring.ts';

const PAD_BYTES = 64;
/** Each token has a sealing key of its own, derived from its unique `jti`, so a constant nonce never repeats under a key. */
const NONCE = Buffer.alloc(12);
const TAG_BYTES = 16;

/** What a token keeps to itself. */
export interface SealedContent {
  reference: CustomerReference;
  /** Whatever else the issuer wrote beside it, at most 65,535 bytes; empty for nothing. */
  note: string;
}

export interface ReferenceSeal {
  /** Seals content for the one token with this `jti`. */
  seal(content: SealedContent, jti: string): string;
  /** `undefined` when it was sealed for another token or under a key that we no longer have. */
  open(sealed: string, jti: string): SealedContent | undefined;
}

/** Length of the reference, reference, then the same with two bytes of length for a note, where there is one. */
function encode({ reference, note }: SealedContent): Buffer {
  const bytes = Buffer.from(reference, 'utf8');
  const noted = Buffer.from(note, 'utf8');
  const length = 1 + bytes.length + (noted.length === 0 ? 0 : 2 + noted.length);
  // Padded so that the length of the token tells nothing of the length of the reference.
  const padded = Buffer.alloc(Math.ceil(length / PAD_BYTES) * PAD_BYTES);
  padded[0] = bytes.length;
  bytes.copy(padded, 1);
  if (noted.length > 0) noted.copy(padded, padded.writeUInt16BE(noted.length, 1 + bytes.length));
  return padded;
}

function decode(padded: Buffer): SealedContent | undefined {
  const end = 1 + (padded[0] as number);
  const reference = parseReference(padded.subarray(1, end).toString('utf8'));
  const noteBytes = padded.length >= end + 2 ? padded.readUInt16BE(end) : 0;
  return reference && { reference, note: padded.subarray(end + 2, end + 2 + noteBytes).toString('utf8') };
}

/** Seals the company's reference into tokens, so that only we can read it and `/getprofile` needs no look-up. */
export function createReferenceSeal(keyring: Keyring): ReferenceSeal {
  const sealingKey = (version: number, jti: string): KeyObject | undefined => {
    const held = keyring.all('token-reference').find((key) => key.version === version);
    if (!held) return undefined;
    const bytes = createHmac('sha256', held.key).update(`symbolon/token-reference|${jti}`).digest();
    // On Node 24 a cipher takes a key object three times as fast as the bytes.
    return createSecretKey(bytes);
  };
  return {
    seal: (content, jti) => {
      const { version } = keyring.current('token-reference');
      const padded = encode(content);
      const cipher = createCipheriv('aes-256-gcm', sealingKey(version, jti) as KeyObject, NONCE);
      const body = cipher.update(padded);
      cipher.final();
      return `${version}.${Buffer.concat([body, cipher.getAuthTag()]).toString('base64url')}`;
    },
    open: (sealed, jti) => {
      const dot = sealed.indexOf('.');
      const key = sealingKey(Number(sealed.slice(0, dot)), jti);
      const bytes = Buffer.from(sealed.slice(dot + 1), 'base64url');
      if (!key || bytes.length <= TAG_BYTES) return undefined;
      const decipher = createDecipheriv('aes-256-gcm', key, NONCE, { authTagLength: TAG_BYTES });
      decipher.setAuthTag(bytes.subarray(bytes.length - TAG_BYTES));
      const padded = decipher.update(bytes.subarray(0, bytes.length - TAG_BYTES));
      try {
        decipher.final();
      } catch {
        return undefined;
      }
      return decode(padded);
    },
  };
}
