/**
 * Password hashes as other systems store them. Reading only: what we write ourselves is argon2id (`password-hash.ts`).
 * Costs are bounded, because whoever can write a row of a company's table must not be able to stop sign-ins.
 */
import { randomBytes } from 'node:crypto';
import { parseHash, type ParsedHash } from './password-hash.ts';

export type HashSpec =
  | ({ kind: 'argon2id' } & ParsedHash)
  | { kind: 'scrypt'; cost: number; blockSize: number; parallelism: number; salt: Buffer; tag: Buffer }
  | { kind: 'pbkdf2'; digest: PbkdfDigest; iterations: number; salt: Buffer; tag: Buffer }
  /** `salt` is the ASCII text `$2b$12$` with 22 characters, `tag` that of the whole hash. */
  | { kind: 'bcrypt'; salt: Buffer; tag: Buffer };

export type PbkdfDigest = 'sha1' | 'sha256' | 'sha512';

const MAX_ITERATIONS = 10_000_000;
const MAX_SCRYPT_BYTES = 256 * 1_024 * 1_024;
/** Cost 15 takes some seconds; nobody signs people in with more. */
const MAX_BCRYPT_COST = 15;
const MAX_HASH_CHARACTERS = 512;
const MIN_TAG_BYTES = 16;
const BCRYPT_SALT_CHARACTERS = 29;

/** Base64 in its usual alphabet, in passlib's (`.` for `+`), with or without padding. */
const fromBase64 = (text: string) => Buffer.from(text.replaceAll('.', '+'), 'base64');
const fromHex = (text: string) => Buffer.from(text, 'hex');

function scrypt(cost: { n: number; r: number; p: number }, salt: Buffer, tag: Buffer): HashSpec | undefined {
  const { n, r, p } = cost;
  if (!Number.isSafeInteger(n) || n < 2 || (n & (n - 1)) !== 0 || r < 1 || p < 1 || p > 16) return undefined;
  if (128 * n * r > MAX_SCRYPT_BYTES || tag.length < MIN_TAG_BYTES) return undefined;
  return { kind: 'scrypt', cost: n, blockSize: r, parallelism: p, salt, tag };
}

function pbkdf2(digest: string, iterations: number, salt: Buffer, tag: Buffer): HashSpec | undefined {
  if (digest !== 'sha1' && digest !== 'sha256' && digest !== 'sha512') return undefined;
  if (iterations < 1 || iterations > MAX_ITERATIONS || tag.length < MIN_TAG_BYTES) return undefined;
  return { kind: 'pbkdf2', digest, iterations, salt, tag };
}

function bcrypt(text: string): HashSpec | undefined {
  const match = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/.exec(text);
  const cost = Number(match?.[1]);
  if (!match || cost < 4 || cost > MAX_BCRYPT_COST) return undefined;
  return {
    kind: 'bcrypt',
    salt: Buffer.from(text.slice(0, BCRYPT_SALT_CHARACTERS), 'latin1'),
    tag: Buffer.from(text, 'latin1'),
  };
}

/** ASP.NET Core Identity: one base64 blob; version 0 is PBKDF2-SHA-1 with 1,000 turns, version 1 says its own. */
function aspNet(text: string): HashSpec | undefined {
  const blob = Buffer.from(text, 'base64');
  if (blob[0] === 0 && blob.length === 49)
    return pbkdf2('sha1', 1_000, blob.subarray(1, 17), blob.subarray(17));
  if (blob[0] !== 1 || blob.length < 13 + 8 + MIN_TAG_BYTES) return undefined;
  const digest = ['sha1', 'sha256', 'sha512'][blob.readUInt32BE(1)] ?? '';
  const end = 13 + blob.readUInt32BE(9);
  if (end > blob.length) return undefined;
  return pbkdf2(digest, blob.readUInt32BE(5), blob.subarray(13, end), blob.subarray(end));
}

