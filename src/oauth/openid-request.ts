import type { OAuthClient } from '../clients/client.ts';
import type { CustomerIdentifier } from '../identifiers/identifier.ts';
import { isScope } from '../partners/scopes.ts';
import { OPENID_SCOPE } from '../clients/openid-settings.ts';
import type { Parameters } from './parameters.ts';

/** Parameters of OpenID Connect that say what they ask for by themselves (Core 1.0 section 3.1.2.1). */
export interface OpenIdParameters {
  nonce: string | undefined;
  prompt: 'none' | 'login' | 'consent' | undefined;
  /** The sign-in may be this old, in seconds. */
  maxAgeSeconds: number | undefined;
}

/** What an authentication request of OpenID Connect asks beyond OAuth 2.0. */
export interface OpenIdRequest extends OpenIdParameters {
  /** Whom the `id_token_hint` names: nobody else gets a code. */
  expectedCustomerId: CustomerIdentifier | undefined;
}

const NONCE = /^[\x20-\x7E]{1,255}$/;
const MAX_AGE = /^\d{1,9}$/;
const PROMPTS = new Set(['none', 'login', 'consent', 'select_account']);

/**
 * Reads the parameters of OpenID Connect; a sentence when one is wrong. `select_account` signs in anew, as does a
 * `max_age` of 0. Parameters that only hint (`display`, `ui_locales`, `login_hint`, `acr_values`, `claims`) are
 * left alone.
 */
export function readOpenIdParameters(parameters: Parameters): OpenIdParameters | string {
  const { nonce, prompt, max_age: maxAge } = parameters;
  if (nonce !== undefined && !NONCE.test(nonce)) return 'The nonce is at most 255 ASCII characters.';
  if (maxAge !== undefined && !MAX_AGE.test(maxAge)) return 'The max_age is a number of seconds.';
  const prompts = new Set(prompt === undefined ? [] : prompt.split(' '));
  if ([...prompts].some((one) => !PROMPTS.has(one))) return 'This prompt is not known.';
  if (prompts.has('none') && prompts.size > 1) return 'The prompt none stands alone.';
  const maxAgeSeconds = maxAge === undefined ? undefined : Number(maxAge);
  const anew = prompts.has('login') || prompts.has('select_account') || maxAgeSeconds === 0;
  return {
    nonce,
    prompt: prompts.has('none') ? 'none' : anew ? 'login' : prompts.has('consent') ? 'consent' : undefined,
    maxAgeSeconds,
  };
}

/** The parameters without the wish to sign in anew, once that has happened. */
export function withoutSignInAnew(parameters: Parameters): Parameters {
  const { prompt, max_age: maxAge, ...others } = parameters;
  const rest = (prompt ?? '').split(' ').filter((one) => one !== 'login' && one !== 'select_account');
  return {
    ...others,
    ...(rest.join('') === '' ? {} : { prompt: rest.join(' ') }),
    ...(maxAge === undefined || /^0+$/.test(maxAge) ? {} : { max_age: maxAge }),
  };
}

/**
 * The scope of a request without words that are not ours: a request of OpenID Connect may hold `profile`, `email` or
 * `offline_access`, and what is not understood is left alone (Core 1.0 section 3.1.2.1).
 */
export function understoodScope(client: OAuthClient, scope: string | undefined): string | undefined {
  if (!client.openid || scope === undefined) return scope;
  const words = scope.split(' ');
  if (!words.includes(OPENID_SCOPE)) return scope;
  return words.filter((word) => word === OPENID_SCOPE || isScope(word)).join(' ');
}
