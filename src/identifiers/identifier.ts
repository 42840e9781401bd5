/**
 * Identifiers: how the opaque customer identifier is derived, written and recognised. Pure; knows no store. The
 * derived value is only a proposal: the customer registry pins it and is the authority from then on.
 */
import { createHmac, type KeyObject } from 'node:crypto';
import type { Brand } from '../platform/brand.ts';
import { base32, lengthPrefixed } from '../platform/encoding.ts';
import { randomSeed } from '../platform/random.ts';

/**
 * The opaque id that channels see: `c`, one character of key version, 32 of base32; `t` in place of `c` for a test
 * customer; or one that another system gave out and that was imported as it is.
 */
export type CustomerIdentifier = Brand<string, 'CustomerIdentifier'>;
/** The company's own immutable id of a customer. Never leaves the house in clear. */
export type CustomerReference = Brand<string, 'CustomerReference'>;
/** Configured, immutable name of where references come from. */
export type ReferenceSpace = Brand<string, 'ReferenceSpace'>;
/** A set of channels that share one identifier and belong to one partner. */
export type ChannelGroup = Brand<string, 'ChannelGroup'>;

/** Longest reference that is accepted, in bytes of UTF-8 (OpenID Connect Core section 2 gives `sub` 255). */
export const MAX_REFERENCE_BYTES = 255;

const VERSIONS = '123456789abcdefghijklmnopqrstuvwxyz';
/** How many versions of the identifier key one installation can have. */
export const MAX_IDENTIFIER_KEY_VERSION = VERSIONS.length;

/** Imported ones may look otherwise than ours: 8 to 64 letters, digits, `-`, `_`. */
export const IDENTIFIER = /^[A-Za-z0-9][A-Za-z0-9_-]{7,63}$/;
/** Kept from every real customer, also from imported ones: the identifier alone tells whose data may not be asked for. */
const TEST_IDENTIFIER = /^t[1-9a-z][a-z2-7]{32}$/;
const TEST_SPACE = /^test(?:[._-]|$)/;
const NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/;

export interface IdentifierSubject {
  group: ChannelGroup;
  space: ReferenceSpace;
  reference: CustomerReference;
}

/** Whether a reference space holds made-up people alone: `test`, or any name that begins with `test-`, `test.` or `test_`. */
export function isTestSpace(space: string): boolean {
  return TEST_SPACE.test(space);
}

/** Whether an identifier is that of a made-up person. */
export function isTestIdentifier(identifier: string): boolean {
  return identifier.startsWith('t') && TEST_IDENTIFIER.test(identifier);
}

/** How our own identifiers begin: scheme and key version. Throws `RangeError` for a version that cannot be written. */
function headOf(version: number, space: ReferenceSpace): string {
  const mark = VERSIONS[version - 1];
  if (mark === undefined) throw new RangeError(`identifier key version ${version} cannot be written`);
  return (isTestSpace(space) ? 't' : 'c') + mark;
}

function subjectBytes(label: string, subject: IdentifierSubject): Buffer {
  return Buffer.concat([
    Buffer.from(label, 'utf8'),
    lengthPrefixed([subject.group, subject.space, subject.reference]),
  ]);
}

/**
 * Derives the identifier of a customer in a channel group: HMAC-SHA-256 under the identifier key, 160 bits kept.
 * The same subject and key give the same value, so that concurrent first sign-ins need no lock.
 */
export function deriveIdentifier(
  key: KeyObject,
  version: number,
  subject: IdentifierSubject,
): CustomerIdentifier {
  const head = headOf(version, subject.space);
  const mac = createHmac('sha256', key).update(subjectBytes('symbolon/identifier', subject)).digest();
  return `${head}${base32(mac.subarray(0, 20))}` as CustomerIdentifier;
}

/**
 * An identifier that nothing can be computed from, for somebody whose derived one is used up. It looks like any other:
 * an identifier must not tell that its holder was split off or has come back after an erasure.
 */
export function randomIdentifier(version: number, space: ReferenceSpace): CustomerIdentifier {
  return `${headOf(version, space)}${base32(randomSeed(20))}` as CustomerIdentifier;
}

/** Blind index of a subject: finds a known customer without the reference standing in the store. */
export function subjectIndex(key: KeyObject, subject: IdentifierSubject): string {
  return createHmac('sha256', key)
    .update(subjectBytes('symbolon/identifier-index', subject))
    .digest('base64url');
}

/** No name of a group has this form, so the index meets none of a customer in a group. */
const ANY_GROUP = '*' as ChannelGroup;

/** Blind index of the human being behind the identifiers of all groups. */
export function personIndex(key: KeyObject, person: Omit<IdentifierSubject, 'group'>): string {
  return subjectIndex(key, { group: ANY_GROUP, ...person });
}

/** Text that can be an identifier; whether it is one, the registry says. */
export function parseIdentifier(text: string): CustomerIdentifier | undefined {
  return IDENTIFIER.test(text) ? (text as CustomerIdentifier) : undefined;
}

/** Version of the identifier key that an identifier was derived under. */
export function identifierKeyVersion(identifier: CustomerIdentifier): number {
  return VERSIONS.indexOf(identifier[1] as string) + 1;
}

/**
 * A reference as a directory gave it: a non-empty string of at most 255 bytes without control characters, or a safe
 * non-negative integer (written in decimal). Longer values are refused, never cut.
 */
export function parseReference(value: unknown): CustomerReference | undefined {
  const text = typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? String(value) : value;
  if (typeof text !== 'string' || text.length === 0) return undefined;
  if (Buffer.byteLength(text, 'utf8') > MAX_REFERENCE_BYTES) return undefined;
  // A lone surrogate would be written as U+FFFD, so two references could become one.
  if (!text.isWellFormed() || /\p{Cc}/u.test(text)) return undefined;
  return text as CustomerReference;
}

/** Names of groups, spaces, channels, partners, backends: lower-case letters, digits, `.`, `_`, `-`; at most 64. */
export function isName(text: string): boolean {
  return NAME.test(text);
}
