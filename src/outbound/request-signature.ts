import { createPrivateKey, type KeyObject } from 'node:crypto';
import { z } from 'zod';
import { decodeBase64Url } from '../platform/encoding.ts';
import { randomToken } from '../platform/random.ts';
import { secretSetting } from '../platform/settings.ts';
import { epochSeconds } from '../platform/clock.ts';
import { type SignedRequest, signingKeyOf } from '../signatures/signed-request.ts';
import { signV1, V1_SIGNATURE_HEADER, V1_TIMESTAMP_HEADER } from '../signatures/v1.ts';
import { signV2, V2_HEADERS, type V2SigningKey } from '../signatures/v2.ts';
import type { OutboundAuthScheme, OutboundRequest, SigningTarget } from './outbound-types.ts';
import { headerNameSetting } from './outbound-settings.ts';

const keyIdSetting = z.string().regex(/^[\x21-\x7e]{1,255}$/, 'must be one word of visible ASCII');
const NONCE_BYTES = 18;

const bodyBytes = ({ body }: OutboundRequest): Buffer =>
  typeof body === 'string' ? Buffer.from(body, 'utf8') : (body ?? Buffer.alloc(0));

const v1Schema = z.strictObject({
  type: z.literal('signature_v1'),
  /** Public id that says whose signature it is. */
  key_id: keyIdSetting,
  secret: secretSetting(),
  /** Header that carries the public id. */
  key_header: headerNameSetting.default('x-api-key'),
});

/** Signs timestamp and body (docs/signatures.md, v1): `X-Timestamp`, `X-API-Signature` and the public id. */
export const signatureV1: OutboundAuthScheme<typeof v1Schema> = {
  type: 'signature_v1',
  optionsSchema: v1Schema,
  headerNames: (options) => [options.key_header, V1_TIMESTAMP_HEADER, V1_SIGNATURE_HEADER],
  create(options, { clock }) {
    const named = { [options.key_header]: options.key_id };
    const signingKey = signingKeyOf(options.secret);
    return {
      authorise: () => named,
      sign: (request) =>
        signV1({ signingKey, timestampSeconds: epochSeconds(clock), body: bodyBytes(request) }),
      onRejected: () => false,
    };
  },
};

const ed25519Setting = secretSetting().refine(
  (text) => decodeBase64Url(text)?.length === 32 || privateKeyOf(text) !== undefined,
  'must be an Ed25519 private key: PEM text, or its 32 bytes as base64url',
);

const v2Schema = z
  .strictObject({
    type: z.literal('signature_v2'),
    key_id: keyIdSetting,
    /** For `hmac-sha256`. */
    secret: secretSetting().optional(),
    /** For `ed25519`. */
    private_key: ed25519Setting.optional(),
    /** Further headers of the request to be covered, in lower case. */
    also_cover: z.array(headerNameSetting).max(10).default([]),
  })
  .refine(
    ({ secret, private_key: privateKey }) => (secret === undefined) !== (privateKey === undefined),
    'needs exactly one of secret and private_key',
  );

/** PKCS #8 of an Ed25519 key without its 32 bytes (RFC 8410 section 7). */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

function privateKeyOf(text: string): KeyObject | undefined {
  const raw = decodeBase64Url(text);
  try {
    const key =
      raw?.length === 32
        ? createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, raw]), format: 'der', type: 'pkcs8' })
        : createPrivateKey(text);
    return key.asymmetricKeyType === 'ed25519' ? key : undefined;
  } catch {
    return undefined;
  }
}

function asSignedRequest(request: OutboundRequest, { authority, basePath }: SigningTarget): SignedRequest {
  const url = basePath + request.path;
  const mark = url.indexOf('?');
  return {
    method: request.method,
    authority,
    path: mark < 0 ? url : url.slice(0, mark),
    query: mark < 0 ? '' : url.slice(mark),
    body: bodyBytes(request),
    header: (name) => request.headers[name],
  };
}

/** Signs by the RFC 9421 profile (docs/signatures.md, v2). */
export const signatureV2: OutboundAuthScheme<typeof v2Schema> = {
  type: 'signature_v2',
  optionsSchema: v2Schema,
  headerNames: () => [...V2_HEADERS],
  create(options, { clock }) {
    const key: V2SigningKey =
      options.private_key === undefined
        ? { algorithm: 'hmac-sha256', signingKey: signingKeyOf(options.secret as string) }
        : { algorithm: 'ed25519', privateKey: privateKeyOf(options.private_key) as KeyObject };
    return {
      authorise: () => ({}),
      sign: (request, target) => {
        const signed = asSignedRequest(request, target);
        return signV2({
          request: signed,
          keyId: options.key_id,
          key,
          createdSeconds: epochSeconds(clock),
          nonce: randomToken(NONCE_BYTES),
          alsoCover: options.also_cover.filter((name) => signed.header(name) !== undefined),
        });
      },
      onRejected: () => false,
    };
  },
};
