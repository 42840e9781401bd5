import { z } from 'zod';
import { nameSetting, urlSetting } from '../../platform/settings.ts';

/** RFC 7518 section 3.1 and RFC 8037 without the symmetric ones: a public key is never a secret. */
export const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
] as const;

/** Members of a private or symmetric key (RFC 7518 section 6). */
const SECRET_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];

/** Claims that name people as people do: they change hands, so that they are no references. */
const CHANGING_CLAIMS = /^(email|name|nickname|preferred_username|upn|unique_name|phone_number)$/;

/** StringOrURI (RFC 7519 section 2), compared byte by byte. */
export const exactText = z.string().min(1).max(255);

/** Name of the claim that holds the reference. */
export const referenceClaimSetting = z
  .string()
  .min(1)
  .max(128)
  .refine((name) => !CHANGING_CLAIMS.test(name), 'is a name that people change; name an immutable id')
  .default('sub');

const keySetting = z
  .record(z.string().max(64), z.unknown())
  .refine((key) => ['RSA', 'EC', 'OKP'].includes(String(key.kty)), 'must be a public key as a JSON Web Key')
  .refine((key) => !SECRET_MEMBERS.some((name) => name in key), 'must hold the public half of a key alone');

/** The issuer of a provider, letter by letter; discovery starts there. */
export const issuerSetting = urlSetting.refine(
  (value) => !value.includes('?') && value.length <= 255,
  'must have no query and at most 255 characters',
);

export const jwtSettings = z
  .strictObject({
    name: nameSetting,
    type: z.literal('jwt'),
    reference_space: nameSetting,
    /** `iss`, exactly as the tokens have it. */
    issuer: issuerSetting,
    /** `aud`: the client ids (ID tokens) or the API's own name (access tokens). */
    audiences: z.array(exactText).min(1).max(20),
    /** `azp` or `client_id`. Default for ID tokens: the audiences. */
    authorized_parties: z.array(exactText).min(1).max(20).optional(),
    token_type: z.enum(['id_token', 'access_token']).default('id_token'),
    /** `typ` of the header. A header without one counts as `JWT`. */
    header_types: z
      .array(z.enum(['JWT', 'at+jwt']))
      .min(1)
      .max(2)
      .optional(),
    algorithms: z.array(z.enum(ALGORITHMS)).min(1).default(['RS256', 'ES256']),
    max_age_seconds: z.int().min(10).max(86_400).default(600),
    max_lifetime_seconds: z.int().min(10).max(86_400).default(3_600),
    clock_tolerance_seconds: z.int().min(0).max(60).default(60),
    require_jti: z.boolean().default(true),
    single_use: z.boolean().default(false),
    reference_claim: referenceClaimSetting,
    keys_url: urlSetting.optional(),
    keys: z.array(keySetting).min(1).max(20).optional(),
    keys_max_age_seconds: z.int().min(60).max(86_400).default(600),
    keys_stale_seconds: z.int().min(0).max(604_800).default(86_400),
  })
  .refine((one) => one.keys_url === undefined || one.keys === undefined, {
    path: ['keys'],
    message: 'stands beside keys_url; give one of them, or neither for discovery',
  })
  .refine((one) => one.token_type === 'id_token' || one.authorized_parties !== undefined, {
    path: ['authorized_parties'],
    message: 'must name the apps that may bring their access tokens',
  })
  .refine((one) => one.token_type === 'access_token' || !one.header_types?.includes('at+jwt'), {
    path: ['header_types'],
    message: 'must not hold at+jwt, which marks access tokens, when token_type is id_token',
  })
  .refine((one) => one.require_jti || !one.single_use, {
    path: ['require_jti'],
    message: 'cannot be false with single_use, which remembers jti',
  });

export type JwtSettings = z.output<typeof jwtSettings>;
