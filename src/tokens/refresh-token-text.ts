import { createHmac, type KeyObject, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Keyring } from '../keyring/keyring.ts';
import { decodeBase64Url } from '../platform/encoding.ts';
import { randomToken } from '../platform/random.ts';

const PREFIX = 'rt_';
const ID_BYTES = 16;
const SECRET_BYTES = 32;
const MARK_BYTES = 16;
const MARKED_BYTES = ID_BYTES + 4 + SECRET_BYTES;

/** A new id for a family, and for all that comes of it. */
export const newFamilyId = (): string => randomToken(ID_BYTES);

function markOf(key: KeyObject, body: Buffer): Buffer {
  return createHmac('sha256', key)
    .update('symbolon/refresh-token')
    .update(body)
    .digest()
    .subarray(0, MARK_BYTES);
}

/**
 * The text of refresh tokens: family id, generation and 256 random bits, with a mark under a key of ours. So an old
 * genuine token is recognised without keeping every one of them, and an invented one can end nobody's family.
 */
export function createRefreshTokenText({ keyring }: { keyring: Pick<Keyring, 'current' | 'all'> }) {
  return {
    make: (familyId: string, generation: number): string => {
      const body = Buffer.alloc(MARKED_BYTES);
      Buffer.from(familyId, 'base64url').copy(body);
      body.writeUInt32BE(generation, ID_BYTES);
      randomBytes(SECRET_BYTES).copy(body, ID_BYTES + 4);
      const mark = markOf(keyring.current('refresh-token').key, body);
      return PREFIX + Buffer.concat([body, mark]).toString('base64url');
    },

    /** The family id of a genuine token, whatever its age. */
    familyOf: (token: string): string | undefined => {
      if (!token.startsWith(PREFIX) || token.length > 128) return undefined;
      const bytes = decodeBase64Url(token.slice(PREFIX.length));
      if (bytes?.length !== MARKED_BYTES + MARK_BYTES) return undefined;
      const body = bytes.subarray(0, MARKED_BYTES);
      const mark = bytes.subarray(MARKED_BYTES);
      const known = keyring.all('refresh-token').some(({ key }) => timingSafeEqual(markOf(key, body), mark));
      return known ? body.subarray(0, ID_BYTES).toString('base64url') : undefined;
    },
  };
}
