import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { SignedRequest } from '../../../src/signatures/signed-request.ts';

export interface V1Vector {
  name: string;
  timestamp: string;
  body_base64: string;
  string_to_sign_base64: string;
  signature: string;
}

export interface V2Vector {
  name: string;
  algorithm: 'hmac-sha256' | 'ed25519';
  key_id: string;
  method: string;
  authority: string;
  path: string;
  query: string;
  headers: Record<string, string>;
  also_cover: string[];
  body_base64: string;
  created: number;
  nonce: string;
  string_to_sign: string;
  content_digest: string | null;
  signature_input: string;
  signature: string;
}

interface Vectors {
  secret: string;
  signing_key: string;
  ed25519: { private_key: string; public_key: string };
  v1: V1Vector[];
  v2: V2Vector[];
}

/** The vectors that partners test their own code with. */
export const vectors = JSON.parse(
  readFileSync(resolve(import.meta.dirname, '../../../docs/signature-vectors.json'), 'utf8'),
) as Vectors;

export const SECRET = vectors.secret;
export const NOW_SECONDS = 1_790_000_000;
export const NOW_MS = NOW_SECONDS * 1_000;

/** A request with these headers; lower-case names. */
export function request(
  change: Partial<Omit<SignedRequest, 'header'>> = {},
  headers: Record<string, string> = {},
) {
  return {
    method: 'POST',
    authority: 'identity.example.com',
    path: '/getprofile',
    query: '',
    body: Buffer.from('{"fields":["plan"]}'),
    ...change,
    header: (name: string) => headers[name],
  } satisfies SignedRequest;
}
