/**
 * Chat vendors as their documentation describes them: each takes what a page hands to its widget and says who the
 * visitor is, or refuses in the vendor's own words. Written from the vendors' pages, with node:crypto alone; they know
 * nothing of how proofs are made here.
 */
import { createHmac, type KeyObject, timingSafeEqual, verify } from 'node:crypto';

/** What reaches a vendor's widget. */
export interface Handed {
  token: string;
  /** The members that the vendor's own call is given. */
  web: Readonly<Record<string, unknown>>;
  /** What only the page knows. */
  inputs?: Readonly<Record<string, string>>;
}

/** The company's public key, in the form in which the vendor was given it. */
export interface GivenKey {
  kid: string;
  pem: string;
  jwk: Readonly<Record<string, unknown>>;
}

export interface Visit {
  /** Unix seconds on the vendor's clock. */
  now: number;
  key?: GivenKey | undefined;
}

/** Whom the vendor believes the visitor to be, and what else it was told. */
export interface Visitor {
  customer: string;
  told: Readonly<Record<string, unknown>>;
}

export interface MockVendor {
  id: string;
  /** What its console shows: the company copies it into its own configuration. */
  console: Readonly<Record<string, string>>;
  /** Throws `VendorRefused`. */
  admit(handed: Handed, visit: Visit): Visitor;
}

/** The vendor does not let this visitor in as anybody. */
export class VendorRefused extends Error {
  readonly status: number;

  constructor(message: string, status = 401) {
    super(message);
    this.name = 'VendorRefused';
    this.status = status;
  }
}

export const refuse = (message: string, status?: number): never => {
  throw new VendorRefused(message, status);
};

type Claims = Record<string, unknown>;

export interface Parts {
  header: Claims;
  claims: Claims;
  signed: string;
  signature: Buffer;
}

function partsOf(token: unknown): Parts {
  if (typeof token !== 'string') return refuse('not a token');
  const [header = '', claims = '', signature = '', ...more] = token.split('.');
  if (more.length > 0 || !header || !claims || !signature) return refuse('not a token of three parts');
  const json = (part: string): Claims => {
    try {
      return JSON.parse(Buffer.from(part, 'base64url').toString('utf8')) as Claims;
    } catch {
      return refuse('not JSON');
    }
  };
  return {
    header: json(header),
    claims: json(claims),
    signed: `${header}.${claims}`,
    signature: Buffer.from(signature, 'base64url'),
  };
}

export interface JwtRules {
  now: number;
  /** `iat` may lie this far ahead of the vendor's clock; strict vendors allow nothing. */
  leewaySeconds?: number;
}

/** `exp`, `iat` and `nbf` as a strict validator reads them: whole seconds, no leeway unless said. */
function checkTimes({ exp, iat, nbf }: Claims, { now, leewaySeconds = 0 }: JwtRules): void {
  for (const time of [exp, iat, nbf]) {
    if (time === undefined) continue;
    if (!Number.isInteger(time)) refuse('a time is not a whole number');
    if ((time as number) > 4_102_444_800) refuse('a time is in milliseconds');
  }
  if (exp !== undefined && (exp as number) <= now) refuse('token is expired (exp)');
  if (iat !== undefined && (iat as number) > now + leewaySeconds) refuse('token used before issue (iat)');
  if (nbf !== undefined && (nbf as number) > now + leewaySeconds) refuse('token is not valid yet (nbf)');
}

/** A JWT under a shared secret. */
export function readSharedSecretJwt(token: unknown, secret: string | Buffer, rules: JwtRules): Parts {
  const parts = partsOf(token);
  if (parts.header['alg'] !== 'HS256') refuse('Invalid JWT: algorithm');
  const expected = createHmac('sha256', secret).update(parts.signed).digest();
  if (parts.signature.length !== expected.length || !timingSafeEqual(parts.signature, expected)) {
    refuse('Invalid JWT: signature');
  }
  checkTimes(parts.claims, rules);
  return parts;
}

/** A JWT under a key whose public half the vendor has. */
export function readPublicKeyJwt(token: unknown, key: KeyObject, rules: JwtRules): Parts {
  const parts = partsOf(token);
  if (parts.header['alg'] !== 'RS256') refuse('Invalid JWT: algorithm');
  if (!verify('sha256', Buffer.from(parts.signed), key, parts.signature)) refuse('Invalid JWT: signature');
  checkTimes(parts.claims, rules);
  return parts;
}

/** A hex HMAC-SHA-256 over a text. */
export function checkHmac(message: unknown, hash: unknown, secret: string | Buffer): string {
  if (typeof message !== 'string' || message === '' || typeof hash !== 'string') return refuse('no hash');
  if (!/^[0-9a-f]{64}$/.test(hash)) return refuse('the hash is not hex of SHA-256');
  const expected = createHmac('sha256', secret).update(message, 'utf8').digest('hex');
  return expected === hash ? message : refuse('the hash does not match', 403);
}

export function textOf(value: unknown, what: string): string {
  return typeof value === 'string' && value !== '' ? value : refuse(`${what} must be a text`);
}
