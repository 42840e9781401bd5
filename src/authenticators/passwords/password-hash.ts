import { randomBytes } from 'node:crypto';

/** Cost of an argon2id hash. */
export interface Argon2Cost {
  memoryKib: number;
  passes: number;
  parallelism: number;
}

/** What OWASP recommends as a minimum: 19 MiB, two passes, one lane. */
export const PASSWORD_COST: Argon2Cost = { memoryKib: 19_456, passes: 2, parallelism: 1 };

export interface ParsedHash extends Argon2Cost {
  salt: Buffer;
  tag: Buffer;
}

const PHC =
  /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,3}),p=(\d{1,2})\$([A-Za-z0-9+/]{8,86})\$([A-Za-z0-9+/]{16,86})$/;
const SALT_BYTES = 16;
export const TAG_BYTES = 32;

const b64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64').replace(/=+$/, '');

/** Writes a hash as a PHC string, as every argon2 library reads it. */
export function formatHash({ memoryKib, passes, parallelism, salt, tag }: ParsedHash): string {
  return `$argon2id$v=19$m=${memoryKib},t=${passes},p=${parallelism}$${b64(salt)}$${b64(tag)}`;
}

/** Reads a PHC string; `undefined` when it is not argon2id version 19 or asks for an unreasonable cost. */
export function parseHash(phc: string): ParsedHash | undefined {
  const match = PHC.exec(phc);
  if (!match) return undefined;
  const [memoryKib, passes, parallelism] = match.slice(1, 4).map(Number) as [number, number, number];
  if (memoryKib < 8 * parallelism || memoryKib > 1_048_576 || passes < 1 || parallelism < 1) return undefined;
  return {
    memoryKib,
    passes,
    parallelism,
    salt: Buffer.from(match[4] as string, 'base64'),
    tag: Buffer.from(match[5] as string, 'base64'),
  };
}

export function isWeaker(hash: Argon2Cost, than: Argon2Cost): boolean {
  return hash.memoryKib < than.memoryKib || hash.passes < than.passes;
}

export function newSalt(): Buffer {
  return randomBytes(SALT_BYTES);
}

/** A well-formed hash that no password has: checking against it costs what a real check costs. */
export function decoyHash(cost: Argon2Cost): string {
  return formatHash({ ...cost, salt: newSalt(), tag: randomBytes(TAG_BYTES) });
}

export const MAX_PASSWORD_BYTES = 1_024;

/**
 * A password as it is hashed: exactly as sent but for Unicode normalisation form C, so that the same keys on two
 * systems give the same bytes. `undefined` when empty, longer than 1,024 bytes, not well-formed or with a NUL.
 */
export function preparePassword(password: string): string | undefined {
  if (password.length === 0 || Buffer.byteLength(password) > MAX_PASSWORD_BYTES) return undefined;
  if (!password.isWellFormed() || password.includes('\0')) return undefined;
  return password.normalize('NFC');
}
