import { SignJWT } from 'jose';
import type { Clock } from '../../platform/clock.ts';
import { randomToken } from '../../platform/random.ts';
import type { ProviderEndpoints } from './oidc-provider.ts';
import { type OidcSettings, readAssertionKey } from './oidc-settings.ts';

/** RFC 7523 section 2.2. */
const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
const ASSERTION_SECONDS = 60;

/** How we prove at the token endpoint who we are: what goes into the form, and what into the headers. */
export interface ClientProof {
  form: Record<string, string>;
  headers: Record<string, string>;
}

/** application/x-www-form-urlencoded, as RFC 6749 section 2.3.1 wants id and secret before they go into Basic. */
const formEncode = (value: string): string => new URLSearchParams({ v: value }).toString().slice(2);

/** Our own authentication at the provider (OIDC Core 1.0 section 9). */
export function createClientProof(
  settings: OidcSettings,
  { clock }: { clock: Clock },
): (endpoints: ProviderEndpoints) => Promise<ClientProof> {
  const { client_id: clientId, client_secret: secret = '' } = settings;
  switch (settings.client_authentication) {
    case 'client_secret_basic': {
      const pair = `${formEncode(clientId)}:${formEncode(secret)}`;
      const authorization = `Basic ${Buffer.from(pair, 'utf8').toString('base64')}`;
      return () => Promise.resolve({ form: {}, headers: { authorization } });
    }
    case 'client_secret_post':
      return () => Promise.resolve({ form: { client_id: clientId, client_secret: secret }, headers: {} });
    case 'private_key_jwt':
      break;
  }
  const held = readAssertionKey(settings.private_key ?? '');
  if (!held) throw new TypeError('no private key');
  const { private_key_id: kid } = settings;
  return async ({ tokenUrl }) => {
    const nowSeconds = Math.floor(clock.nowMs() / 1000);
    const assertion = await new SignJWT({ jti: randomToken(16) })
      .setProtectedHeader({ alg: held.alg, typ: 'JWT', ...(kid === undefined ? {} : { kid }) })
      .setIssuer(clientId)
      .setSubject(clientId)
      .setAudience(settings.assertion_audience === 'issuer' ? settings.issuer : tokenUrl.href)
      .setIssuedAt(nowSeconds)
      .setExpirationTime(nowSeconds + ASSERTION_SECONDS)
      .sign(held.key);
    return {
      form: { client_id: clientId, client_assertion_type: ASSERTION_TYPE, client_assertion: assertion },
      headers: {},
    };
  };
}
