import { createHmac, createPublicKey, type KeyObject, sign, timingSafeEqual, verify } from 'node:crypto';
import { contentDigest, contentDigestProblem } from './content-digest.ts';
import type { SignatureProblem, SignedRequest } from './signed-request.ts';
import {
  type BareItem,
  type InnerList,
  type Item,
  type Member,
  parseDictionary,
  serializeBareItem,
  serializeInnerList,
} from './structured-fields.ts';

/** `created` may be this far from our own clock, to both sides. */
export const V2_WINDOW_SECONDS = 60;
export const V2_TAG = 'bridge-v2';
export const V2_HEADERS = ['signature', 'signature-input', 'content-digest'] as const;

const LABEL = 'sig1';
const ALGORITHMS = ['hmac-sha256', 'ed25519'] as const;
export type V2Algorithm = (typeof ALGORITHMS)[number];
const SIGNATURE_BYTES: Readonly<Record<V2Algorithm, number>> = { 'hmac-sha256': 32, ed25519: 64 };

const PARAMETERS = new Set(['created', 'expires', 'keyid', 'nonce', 'alg', 'tag']);
const NONCE = /^[\x21-\x7e]{16,128}$/;
const FIELD_NAME = /^[a-z0-9!#$%&'*+.^_`|~-]{1,128}$/;
const MAX_COMPONENTS = 30;

/** What a signer holds: the HMAC key that follows from a secret, or an Ed25519 private key. */
export type V2SigningKey =
  | { algorithm: 'hmac-sha256'; signingKey: KeyObject | Uint8Array }
  | { algorithm: 'ed25519'; privateKey: KeyObject };

/** A v2 signature as it was sent, well-formed. */
export interface V2Signature {
  version: 'v2';
  algorithm: V2Algorithm;
  keyId: string;
  nonce: string;
  createdSeconds: number;
  expiresSeconds: number | undefined;
  components: readonly string[];
  signature: Buffer;
  /** What was signed (RFC 9421 section 2.5). */
  base: string;
}

const NO_PARAMETERS: ReadonlyMap<string, BareItem> = new Map();

/** The value of a component (RFC 9421 sections 2.1 and 2.2); `undefined` for one that this profile does not take. */
function componentValue(request: SignedRequest, name: string): string | undefined {
  switch (name) {
    case '@method':
      return request.method;
    case '@authority':
      return request.authority;
    case '@path':
      return request.path === '' ? '/' : request.path;
    case '@query':
      return request.query === '' ? '?' : request.query;
    default:
      return FIELD_NAME.test(name) ? request.header(name)?.trim() : undefined;
  }
}

/** The signature base (RFC 9421 section 2.5); `undefined` when a component is not in the request. */
function signatureBase(request: SignedRequest, list: InnerList): string | undefined {
  const lines: string[] = [];
  for (const { value: name } of list.items) {
    const value = componentValue(request, name as string);
    if (value === undefined) return undefined;
    lines.push(`${serializeBareItem(name)}: ${value}`);
  }
  lines.push(`"@signature-params": ${serializeInnerList(list)}`);
  return lines.join('\n');
}

/** The components that this request must have signed; one with a body carries its digest. */
function requiredComponents(request: SignedRequest): string[] {
  const required = ['@method', '@authority', '@path', '@query'];
  if (request.header('content-digest') !== undefined) required.push('content-digest');
  if (request.header('content-type') !== undefined) required.push('content-type');
  return required;
}

/**
 * The headers that sign a request: `signature-input`, `signature` and, where there is a body, `content-digest`.
 * Headers named in `alsoCover` must be in the request. The nonce must never be used twice with one key.
 */
export function signV2(options: {
  request: SignedRequest;
  keyId: string;
  key: V2SigningKey;
  createdSeconds: number;
  nonce: string;
  alsoCover?: readonly string[];
}): Record<string, string> {
  const { request, key } = options;
  const digest = request.body.length > 0 ? contentDigest(request.body) : undefined;
  const signed: SignedRequest = {
    ...request,
    header: (name) => (name === 'content-digest' ? digest : request.header(name)),
  };
  const components = [...new Set([...requiredComponents(signed), ...(options.alsoCover ?? [])])];
  const list: InnerList = {
    items: components.map((value): Item => ({ value, parameters: NO_PARAMETERS })),
    parameters: new Map<string, BareItem>([
      ['created', options.createdSeconds],
      ['keyid', options.keyId],
      ['nonce', options.nonce],
      ['alg', key.algorithm],
      ['tag', V2_TAG],
    ]),
  };
  const base = signatureBase(signed, list);
  if (base === undefined) throw new TypeError('a header to be signed is not in the request');
  const bytes = Buffer.from(base, 'latin1');
  const signature =
    key.algorithm === 'ed25519'
      ? sign(null, bytes, key.privateKey)
      : createHmac('sha256', key.signingKey).update(bytes).digest();
  return {
    ...(digest === undefined ? {} : { 'content-digest': digest }),
    'signature-input': `${LABEL}=${serializeInnerList(list)}`,
    signature: `${LABEL}=:${signature.toString('base64')}:`,
  };
}

function isInnerList(member: Member): member is InnerList {
  return 'items' in member;
}

/** The one member that carries our tag; other parties' signatures may stand beside it. */
function taggedMember(inputs: Map<string, Member>): [string, InnerList] | SignatureProblem | undefined {
  let found: [string, InnerList] | undefined;
  for (const [label, member] of inputs) {
    if (!isInnerList(member)) return 'signature_input_malformed';
    if (member.parameters.get('tag') !== V2_TAG) continue;
    if (found) return 'signature_input_malformed';
    found = [label, member];
  }
  return found;
}

/** The `keyid` of our tag, also where the rest cannot be right. */
export function v2KeyId(request: Pick<SignedRequest, 'header'>): string | undefined {
  const inputs = parseDictionary(request.header('signature-input') ?? '');
  const tagged = inputs && taggedMember(inputs);
  const keyId = typeof tagged === 'object' ? tagged[1].parameters.get('keyid') : undefined;
  return typeof keyId === 'string' ? keyId : undefined;
}

interface V2Input {
  list: InnerList;
  algorithm: V2Algorithm;
  keyId: string;
  nonce: string;
  createdSeconds: number;
  expiresSeconds: number | undefined;
}

function readParameters(list: InnerList): V2Input | SignatureProblem {
  const { parameters } = list;
  for (const name of parameters.keys()) if (!PARAMETERS.has(name)) return 'signature_input_malformed';
  const created = parameters.get('created');
  const expires = parameters.get('expires');
  const keyId = parameters.get('keyid');
  const nonce = parameters.get('nonce');
  const algorithm = ALGORITHMS.find((name) => name === parameters.get('alg'));
  if (created === undefined) return 'timestamp_missing';
  if (typeof created !== 'number' || created < 0) return 'timestamp_malformed';
  if (expires !== undefined && typeof expires !== 'number') return 'timestamp_malformed';
  if (typeof keyId !== 'string') return 'key_id_mismatch';
  if (typeof nonce !== 'string' || !NONCE.test(nonce)) return 'nonce_malformed';
  if (algorithm === undefined) return 'algorithm_refused';
  return { list, algorithm, keyId, nonce, createdSeconds: created, expiresSeconds: expires };
}

/** Names of the covered components: plain ones without parameters, each once. */
function readComponents(list: InnerList): string[] | undefined {
  const names: string[] = [];
  if (list.items.length > MAX_COMPONENTS) return undefined;
  for (const { value, parameters } of list.items) {
    if (typeof value !== 'string' || parameters.size > 0 || names.includes(value)) return undefined;
    names.push(value);
  }
  return names;
}

function signatureBytes(
  request: SignedRequest,
  label: string,
  algorithm: V2Algorithm,
): Buffer | SignatureProblem {
  const field = request.header('signature');
  if (field === undefined) return 'signature_missing';
  const member = parseDictionary(field)?.get(label);
  if (!member) return 'signature_malformed';
  if (isInnerList(member) || !Buffer.isBuffer(member.value)) return 'signature_malformed';
  return member.value.length === SIGNATURE_BYTES[algorithm] ? member.value : 'signature_malformed';
}

/**
 * Reads a v2 signature and builds what it covers: `undefined` when the request carries none of our tag, a problem
 * when it cannot be right whatever the key. Nothing is known yet of who signed.
 */
export function readV2(request: SignedRequest): V2Signature | SignatureProblem | undefined {
  const field = request.header('signature-input');
  if (field === undefined) {
    return request.header('signature') === undefined ? undefined : 'signature_input_missing';
  }
  const inputs = parseDictionary(field);
  if (!inputs) return 'signature_input_malformed';
  const tagged = taggedMember(inputs);
  if (tagged === undefined || typeof tagged === 'string') return tagged;
  const [label, list] = tagged;
  const input = readParameters(list);
  if (typeof input === 'string') return input;
  const components = readComponents(list);
  if (!components) return 'component_unusable';
  if (request.body.length > 0 && request.header('content-digest') === undefined) return 'digest_missing';
  if (requiredComponents(request).some((name) => !components.includes(name))) return 'component_missing';
  const signature = signatureBytes(request, label, input.algorithm);
  if (typeof signature === 'string') return signature;
  const base = signatureBase(request, list);
  if (base === undefined) return 'component_unusable';
  const { algorithm, keyId, nonce, createdSeconds, expiresSeconds } = input;
  return {
    version: 'v2',
    algorithm,
    keyId,
    nonce,
    createdSeconds,
    expiresSeconds,
    components,
    signature,
    base,
  };
}

/** Whether the signature was made with this HMAC key; in constant time. */
export function v2MatchesHmac(signature: V2Signature, signingKey: KeyObject | Uint8Array): boolean {
  if (signature.algorithm !== 'hmac-sha256') return false;
  const mac = createHmac('sha256', signingKey).update(signature.base, 'latin1').digest();
  return timingSafeEqual(mac, signature.signature);
}

/** Whether the signature was made with the private half of this Ed25519 key. */
export function v2MatchesEd25519(signature: V2Signature, publicKey: KeyObject): boolean {
  if (signature.algorithm !== 'ed25519') return false;
  return verify(null, Buffer.from(signature.base, 'latin1'), publicKey, signature.signature);
}

/** Whether the body is the one whose digest was signed; a request without a digest has no body. */
export function v2BodyProblem(request: SignedRequest): SignatureProblem | undefined {
  const field = request.header('content-digest');
  return field === undefined ? undefined : contentDigestProblem(field, request.body);
}

/** Whether the signature may be taken at `nowMs`: within the window, its ends included, and not past its own expiry. */
export function v2TimeProblem(signature: V2Signature, nowMs: number): SignatureProblem | undefined {
  const nowSeconds = Math.floor(nowMs / 1000);
  if (Math.abs(signature.createdSeconds - nowSeconds) > V2_WINDOW_SECONDS) return 'timestamp_outside_window';
  if (signature.expiresSeconds !== undefined && nowSeconds >= signature.expiresSeconds) return 'expired';
  return undefined;
}

/** The key object of an Ed25519 public key given by its 32 bytes, base64url (RFC 8037). Throws for any other text. */
export function ed25519PublicKey(x: string): KeyObject {
  return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
}
