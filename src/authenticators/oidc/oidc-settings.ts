import { createPrivateKey, type KeyObject } from 'node:crypto';
import { z } from 'zod';
import { nameSetting, secretSetting, urlSetting } from '../../platform/settings.ts';
import {
  ALGORITHMS,
  exactText,
  issuerSetting,
  type JwtSettings,
  jwtSettings,
  referenceClaimSetting,
} from '../jwt/jwt-settings.ts';

/** Parameters of the request that this service sets itself (RFC 6749, RFC 7636, OIDC Core 1.0). */
const OWN_PARAMETERS =
  /^(response_type|response_mode|client_id|client_secret|redirect_uri|scope|state|nonce|code_challenge|code_challenge_method|prompt|max_age|acr_values|request|request_uri)$/;

/** How long after its `iat` an ID token is taken: it comes straight from the token endpoint. */
const ID_TOKEN_AGE_SECONDS = 300;
/** An ID token is looked at once and thrown away, so a long life of it does no harm. */
const ID_TOKEN_LIFETIME_SECONDS = 86_400;
const MIN_RSA_BITS = 2_048;

export type AssertionAlgorithm = 'RS256' | 'ES256' | 'EdDSA';

/** Reads a private key in PEM and says how it signs; `undefined` for a key that we do not take. */
export function readAssertionKey(pem: string): { key: KeyObject; alg: AssertionAlgorithm } | undefined {
  try {
    const key = createPrivateKey(pem);
    const { modulusLength = 0, namedCurve } = key.asymmetricKeyDetails ?? {};
    if (key.asymmetricKeyType === 'rsa' && modulusLength >= MIN_RSA_BITS) return { key, alg: 'RS256' };
    if (key.asymmetricKeyType === 'ec' && namedCurve === 'prime256v1') return { key, alg: 'ES256' };
    return key.asymmetricKeyType === 'ed25519' ? { key, alg: 'EdDSA' } : undefined;
  } catch {
    return undefined;
  }
}

/** An endpoint of the provider: its own query may stand in it. */
const endpointSetting = urlSetting.refine((value) => value.length <= 1_000, 'has at most 1,000 characters');

const scopeSetting = z
  .string()
  .regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,128}$/, 'must be one scope without spaces');

export const oidcSettings = z
  .strictObject({
    name: nameSetting,
    type: z.literal('oidc'),
    reference_space: nameSetting,
    /** `iss` of the ID tokens, letter by letter; the base of discovery. */
    issuer: issuerSetting,
    /** As the provider registered us. */
    client_id: exactText,
    client_secret: secretSetting({ minLength: 8 }).optional(),
    client_authentication: z
      .enum(['client_secret_basic', 'client_secret_post', 'private_key_jwt'])
      .default('client_secret_basic'),
    /** PEM, RSA from 2,048 bits, P-256 or Ed25519. */
    private_key: z
      .string()
      .refine(
        (pem) => readAssertionKey(pem) !== undefined,
        'must be a private key in PEM: RSA of 2,048 bits or more, P-256 or Ed25519; usually written as file:PATH',
      )
      .meta({ secret: true })
      .optional(),
    /** `kid` under which the provider knows the public half. */
    private_key_id: exactText.optional(),
    /** `aud` of our assertions. */
    assertion_audience: z.enum(['issuer', 'token_url']).default('issuer'),
    scopes: z
      .array(scopeSetting)
      .min(1)
      .max(20)
      .refine((scopes) => scopes.includes('openid'), 'must hold openid, without which there is no ID token')
      .default(['openid']),
    response_mode: z.enum(['query', 'form_post']).default('query'),
    prompt: z.enum(['login', 'consent', 'select_account']).optional(),
    max_sign_in_age_seconds: z.int().min(0).max(31_536_000).optional(),
    /** The ID token must say one of these as `acr`. */
    acr_values: z.array(exactText).min(1).max(10).optional(),
    /** Further parameters of the authorization request. */
    parameters: z
      .record(z.string().regex(/^[A-Za-z0-9_.-]{1,64}$/), z.string().max(500))
      .refine((extra) => !Object.keys(extra).some((name) => OWN_PARAMETERS.test(name)), {
        message: 'must not set a parameter that has a setting of its own or that this service decides',
      })
      .default({}),
    reference_claim: referenceClaimSetting,
    algorithms: z.array(z.enum(ALGORITHMS)).min(1).default(['RS256', 'ES256']),
    clock_tolerance_seconds: z.int().min(0).max(60).default(60),
    authorization_url: endpointSetting.optional(),
    token_url: endpointSetting.optional(),
    keys_url: urlSetting.optional(),
    timeout_ms: z.int().min(100).max(5_000).default(5_000),
  })
  .refine((one) => one.client_authentication === 'private_key_jwt' || one.client_secret !== undefined, {
    path: ['client_secret'],
    message: 'must be given for this client_authentication',
  })
  .refine((one) => one.client_authentication !== 'private_key_jwt' || one.private_key !== undefined, {
    path: ['private_key'],
    message: 'must be given for private_key_jwt',
  })
  .refine((one) => one.client_authentication !== 'private_key_jwt' || one.client_secret === undefined, {
    path: ['client_secret'],
    message: 'is not used with private_key_jwt; leave it out',
  });

export type OidcSettings = z.output<typeof oidcSettings>;

/**
 * The rules for this provider's ID and logout tokens, as the `jwt` authenticator has them: for our client alone, as
 * audience and as authorised party. Replay is the business of `nonce` here, so that no `jti` is needed.
 */
export function tokenRulesOf(settings: OidcSettings): JwtSettings {
  const { name, reference_space, issuer, client_id, algorithms, reference_claim, keys_url } = settings;
  return jwtSettings.parse({
    name,
    type: 'jwt',
    reference_space,
    issuer,
    audiences: [client_id],
    algorithms,
    reference_claim,
    clock_tolerance_seconds: settings.clock_tolerance_seconds,
    max_age_seconds: ID_TOKEN_AGE_SECONDS,
    max_lifetime_seconds: ID_TOKEN_LIFETIME_SECONDS,
    require_jti: false,
    ...(keys_url === undefined ? {} : { keys_url }),
  });
}
