import { failureSentence } from '../../connections/failure-sentence.ts';
import { readJsonObject } from '../../outbound/json-answer.ts';
import type { ProbeResult } from '../authenticator.ts';
import type { KeySet } from '../jwt/key-set.ts';
import type { ClientProof } from './oidc-client.ts';
import type { OidcProvider, ProviderEndpoints } from './oidc-provider.ts';
import type { OidcSettings } from './oidc-settings.ts';

export interface OidcProbeDeps {
  settings: OidcSettings;
  provider: OidcProvider;
  keySet: KeySet;
  proveClient(endpoints: ProviderEndpoints): Promise<ClientProof>;
  redirectUri: string;
}

const listOf = (value: unknown): unknown[] | undefined => (Array.isArray(value) ? value : undefined);

/** What the provider says of itself that does not fit the settings, as a sentence. */
function misfit({ document }: ProviderEndpoints, settings: OidcSettings): string | undefined {
  if (!document) return undefined;
  const { issuer, response_mode: mode, client_authentication: method } = settings;
  const responses = listOf(document.response_types_supported);
  if (responses && !responses.includes('code')) return `${issuer} does not offer the response type code.`;
  // Both defaults are those of OpenID Connect Discovery 1.0 section 3.
  const methods = listOf(document.token_endpoint_auth_methods_supported) ?? ['client_secret_basic'];
  if (!methods.includes(method)) {
    return `${issuer} does not offer client_authentication: ${method}.`;
  }
  const modes = listOf(document.response_modes_supported) ?? ['query', 'fragment'];
  if (!modes.includes(mode)) return `${issuer} does not offer response_mode: ${mode}.`;
  const signs = listOf(document.id_token_signing_alg_values_supported);
  if (signs && !settings.algorithms.some((one) => signs.includes(one))) {
    return `${issuer} signs ID tokens with none of the configured algorithms.`;
  }
  return undefined;
}

/** What the token endpoint makes of our own credentials, told by a code that nobody ever issued. */
async function clientVerdict(deps: OidcProbeDeps, endpoints: ProviderEndpoints): Promise<ProbeResult> {
  const { settings, provider, redirectUri } = deps;
  const { form, headers } = await deps.proveClient(endpoints);
  const asked = new URLSearchParams({
    grant_type: 'authorization_code',
    code: 'symbolon-doctor',
    redirect_uri: redirectUri,
    code_verifier: 'symbolon-doctor-symbolon-doctor-symbolon-doctor',
    ...form,
  });
  const response = await provider.postToToken(endpoints, asked, headers);
  const error = readJsonObject(response)?.error;
  if (error === 'invalid_grant') {
    return { ok: true, message: `takes ${settings.client_id} and its credentials` };
  }
  if (response.status === 401 || error === 'invalid_client' || error === 'unauthorized_client') {
    return {
      ok: false,
      message: `refuses ${settings.client_id} or its credentials: check client_id, client_secret or private_key, and client_authentication`,
    };
  }
  const code = typeof error === 'string' && /^[a-z_]{1,40}$/.test(error) ? `, ${error}` : '';
  return {
    ok: true,
    warning: true,
    message: `answered ${response.status}${code} to a made-up code, so nobody can tell whether it takes our credentials`,
  };
}

/** Tries discovery, keys and our own credentials; names the redirect URI that the provider has to know. */
export async function probeOidc(deps: OidcProbeDeps): Promise<ProbeResult> {
  const { settings, redirectUri } = deps;
  try {
    const endpoints = await deps.provider.fetchEndpoints();
    const wrong = misfit(endpoints, settings);
    if (wrong !== undefined) return { ok: false, message: wrong };
    const keys = await deps.keySet.probe();
    const client = await clientVerdict(deps, endpoints);
    const challenges = listOf(endpoints.document?.code_challenge_methods_supported);
    const noPkce =
      endpoints.document && !challenges?.includes('S256')
        ? ' It does not say that it checks PKCE with S256: ask its operator.'
        : '';
    return {
      ...client,
      ...(client.ok && noPkce !== '' ? { warning: true } : {}),
      message: `${settings.issuer} ${client.message}; ${keys} keys. Redirect URI to register there: ${redirectUri}.${noPkce}`,
    };
  } catch (error) {
    return { ok: false, message: failureSentence(error) };
  }
}
