import type { Request } from 'express';
import { z } from 'zod';
import type { ApiKey } from '../../api-keys/api-key.ts';
import type { ApiKeys } from '../../api-keys/api-keys.ts';
import { satisfiesPolicy } from '../../api-keys/request-signatures.ts';
import { BridgeError } from '../../errors.ts';
import type { Clock } from '../../platform/clock.ts';
import {
  type ExplainingKeys,
  explainV1,
  explainV2,
  type SignatureExplanation,
} from '../../signatures/explain.ts';
import { v2KeyId } from '../../signatures/v2.ts';
import { sendJson } from '../answer.ts';
import { MAX_BODY_BYTES, readBody } from '../body.ts';
import type { Endpoint } from '../endpoint.ts';
import type { LimitGuard } from '../limit-guard.ts';
import { LIMIT_HEADERS } from '../limit-headers.ts';
import type { PartnerProof, ProvePartner } from '../partner-proof.ts';
import { header } from '../raw-headers.ts';
import { contextOf } from '../request-context.ts';
import { asSignedRequest, type PublicAddress } from '../signed-request.ts';

const policySchema = z.enum(['none', 'v1', 'v2', 'any']);

const answerSchema = z
  .strictObject({
    public_prefix: z.string().meta({ description: 'Of the key that the signature was checked with.' }),
    policy: policySchema.meta({ description: 'Which signature this key needs.' }),
    accepted: z.boolean().meta({
      description: 'Every signature of the request is right, and they are what the key needs.',
    }),
    signatures: z.array(
      z.strictObject({
        version: z.enum(['v1', 'v2']),
        right: z.boolean(),
        checks: z.array(
          z.strictObject({
            part: z.enum(['form', 'time', 'body', 'match']),
            ok: z.boolean(),
            message: z.string(),
          }),
        ),
        string_to_sign: z
          .strictObject({
            text: z.string(),
            truncated: z.boolean(),
            bytes: z.int(),
            sha256: z.string().regex(/^[0-9a-f]{64}$/),
          })
          .nullable(),
      }),
    ),
    server_time: z.int().meta({ description: 'Our time, Unix seconds.' }),
  })
  .meta({
    id: 'SignatureExplanation',
    examples: [
      {
        public_prefix: 'pk_live_7Hq2mX',
        policy: 'v1',
        accepted: false,
        signatures: [
          {
            version: 'v1',
            right: false,
            checks: [
              { part: 'form', ok: true, message: 'Both headers are there and well-formed.' },
              { part: 'time', ok: true, message: 'The time is within 300 seconds of ours.' },
              {
                part: 'match',
                ok: false,
                message: 'It was made over the body alone; the timestamp and a full stop come first.',
              },
            ],
            string_to_sign: {
              text: '1790000000.{"fields":["plan"]}',
              truncated: false,
              bytes: 30,
              sha256: '1d2f04e10ab7b8a4f2b2ba1bbd6a3e73a6a36a4e2bc0a9a8d3a1b8a4f7c6b5d4',
            },
          },
        ],
        server_time: 1_790_000_004,
      },
    ],
  });

export interface WhoamiSignatureDeps {
  provePartner: ProvePartner;
  apiKeys: Pick<ApiKeys, 'byPublicId' | 'signingKeys' | 'isLive'>;
  clock: Clock;
  limits: LimitGuard;
  address: PublicAddress;
}

const show = ({ version, right, checks, stringToSign }: SignatureExplanation) => ({
  version,
  right,
  checks,
  string_to_sign: stringToSign ?? null,
});

/**
 * `POST /whoami/signature`: the request whose signature was refused, sent here with a bearer beside it. The bearer
 * proves the partner, so what is said of the signature is said to whoever may make one. The answer tells which known
 * mistake a signature was made by, which takes the secret to make; it never holds a signature.
 */
export function whoamiSignature(deps: WhoamiSignatureDeps): Endpoint {
  const { provePartner, apiKeys, clock, limits, address } = deps;

  /** The key that the signature is to be checked with: the one named, else the presented one. */
  const keyOf = async (req: Request, keyId: string | undefined, proof: PartnerProof): Promise<ApiKey> => {
    const inHeaders = [header(req, 'api-key'), header(req, 'x-api-key')].filter((id) => id !== undefined);
    if (inHeaders.length > 1) throw new BridgeError('INVALID_API_KEY');
    const publicId = inHeaders[0] ?? keyId;
    if (publicId === undefined) {
      if (proof.key) return proof.key;
      throw new BridgeError('INVALID_API_KEY', { missing: true });
    }
    const lookup = await apiKeys.byPublicId(publicId);
    if (lookup.result === 'unknown' || lookup.key.partner !== proof.partner.id) {
      throw new BridgeError('INVALID_API_KEY');
    }
    return lookup.key;
  };

  const keysOf = (key: ApiKey): ExplainingKeys => ({
    signingKeys: apiKeys
      .signingKeys(key)
      .filter(({ secret }) => apiKeys.isLive(secret))
      .map(({ signingKey }) => signingKey.export()),
    publicKeys: key.publicKeys.map(({ ed25519 }) => ed25519),
  });

  return {
    countsFailures: true,
    contract: {
      listener: 'public',
      method: 'post',
      path: '/whoami/signature',
      operationId: 'explainSignature',
      tag: 'Partners',
      summary: 'Say why a request signature is not accepted',
      description:
        'Send the signed request here, with the same body and signature headers, and beside them a bearer of the same partner with the scope whoami: an access token or the secret of a bearer-use key. Nothing is used up. A v2 signature covers the address, so it is made for this one.',
      security: [
        ['accessToken', 'apiKey'],
        ['keySecret', 'apiKey'],
      ],
      responses: { 200: { description: 'What was found', schema: answerSchema, headers: LIMIT_HEADERS } },
      errors: [
        'INVALID_ACCESS_TOKEN',
        'INVALID_API_KEY',
        'EXPIRED_API_KEY',
        'INVALID_SIGNATURE',
        'INSUFFICIENT_SCOPE',
        'IP_NOT_ALLOWED',
        'BODY_TOO_LARGE',
        'UNSUPPORTED_MEDIA_TYPE',
        'RATE_LIMITED',
        'STORE_UNAVAILABLE',
      ],
    },
    handle: async (req, res) => {
      const context = contextOf(res);
      const body = await readBody(req, MAX_BODY_BYTES);
      const proof = await provePartner({
        req,
        body,
        context,
        scope: 'whoami',
        needsKey: false,
        limits,
        bearerAlone: true,
      });
      const request = asSignedRequest(req, body, address);
      const key = await keyOf(req, v2KeyId(request), proof);
      const keys = keysOf(key);
      const nowMs = clock.nowMs();
      const found = [explainV1(request, keys, nowMs), explainV2(request, keys, nowMs)].filter(
        (one) => one !== undefined,
      );
      sendJson(res, 200, {
        public_prefix: key.publicPrefix,
        policy: key.signature,
        accepted:
          found.every(({ right }) => right) &&
          satisfiesPolicy(
            key.signature,
            found.map(({ version }) => version),
          ),
        signatures: found.map(show),
        server_time: Math.floor(nowMs / 1000),
      });
    },
  };
}
