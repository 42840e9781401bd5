import type { Channel } from '../../channels/channel.ts';
import { isRegisteredRedirectUri } from '../../clients/redirect-uri.ts';
import { BridgeError } from '../../errors.ts';

/** Longest address to come back to: it travels in a cookie. */
export const MAX_RETURN_LENGTH = 1_000;

/** Visible ASCII without what browsers read in their own ways. */
const CHARACTERS = /^[\x21\x23-\x3b\x3d\x3f-\x5b\x5d\x5f\x61-\x7a\x7e]+$/;

/** Parameters of our own answers (RFC 6749 section 4.1.2, RFC 9207): one of the address's own would stand twice. */
const ANSWER_PARAMETERS = ['code', 'state', 'iss', 'error'];

/** Where a sign-in by redirect leads back to. */
export interface SignInTarget {
  kind: 'page' | 'app';
  uri: string;
}

function refuse(member: string, message: string): never {
  throw new BridgeError('INVALID_REQUEST', { message, details: { member } });
}

/**
 * An address as a browser writes it itself, so that what is compared is what is gone to. Of the web alone: a `blob:`
 * address has an origin, too, and leads to whatever that page made. `http:` fits only an origin that is one of `http:`.
 */
function plainUrl(uri: string): URL {
  const url =
    uri.length <= MAX_RETURN_LENGTH && CHARACTERS.test(uri) && URL.canParse(uri) ? new URL(uri) : undefined;
  const isPlain = url && /^https?:$/.test(url.protocol) && (url.href === uri || url.href === `${uri}/`);
  if (!isPlain || url.username !== '' || url.password !== '' || uri.includes('#')) {
    refuse('return_to', 'The address to come back to is not a plain absolute address without a fragment.');
  }
  const own = ANSWER_PARAMETERS.find((name) => url.searchParams.has(name));
  if (own !== undefined) refuse('return_to', `The query of the address to come back to holds no ${own}.`);
  return url;
}

/**
 * Where a sign-in may lead back to: for an app (it brings a PKCE challenge) exactly a registered redirect of the
 * channel, for a page any address of exactly one of the channel's origins or of our own. Throws `INVALID_REQUEST`.
 */
export function signInTarget(
  channel: Channel,
  { returnTo, isApp, publicOrigin }: { returnTo: string; isApp: boolean; publicOrigin: string },
): SignInTarget {
  const { appRedirects, allowedOrigins, allowedDeliveries } = channel;
  if (isApp) {
    if (
      returnTo.length > MAX_RETURN_LENGTH ||
      !isRegisteredRedirectUri({ applicationType: 'native', redirectUris: appRedirects }, returnTo)
    ) {
      refuse('return_to', 'This channel does not list that address under app_redirects.');
    }
    return { kind: 'app', uri: returnTo };
  }
  if (appRedirects.includes(returnTo)) {
    refuse('code_challenge', 'An app has to send a code_challenge, without which its code could be stolen.');
  }
  const { origin } = plainUrl(returnTo);
  if (origin !== publicOrigin && !allowedOrigins.includes(origin)) {
    refuse('return_to', 'The address to come back to is on no origin of this channel.');
  }
  if (!allowedDeliveries.includes('cookie')) {
    refuse('channel', 'This channel does not allow cookies, which a page needs.');
  }
  return { kind: 'page', uri: returnTo };
}

/** The address with parameters added; what the address has of its own stays as it is. */
export function withParameters(uri: string, parameters: Record<string, string | undefined>): string {
  const added = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) if (value !== undefined) added.set(name, value);
  const mark = uri.includes('?') ? (uri.endsWith('?') ? '' : '&') : '?';
  return `${uri}${mark}${added.toString()}`;
}
