import { type JsonObject, readJsonObject } from '../../outbound/json-answer.ts';
import {
  type Destination,
  type HttpClient,
  OutboundError,
  type OutboundResponse,
} from '../../outbound/outbound-types.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Logger } from '../../platform/logger.ts';
import { otherIssuer } from '../jwt/other-issuer.ts';
import type { OidcSettings } from './oidc-settings.ts';

const MAX_ANSWER_BYTES = 65_536;
const MAX_CONNECTIONS = 16;

/** How long a discovery document is used before it is fetched anew, and how much longer while it cannot be had. */
const DISCOVERY_MAX_AGE_MS = 600_000;
const DISCOVERY_STALE_MS = 86_400_000;
/** After a failure, with an older document to go on with. Without one every sign-in tries. */
const FAILURE_PAUSE_MS = 30_000;

/** Where the provider is, and what it says of itself. */
export interface ProviderEndpoints {
  authorizationUrl: URL;
  tokenUrl: URL;
  /** Says that every answer of the authorization endpoint names its issuer (RFC 9207 section 3). */
  sendsIssuer: boolean;
  /** The discovery document; `undefined` where every address is configured. */
  document: JsonObject | undefined;
}

export interface OidcProvider {
  /** Throws `OutboundError` when it is not known and cannot be had. */
  endpoints(): Promise<ProviderEndpoints>;
  /** The same, fetched now. */
  fetchEndpoints(): Promise<ProviderEndpoints>;
  /** Asks the token endpoint. Throws `OutboundError`. */
  postToToken(
    endpoints: ProviderEndpoints,
    form: URLSearchParams,
    headers: Record<string, string>,
  ): Promise<OutboundResponse>;
}

export interface OidcProviderDeps {
  httpClient: HttpClient;
  clock: Clock;
  logger: Logger;
}

/** The discovery document's address of an endpoint. A document must not send us to a host that nobody configured. */
function endpointOf(
  document: JsonObject,
  member: string,
  { issuer, setting }: { issuer: URL; setting: string },
): URL {
  const address = document[member];
  const wrong = (detail: string) => new OutboundError('protocol', issuer.origin, detail);
  if (typeof address !== 'string' || !URL.canParse(address)) {
    throw wrong(`its discovery document has no ${member}`);
  }
  const url = new URL(address);
  if (url.origin !== issuer.origin || url.username !== '' || url.hash !== '') {
    throw wrong(`its ${member} is at another host: write ${setting}`);
  }
  return url;
}

/** Reads a discovery document (OpenID Connect Discovery 1.0 section 4.3). Throws `OutboundError`. */
function readDocument(settings: OidcSettings, document: JsonObject | undefined): ProviderEndpoints {
  const issuer = new URL(settings.issuer);
  if (document?.issuer !== settings.issuer) {
    throw otherIssuer(settings.issuer, document);
  }
  const at = (configured: string | undefined, member: string, setting: string) =>
    configured === undefined ? endpointOf(document, member, { issuer, setting }) : new URL(configured);
  return {
    authorizationUrl: at(settings.authorization_url, 'authorization_endpoint', 'authorization_url'),
    tokenUrl: at(settings.token_url, 'token_endpoint', 'token_url'),
    sendsIssuer: document.authorization_response_iss_parameter_supported === true,
    document,
  };
}

/**
 * One identity provider: its addresses by discovery or configuration, and its token endpoint. Only hosts that the
 * configuration names are called. Throws `StartRefused` for an address that we may not call.
 */
export function createOidcProvider(settings: OidcSettings, deps: OidcProviderDeps): OidcProvider {
  const { httpClient, clock, logger } = deps;
  const destination = (url: URL, setting: string): Destination =>
    httpClient.destination(url.origin, {
      setting: `authenticators.${settings.name}.${setting}`,
      maxResponseBytes: MAX_ANSWER_BYTES,
      totalTimeoutMs: settings.timeout_ms,
      maxConnections: MAX_CONNECTIONS,
    });
  const issuer = new URL(settings.issuer);
  const atIssuer = destination(issuer, 'issuer');
  const { authorization_url, token_url, keys_url } = settings;
  const atToken = token_url === undefined ? atIssuer : destination(new URL(token_url), 'token_url');
  const discovery = new URL(`${settings.issuer.replace(/\/$/, '')}/.well-known/openid-configuration`);

  const fixed: ProviderEndpoints | undefined =
    authorization_url !== undefined && token_url !== undefined && keys_url !== undefined
      ? {
          authorizationUrl: new URL(authorization_url),
          tokenUrl: new URL(token_url),
          sendsIssuer: false,
          document: undefined,
        }
      : undefined;

  let known: ProviderEndpoints | undefined;
  let fetchedAtMs = Number.NEGATIVE_INFINITY;
  let failedAtMs = Number.NEGATIVE_INFINITY;
  let underWay: Promise<ProviderEndpoints> | undefined;

  const discover = async (): Promise<ProviderEndpoints> => {
    const headers = { accept: 'application/json' };
    const response = await httpClient.request(atIssuer, { method: 'GET', path: discovery.pathname, headers });
    if (response.status !== 200) {
      throw new OutboundError('protocol', atIssuer.origin, `status ${response.status}`);
    }
    return readDocument(settings, readJsonObject(response));
  };
  const fetchEndpoints = (): Promise<ProviderEndpoints> => {
    if (fixed) return Promise.resolve(fixed);
    underWay ??= discover()
      .then((found) => {
        known = found;
        fetchedAtMs = clock.monotonicMs();
        return found;
      })
      .catch((error: unknown) => {
        failedAtMs = clock.monotonicMs();
        const reason = error instanceof OutboundError ? error.message : 'failed';
        logger.log('warn', { event: 'authenticator.discovery_failed', authenticator: settings.name, reason });
        throw error;
      })
      .finally(() => (underWay = undefined));
    return underWay;
  };

  return {
    fetchEndpoints,
    endpoints: async () => {
      const nowMs = clock.monotonicMs();
      if (!known || nowMs - fetchedAtMs >= DISCOVERY_STALE_MS) return fetchEndpoints();
      const isDue = nowMs - fetchedAtMs >= DISCOVERY_MAX_AGE_MS && nowMs - failedAtMs >= FAILURE_PAUSE_MS;
      // In the background: nobody waits for a provider that hangs while its addresses are known.
      if (isDue) fetchEndpoints().catch(() => {});
      return known;
    },
    postToToken: (endpoints, form, headers) =>
      httpClient.request(atToken, {
        method: 'POST',
        path: endpoints.tokenUrl.pathname + endpoints.tokenUrl.search,
        headers: {
          'content-type': 'application/x-www-form-urlencoded',
          accept: 'application/json',
          ...headers,
        },
        body: form.toString(),
      }),
  };
}