type Reader = (parts: readonly string[]) => HashSpec | undefined;
const part = (parts: readonly string[], at: number) => parts[at] ?? '';
const count = (parts: readonly string[], at: number) => Number(parts[at]);

const B64 = '[A-Za-z0-9+/.]+={0,2}';
/** Text forms, each with the system that writes it. */
const READERS: readonly (readonly [RegExp, Reader])[] = [
  // PHC string and passlib
  [
    new RegExp(`^\\$scrypt\\$ln=(\\d{1,2}),r=(\\d{1,3}),p=(\\d{1,3})\\$(${B64})\\$(${B64})$`),
    (m) =>
      scrypt(
        { n: 2 ** count(m, 1), r: count(m, 2), p: count(m, 3) },
        fromBase64(part(m, 4)),
        fromBase64(part(m, 5)),
      ),
  ],
  // Werkzeug (Flask)
  [
    /^scrypt:(\d{1,9}):(\d{1,3}):(\d{1,3})\$([^$]+)\$([0-9a-f]+)$/,
    (m) =>
      scrypt(
        { n: count(m, 1), r: count(m, 2), p: count(m, 3) },
        Buffer.from(part(m, 4)),
        fromHex(part(m, 5)),
      ),
  ],
  [
    /^pbkdf2:(sha1|sha256|sha512):(\d{1,9})\$([^$]+)\$([0-9a-f]+)$/,
    (m) => pbkdf2(part(m, 1), count(m, 2), Buffer.from(part(m, 3)), fromHex(part(m, 4))),
  ],
  // Django
  [
    new RegExp(`^scrypt\\$(\\d{1,9})\\$([^$]+)\\$(\\d{1,3})\\$(\\d{1,3})\\$(${B64})$`),
    (m) =>
      scrypt(
        { n: count(m, 1), r: count(m, 3), p: count(m, 4) },
        Buffer.from(part(m, 2)),
        fromBase64(part(m, 5)),
      ),
  ],
  [
    new RegExp(`^pbkdf2_(sha1|sha256|sha512)\\$(\\d{1,9})\\$([^$]+)\\$(${B64})$`),
    (m) => pbkdf2(part(m, 1), count(m, 2), Buffer.from(part(m, 3)), fromBase64(part(m, 4))),
  ],
  // passlib
  [
    new RegExp(`^\\$pbkdf2(?:-(sha1|sha256|sha512))?\\$(\\d{1,9})\\$(${B64})\\$(${B64})$`),
    (m) => pbkdf2(m[1] ?? 'sha1', count(m, 2), fromBase64(part(m, 3)), fromBase64(part(m, 4))),
  ],
];

/**
 * Reads a hash of a known kind: argon2id (PHC), bcrypt (`$2a$`, `$2b$`, `$2y$`), scrypt (PHC, Django, Werkzeug) and
 * PBKDF2 (Django, passlib, Werkzeug, ASP.NET Core Identity), also with the prefix that Spring Security and Django put
 * before the first two. `undefined` for anything else, and for a cost beyond all reason.
 */
export function parseStoredHash(text: string): HashSpec | undefined {
  if (text.length > MAX_HASH_CHARACTERS) return undefined;
  const bare = text.replace(
    /^(\{(bcrypt|argon2|argon2@SpringSecurity_v5_8)\}|bcrypt\$(?=\$)|argon2(?=\$argon2id))/,
    '',
  );
  if (bare.startsWith('$argon2id$')) {
    const parsed = parseHash(bare);
    return parsed && { kind: 'argon2id', ...parsed };
  }
  if (bare.startsWith('$2')) return bcrypt(bare);
  for (const [form, read] of READERS) {
    const match = form.exec(text);
    if (match) return read(match);
  }
  return /^A[A-Za-z0-9+/]{48,180}={0,2}$/.test(text) ? aspNet(text) : undefined;
}

/** The same kind and cost with a result that no password has. */
export function decoyLike(spec: HashSpec): HashSpec {
  return { ...spec, tag: randomBytes(spec.tag.length) };
}
