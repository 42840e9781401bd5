import { BridgeError } from '../errors.ts';
import { RESERVED_ID_CLAIMS } from '../tokens/id-token.ts';
import type { ClientAuthentication, OpenIdSettings } from './client.ts';

/** The scope that makes a request one of OpenID Connect (Core 1.0 section 3.1.2.1). */
export const OPENID_SCOPE = 'openid';

const MAX_CLAIMS = 20;
const CLAIM = /^[A-Za-z][A-Za-z0-9_.:/-]{0,99}$/;
const FIELD = /^[\x21-\x7E]{1,64}$/;
const ACR = /^[\x21-\x7E]{1,255}$/;

function refuse(member: string, message: string): never {
  throw new BridgeError('INVALID_REQUEST', { message, details: { member } });
}

/** Checks the OpenID part of a registration. Throws `INVALID_REQUEST`. */
export function checkOpenIdSettings(
  settings: OpenIdSettings,
  client: { grantTypes: readonly string[]; authentication: ClientAuthentication },
): void {
  if (!client.grantTypes.includes('authorization_code')) {
    refuse('openid', 'OpenID Connect goes with the grant authorization_code.');
  }
  if (settings.pkce === 'vendor' && client.authentication === 'none') {
    refuse('openid', 'A client without authentication uses PKCE.');
  }
  const claims = Object.entries(settings.claims);
  if (claims.length > MAX_CLAIMS) refuse('openid', `At most ${MAX_CLAIMS} claims.`);
  for (const [claim, field] of claims) {
    if (!CLAIM.test(claim)) refuse('openid', 'A claim is named with letters, digits and _ . : / -');
    if (RESERVED_ID_CLAIMS.has(claim)) refuse('openid', `The claim ${claim} has a meaning of its own.`);
    if (!FIELD.test(field)) refuse('openid', `The claim ${claim} names no profile field.`);
  }
  if (settings.acr !== undefined && !ACR.test(settings.acr)) {
    refuse('openid', 'The acr is at most 255 visible ASCII characters.');
  }
}
