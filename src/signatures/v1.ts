import { createHmac, type KeyObject, timingSafeEqual } from 'node:crypto';
import type { SignatureProblem, SignedRequest } from './signed-request.ts';

/** A timestamp may be this far from our own clock, to both sides. */
export const V1_WINDOW_SECONDS = 300;
export const V1_TIMESTAMP_HEADER = 'x-timestamp';
export const V1_SIGNATURE_HEADER = 'x-api-signature';

/** Sixteen digits hold any time there will be, exactly. */
const TIMESTAMP = /^\d{1,16}$/;
const SIGNATURE = /^[0-9a-fA-F]{64}$/;

/** A v1 signature as it was sent, well-formed. */
export interface V1Signature {
  version: 'v1';
  /** As sent: these digits are what was signed. */
  timestamp: string;
  /** 32 bytes; two spellings of one signature are the same bytes. */
  mac: Buffer;
}

/** What was signed: the timestamp as sent, a full stop, the raw body. */
export function v1SignedBytes(timestamp: string, body: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(`${timestamp}.`, 'latin1'), body]);
}

function macOf(signingKey: KeyObject | Uint8Array, timestamp: string, body: Uint8Array): Buffer {
  return createHmac('sha256', signingKey).update(`${timestamp}.`, 'latin1').update(body).digest();
}

/** The headers that sign a body. `signingKey` is what `signingKeyOf` makes of the secret. */
export function signV1(options: {
  signingKey: KeyObject | Uint8Array;
  timestampSeconds: number;
  body: Uint8Array;
}): { [V1_TIMESTAMP_HEADER]: string; [V1_SIGNATURE_HEADER]: string } {
  const timestamp = String(options.timestampSeconds);
  return {
    [V1_TIMESTAMP_HEADER]: timestamp,
    [V1_SIGNATURE_HEADER]: macOf(options.signingKey, timestamp, options.body).toString('hex'),
  };
}

/**
 * Reads the two headers: `undefined` when neither is there, a problem when one is missing or malformed. A list, a
 * prefix or white space around the digits is malformed.
 */
export function readV1(request: Pick<SignedRequest, 'header'>): V1Signature | SignatureProblem | undefined {
  const timestamp = request.header(V1_TIMESTAMP_HEADER);
  const signature = request.header(V1_SIGNATURE_HEADER);
  if (timestamp === undefined && signature === undefined) return undefined;
  if (timestamp === undefined) return 'timestamp_missing';
  if (signature === undefined) return 'signature_missing';
  if (!TIMESTAMP.test(timestamp)) return 'timestamp_malformed';
  if (!SIGNATURE.test(signature)) return 'signature_malformed';
  return { version: 'v1', timestamp, mac: Buffer.from(signature, 'hex') };
}

/** Whether the signature was made with this key over this body; in constant time. */
export function v1Matches(
  signature: V1Signature,
  signingKey: KeyObject | Uint8Array,
  body: Uint8Array,
): boolean {
  return timingSafeEqual(macOf(signingKey, signature.timestamp, body), signature.mac);
}

/** Whether the timestamp is within the window around `nowMs`, its ends included. */
export function v1IsTimely(signature: V1Signature, nowMs: number): boolean {
  return Math.abs(Number(signature.timestamp) - Math.floor(nowMs / 1000)) <= V1_WINDOW_SECONDS;
}
