import { OAuthError } from '../errors.ts';
import { decodeUtf8 } from '../platform/encoding.ts';

/**
 * Client id and secret of an `Authorization: Basic` header, each form-decoded as RFC 6749 section 2.3.1 says.
 * `undefined` without such a header; throws `invalid_client` for a broken one.
 */
export function basicCredentials(
  authorization: string | undefined,
): { clientId: string; secret: string } | undefined {
  if (authorization === undefined) return undefined;
  const match = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(authorization);
  const text = match && decodeUtf8(Buffer.from(match[1] as string, 'base64'));
  const colon = text ? text.indexOf(':') : -1;
  if (!text || colon < 0) throw new OAuthError('invalid_client');
  try {
    const decode = (part: string) => decodeURIComponent(part.replaceAll('+', ' '));
    return { clientId: decode(text.slice(0, colon)), secret: decode(text.slice(colon + 1)) };
  } catch {
    throw new OAuthError('invalid_client');
  }
}
