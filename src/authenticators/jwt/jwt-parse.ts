import { decodeBase64Url, decodeUtf8 } from '../../platform/encoding.ts';
import { repeatsMember } from '../../platform/json-members.ts';

/** Longer tokens are refused before anything is decoded. */
export const MAX_SUBJECT_TOKEN_LENGTH = 8_192;

const KID = /^[\x21-\x7e]{1,256}$/;

/** Ways to bring a key along or to change what is signed (RFC 7515 section 4.1, RFC 7797), and content in content. */
const REFUSED_MEMBERS = ['jwk', 'jku', 'x5u', 'x5c', 'crit', 'b64', 'zip', 'enc', 'cty'];

/** A token taken apart. Nothing of it is to be believed before its signature is checked. */
export interface ClaimedToken {
  alg: string;
  /** In lower case and without `application/`; `jwt` when the header has none (RFC 7515 section 4.1.9). */
  typ: string;
  kid: string | undefined;
  claims: Record<string, unknown>;
}

/** A JSON object without a member given twice, which two readers could take for two things (RFC 7515 section 4). */
function decodeObject(part: string): Record<string, unknown> | undefined {
  const bytes = decodeBase64Url(part);
  const text = bytes && decodeUtf8(bytes);
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    return repeatsMember(text, value) ? undefined : (value as Record<string, unknown>);
  } catch {
    return undefined;
  }
}

/**
 * Takes a signed JWT of an identity provider apart: the compact form alone, in canonical base64url. `undefined` for
 * encrypted tokens, unsigned ones, and headers that bring a key, an extension or another token.
 */
export function parseSubjectToken(token: string): ClaimedToken | undefined {
  if (token.length > MAX_SUBJECT_TOKEN_LENGTH) return undefined;
  const parts = token.split('.');
  const [head, payload, signature] = parts;
  if (parts.length !== 3 || !head || !payload || !signature) return undefined;
  if (decodeBase64Url(signature) === undefined) return undefined;
  const header = decodeObject(head);
  if (!header || REFUSED_MEMBERS.some((name) => Object.hasOwn(header, name))) return undefined;
  const { alg, typ = 'JWT', kid } = header;
  if (typeof alg !== 'string' || typeof typ !== 'string') return undefined;
  if (kid !== undefined && (typeof kid !== 'string' || !KID.test(kid))) return undefined;
  const claims = decodeObject(payload);
  if (!claims) return undefined;
  return { alg, typ: typ.toLowerCase().replace(/^application\//, ''), kid, claims };
}
