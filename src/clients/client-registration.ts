import { createPublicKey } from 'node:crypto';
import type { JWK } from 'jose';
import { BridgeError } from '../errors.ts';
import { isScope } from '../partners/scopes.ts';
import type { ApplicationType, ClientAuthentication, OAuthClient, OpenIdSettings } from './client.ts';
import { checkOpenIdSettings, OPENID_SCOPE } from './openid-settings.ts';
import { redirectUriProblem } from './redirect-uri.ts';

export interface ClientSettings {
  partner: string;
  label: string;
  scopes: string[];
  grantTypes: string[];
  /** Default `web`. */
  applicationType?: ApplicationType | undefined;
  /** Default `third`. */
  party?: OAuthClient['party'] | undefined;
  /** Default: `private_key_jwt` with keys, `none` for applications that cannot keep a secret, else `secret`. */
  authentication?: ClientAuthentication | undefined;
  redirectUris?: string[] | undefined;
  publicKeys?: JWK[] | undefined;
  /** A client of OpenID Connect: the scope `openid` is then always among its scopes. */
  openid?: OpenIdSettings | undefined;
}

/** Everything that a client registers, with defaults filled in. */
export type Registration = Pick<
  OAuthClient,
  | 'scopes'
  | 'grantTypes'
  | 'applicationType'
  | 'party'
  | 'authentication'
  | 'redirectUris'
  | 'publicKeys'
  | 'openid'
>;

const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];
const MIN_RSA_BITS = 2_048;
/** What a client without any authentication may do: everything else would be open to everybody. */
const PUBLIC_GRANTS = new Set(['authorization_code', 'refresh_token']);

function refuse(member: string, message: string): never {
  throw new BridgeError('INVALID_REQUEST', { message, details: { member } });
}

/** The algorithm that a registered key verifies, from its type; `undefined` for a key that we do not take. */
export function algorithmOf(key: JWK): 'ES256' | 'RS256' | 'EdDSA' | undefined {
  if (key.kty === 'EC' && key.crv === 'P-256') return 'ES256';
  if (key.kty === 'OKP' && key.crv === 'Ed25519') return 'EdDSA';
  return key.kty === 'RSA' ? 'RS256' : undefined;
}

function checkKeys(keys: readonly JWK[]): void {
  const kids = keys.map(({ kid }) => kid);
  if (keys.length > 1 && (kids.includes(undefined) || new Set(kids).size < kids.length)) {
    refuse('jwks', 'With several keys each needs a kid of its own.');
  }
  for (const key of keys) {
    if (PRIVATE_MEMBERS.some((name) => name in key)) refuse('jwks', 'A key holds private members.');
    const algorithm = algorithmOf(key);
    if (!algorithm || (key.alg !== undefined && key.alg !== algorithm && key.alg !== 'Ed25519')) {
      refuse('jwks', 'Keys are EC P-256 (ES256), RSA (RS256) or Ed25519 (EdDSA).');
    }
    try {
      const held = createPublicKey({ key, format: 'jwk' });
      const bits = held.asymmetricKeyDetails?.modulusLength;
      if (bits !== undefined && bits < MIN_RSA_BITS) refuse('jwks', 'An RSA key has at least 2,048 bits.');
    } catch (error) {
      if (error instanceof BridgeError) throw error;
      refuse('jwks', 'A key is not a valid public JSON Web Key (RFC 7517).');
    }
  }
}

function defaultAuthentication(settings: ClientSettings): ClientAuthentication {
  if (settings.publicKeys && settings.publicKeys.length > 0) return 'private_key_jwt';
  return (settings.applicationType ?? 'web') === 'web' ? 'secret' : 'none';
}

/**
 * The scopes of a client, each once: those that exist, and `openid` for a client of OpenID Connect, asked for or not.
 * Throws `INVALID_REQUEST`.
 */
export function clientScopes(scopes: readonly string[], isOpenId: boolean): string[] {
  const unknown = scopes.find((scope) => !isScope(scope) && !(isOpenId && scope === OPENID_SCOPE));
  if (unknown !== undefined) {
    throw new BridgeError('INVALID_REQUEST', {
      message:
        unknown === OPENID_SCOPE
          ? 'The scope openid is for clients that are registered for OpenID Connect.'
          : 'There is no such scope.',
      details: { scope: unknown },
    });
  }
  return [...new Set(isOpenId ? [OPENID_SCOPE, ...scopes] : scopes)];
}

/** Throws `INVALID_REQUEST` for a redirect URI that this application type may not have. */
export function checkRedirectUris(
  uris: readonly string[],
  applicationType: ApplicationType,
  loopbackForAll: boolean,
): void {
  for (const uri of uris) {
    const problem = redirectUriProblem(uri, { applicationType, loopbackForAll });
    if (problem !== undefined) refuse('redirect_uris', problem);
  }
}

/** Checks what a client wants to register, as a whole. Throws `INVALID_REQUEST` naming the member to mend. */
export function checkRegistration(
  settings: ClientSettings,
  rules: { loopbackForAll: boolean },
): Registration {
  const registration: Registration = {
    scopes: clientScopes(settings.scopes, settings.openid !== undefined),
    grantTypes: [...new Set(settings.grantTypes)],
    applicationType: settings.applicationType ?? 'web',
    party: settings.party ?? 'third',
    authentication: settings.authentication ?? defaultAuthentication(settings),
    redirectUris: [...new Set(settings.redirectUris ?? [])],
    publicKeys: settings.publicKeys ?? [],
    openid: settings.openid,
  };
  const { grantTypes, applicationType, authentication, redirectUris, publicKeys } = registration;
  checkRedirectUris(redirectUris, applicationType, rules.loopbackForAll);
  checkKeys(publicKeys);
  if ((authentication === 'private_key_jwt') !== publicKeys.length > 0) {
    refuse('jwks', 'Keys and the authentication private_key_jwt belong together.');
  }
  if (applicationType === 'spa' && authentication !== 'none') {
    refuse('authentication', 'An application that runs in a browser can keep no secret.');
  }
  if (authentication === 'none' && grantTypes.some((grant) => !PUBLIC_GRANTS.has(grant))) {
    refuse(
      'grant_types',
      'A public client may have authorization_code and refresh_token only. For a server application use the type web.',
    );
  }
  if (grantTypes.includes('authorization_code') !== redirectUris.length > 0) {
    refuse('redirect_uris', 'Redirect URIs and the grant authorization_code belong together.');
  }
  if (grantTypes.includes('refresh_token') && !grantTypes.includes('authorization_code')) {
    refuse('grant_types', 'refresh_token goes with authorization_code.');
  }
  if (registration.openid) checkOpenIdSettings(registration.openid, registration);
  return registration;
}
