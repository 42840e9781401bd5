/** The proof side of a channel: which vendor it serves, by which record, with which settings. */
import { BridgeError } from '../errors.ts';
import type { AttributeRule, ChannelProfile, JsonValue, ProofShape, ValueSource } from './channel-profile.ts';
import { attributesIn } from './evaluate-value.ts';

/** How calls without a proof, or with one that has run out, are met: see docs/decisions/staged-enforcement.md. */
export type Enforcement = 'accept' | 'warn' | 'enforce';

/** What the configuration says about a channel's vendor, checked against the record. */
export interface ChannelProof {
  profile: ChannelProfile;
  /** As the record's own schema gave them, defaults filled in. */
  settings: Readonly<Record<string, JsonValue>>;
  /** Attribute of the record → profile field of the backends that fills it. */
  attributes: Readonly<Record<string, string>>;
  /** Personal attributes that may leave the house. */
  allowedPersonalData: ReadonlySet<string>;
  lifetimeSeconds: number;
  /** OAuth client that the vendor is, for `oidc_code`. */
  client: string | undefined;
}

/** How long a proof that never expires is used before it is asked for again, unless configured. */
export const UNENDING_PROOF_SECONDS = 3_600;
/** Longest life of a proof under a published key: its key stays in the key set that long after it last signed. */
export const MAX_PUBLISHED_PROOF_SECONDS = 86_400;
/** Life of an authorization code, as `expires_in` before one is issued. */
const CODE_SECONDS = 60;

/** Lifetimes that a shape allows; `undefined` where the proof has one of its own. */
export function proofLifetime(proof: ProofShape): { defaultSeconds: number; maxSeconds: number } | undefined {
  switch (proof.shape) {
    case 'shared_secret_jwt':
    case 'published_key_jwt':
    case 'fetched_token':
      return proof.lifetime;
    case 'hmac':
      return { defaultSeconds: UNENDING_PROOF_SECONDS, maxSeconds: 86_400 };
    case 'pass_through':
      return undefined;
    case 'oidc_code':
      return { defaultSeconds: CODE_SECONDS, maxSeconds: CODE_SECONDS };
  }
}

/** The lists of values that a proof is made of. */
function valuesOf(proof: ProofShape): ValueSource[] {
  switch (proof.shape) {
    case 'shared_secret_jwt':
    case 'published_key_jwt':
      return [...Object.values(proof.header), ...Object.values(proof.claims)];
    case 'hmac':
      return [proof.message];
    case 'fetched_token':
      return Object.values(proof.request.body);
    case 'pass_through':
    case 'oidc_code':
      return [];
  }
}

/** Attributes that stand in the proof or in what the page is told, in that order. */
export function attributesThatLeave(profile: ChannelProfile): string[] {
  return attributesIn([...valuesOf(profile.proof), ...Object.values(profile.web.members)]);
}

const TYPES: Record<AttributeRule['type'], (value: unknown) => boolean> = {
  string: (value) => typeof value === 'string',
  boolean: (value) => typeof value === 'boolean',
  number: (value) => typeof value === 'number' && Number.isFinite(value),
  integer: (value) => Number.isSafeInteger(value),
};

/** Control characters have no place in a name or an address; a lone surrogate has no UTF-8. */
const UNFIT = /[\p{Cc}\p{Cs}]/u;

/** Why a value is not one that the record takes for an attribute; `undefined` when it is. */
function attributeFault(rule: AttributeRule, value: unknown): 'type' | 'length' | 'characters' | undefined {
  if (!TYPES[rule.type](value)) return 'type';
  if (typeof value !== 'string') return undefined;
  if (rule.maxLength !== undefined && value.length > rule.maxLength) return 'length';
  return UNFIT.test(value) ? 'characters' : undefined;
}

const notAllowed = (member: string, fault: string) =>
  new BridgeError('CHANNEL_VALUE_NOT_ALLOWED', { details: { member, fault } });

/**
 * Holds the values of attributes against the record: of the right type and length, and allowed to leave the house.
 * An empty text counts as missing. A value that does not fit is left out where the record can do without it, and
 * refused where it cannot. Throws `CHANNEL_ATTRIBUTE_MISSING`, `CHANNEL_VALUE_NOT_ALLOWED`.
 */
export function checkAttributes(
  { profile, allowedPersonalData }: Pick<ChannelProof, 'profile' | 'allowedPersonalData'>,
  given: Readonly<Record<string, unknown>>,
): { attributes: Record<string, JsonValue>; leftOut: string[] } {
  const attributes: Record<string, JsonValue> = {};
  const leftOut: string[] = [];
  for (const [name, rule] of Object.entries(profile.attributes)) {
    const value = Object.hasOwn(given, name) ? given[name] : undefined;
    const missing = value === undefined || value === null || value === '';
    const fault = missing ? undefined : attributeFault(rule, value);
    const isPrivate = rule.personal && !allowedPersonalData.has(name);
    if (!missing && !fault && !isPrivate) {
      attributes[name] = value as JsonValue;
      continue;
    }
    if (rule.required) {
      if (fault) throw notAllowed(name, fault);
      throw new BridgeError('CHANNEL_ATTRIBUTE_MISSING', { details: { attribute: name } });
    }
    if (!missing) leftOut.push(name);
  }
  return { attributes, leftOut };
}

/** Holds our identifier against the record's rule, where that is what the vendor knows customers by. Throws `CHANNEL_VALUE_NOT_ALLOWED`. */
export function checkIdentifier({ identifier }: ChannelProfile, value: string): void {
  const { is, field, maxLength, pattern } = identifier;
  if (is !== 'opaque') return;
  if (maxLength !== undefined && value.length > maxLength) throw notAllowed(field, 'length');
  if (pattern && !wholeMatch(pattern, value)) throw notAllowed(field, 'characters');
}

function wholeMatch(pattern: RegExp, value: string): boolean {
  const flags = pattern.flags.replaceAll(/[gy]/g, '');
  return new RegExp(`^(?:${pattern.source})$`, flags).test(value);
}

const MAX_INPUT_LENGTH = 1_024;

/**
 * What the page sends along, held against the record: known names, text, whole matches. Throws `INVALID_REQUEST`,
 * naming the input.
 */
export function checkInputs(
  { inputs }: Pick<ChannelProfile, 'inputs'>,
  given: Readonly<Record<string, unknown>>,
): Record<string, string> {
  const refuse = (name: string, message: string): never => {
    throw new BridgeError('INVALID_REQUEST', { message, details: { input: name } });
  };
  for (const name of Object.keys(given)) {
    if (Object.hasOwn(inputs, name)) continue;
    // What the caller wrote is not sent back: a page might have put anything there.
    const message = 'The input holds something that this channel does not take.';
    throw new BridgeError('INVALID_REQUEST', { message, details: { inputs: Object.keys(inputs) } });
  }
  const checked: Record<string, string> = {};
  for (const [name, rule] of Object.entries(inputs)) {
    const value = Object.hasOwn(given, name) ? given[name] : undefined;
    if (value === undefined) {
      if (rule.required) refuse(name, 'This channel needs an input of this name.');
      continue;
    }
    if (typeof value !== 'string' || value.length > MAX_INPUT_LENGTH || !wholeMatch(rule.pattern, value)) {
      return refuse(name, 'This input is not of the form that the channel takes.');
    }
    checked[name] = value;
  }
  return checked;
}
