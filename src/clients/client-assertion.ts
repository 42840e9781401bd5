import { importJWK, type JWK, jwtVerify } from 'jose';
import type { Clock } from '../platform/clock.ts';
import { decodeBase64Url, decodeUtf8 } from '../platform/encoding.ts';
import { repeatsMember } from '../platform/json-members.ts';
import { isJsonObject } from '../platform/json-object.ts';
import { rememberPastMs, replayId, type ReplayStore } from '../replay/replay.ts';
import type { OAuthClient } from './client.ts';
import { algorithmOf } from './client-registration.ts';

/** RFC 7523 section 2.2. */
export const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
export const ASSERTION_ALGORITHMS = ['ES256', 'RS256', 'EdDSA', 'Ed25519'] as const;
/** Longest life of an assertion, in seconds. */
const MAX_ASSERTION_SECONDS = 300;

const MAX_ASSERTION_LENGTH = 8_192;
const MAX_JTI_LENGTH = 128;

export interface ClientAssertionsDeps {
  clock: Clock;
  /** What `aud` may be: exactly one of these, as one string. */
  audiences: readonly string[];
  replay: Pick<ReplayStore, 'consume'>;
  clockToleranceSeconds: number;
}

/** Ways to bring a key along or to change what is signed (RFC 7515 section 4.1, RFC 7797), and content in content. */
const REFUSED_MEMBERS = ['jwk', 'jku', 'x5u', 'x5c', 'crit', 'b64', 'zip', 'enc', 'cty'];
/** In lower case. The second is the explicit type of draft-ietf-oauth-rfc7523bis; any other names another kind of token. */
const HEADER_TYPES = ['jwt', 'client-authentication+jwt'];

/** A JSON object without a member given twice, which two readers could take for two things (RFC 7515 section 4). */
function jsonPart(part: string): Record<string, unknown> | undefined {
  const bytes = decodeBase64Url(part);
  const text = bytes && decodeUtf8(bytes);
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) && !repeatsMember(text, value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** The client id that an assertion claims, to find the keys to check it with; nothing is trusted yet. */
export function claimedClientId(assertion: string): string | undefined {
  if (assertion.length > MAX_ASSERTION_LENGTH) return undefined;
  const parts = assertion.split('.');
  const { iss, sub } = (parts.length === 3 && jsonPart(parts[1] as string)) || {};
  return typeof iss === 'string' && iss === sub ? iss : undefined;
}

/** The registered key that an assertion names or, with one key, that one. Keys in the header are never looked at. */
function keyFor(assertion: string, keys: readonly JWK[]): JWK | undefined {
  const header = jsonPart(assertion.slice(0, assertion.indexOf('.')));
  if (!header || REFUSED_MEMBERS.some((name) => Object.hasOwn(header, name))) return undefined;
  const { typ = 'JWT' } = header;
  if (typeof typ !== 'string') return undefined;
  if (!HEADER_TYPES.includes(typ.toLowerCase().replace(/^application\//, ''))) return undefined;
  if (header.kid === undefined) return keys.length === 1 ? keys[0] : undefined;
  return keys.find(({ kid }) => kid === header.kid) ?? keys.find(({ kid }) => kid === undefined);
}

/** Checks client assertions (RFC 7523 section 3): exact audience, at most five minutes, each `jti` once. */
export function createClientAssertions(deps: ClientAssertionsDeps) {
  const { clock } = deps;

  const verifiedClaims = async (client: OAuthClient, assertion: string) => {
    // One spelling alone, so that nobody can write a used assertion anew.
    if (assertion.split('.').some((part) => decodeBase64Url(part) === undefined)) return undefined;
    // Reads the claims as strictly as the header, which the library does not.
    if (claimedClientId(assertion) !== client.clientId) return undefined;
    const key = keyFor(assertion, client.publicKeys);
    const algorithm = key && algorithmOf(key);
    if (!key || !algorithm) return undefined;
    try {
      const { payload } = await jwtVerify(assertion, await importJWK(key, algorithm), {
        algorithms: algorithm === 'EdDSA' ? ['EdDSA', 'Ed25519'] : [algorithm],
        issuer: client.clientId,
        subject: client.clientId,
        requiredClaims: ['exp', 'jti', 'aud'],
        clockTolerance: deps.clockToleranceSeconds,
        currentDate: new Date(clock.nowMs()),
      });
      return payload;
    } catch {
      return undefined;
    }
  };

  return {
    /** Whether this is a fresh assertion of the client. Uses its `jti` up. */
    accepts: async (client: OAuthClient, assertion: string): Promise<boolean> => {
      if (assertion.length > MAX_ASSERTION_LENGTH) return false;
      const claims = await verifiedClaims(client, assertion);
      if (!claims) return false;
      const { aud, exp, iat, jti } = claims;
      const nowSeconds = clock.nowMs() / 1000;
      const latest = nowSeconds + MAX_ASSERTION_SECONDS + deps.clockToleranceSeconds;
      if (typeof aud !== 'string' || !deps.audiences.includes(aud)) return false;
      if (typeof exp !== 'number' || exp > latest) return false;
      if (iat !== undefined) {
        const issued = typeof iat === 'number' && iat <= nowSeconds + deps.clockToleranceSeconds;
        if (!issued || exp - iat > MAX_ASSERTION_SECONDS) return false;
      }
      if (typeof jti !== 'string' || jti.length === 0 || jti.length > MAX_JTI_LENGTH) return false;
      const untilMs = rememberPastMs(Math.ceil((exp + deps.clockToleranceSeconds) * 1000));
      return (
        (await deps.replay.consume('client-assertion', replayId([client.clientId, jti]), untilMs)) === 'fresh'
      );
    },
  };
}

export type ClientAssertions = ReturnType<typeof createClientAssertions>;
