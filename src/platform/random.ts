import { randomBytes, randomFillSync, randomInt } from 'node:crypto';
import { BASE62 } from './encoding.ts';

/** `bytes` random bytes from the operating system's generator, written as base64url without padding. */
export function randomToken(bytes: number): string {
  return randomBytes(bytes).toString('base64url');
}

/** `bytes` random bytes from the operating system's generator. */
export function randomSeed(bytes: number): Buffer {
  return randomBytes(bytes);
}

const pool = Buffer.alloc(4_096);
let poolAt = pool.length;

/** Where the next `bytes` unused bytes of the pool begin. */
function takeFromPool(bytes: number): number {
  if (poolAt + bytes > pool.length) {
    randomFillSync(pool);
    poolAt = 0;
  }
  const start = poolAt;
  poolAt += bytes;
  return start;
}

/**
 * A few random bytes from a pool that is filled in one call to the operating system: for ids that are made on every
 * request. Not for secrets: the pool stays in memory until it is used up.
 */
export function pooledRandomHex(bytes: number): string {
  const start = takeFromPool(bytes);
  return pool.toString('hex', start, start + bytes);
}

/** `length` characters of 0-9A-Za-z, each drawn without bias (5.95 bits a character). */
export function randomBase62(length: number): string {
  let text = '';
  for (let i = 0; i < length; i++) text += BASE62[randomInt(62)];
  return text;
}

/**
 * A UUID version 7 (RFC 9562 section 5.7) whose first 48 bits are `nowMs`. Unique, and no secret: its random bits come
 * from the pool. Sorts by time; `uuidTimeMs` reads the time back.
 */
export function uuidV7(nowMs: number): string {
  const start = takeFromPool(16);
  pool.writeUIntBE(nowMs, start, 6);
  pool[start + 6] = 0x70 | ((pool[start + 6] as number) & 0x0f);
  pool[start + 8] = 0x80 | ((pool[start + 8] as number) & 0x3f);
  const hex = pool.toString('hex', start, start + 16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** The millisecond in which a version 7 UUID was made, or `undefined` when `id` is not one. */
export function uuidTimeMs(id: string): number | undefined {
  if (!UUID_V7.test(id)) return undefined;
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
}

/** A number from 0 to below 1 for spreading moments in time; never for anything that must not be guessed. */
export function randomFraction(): number {
  return Math.random();
}
