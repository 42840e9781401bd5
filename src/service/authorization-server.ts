import type { NewAddresses } from '../api-keys/new-addresses.ts';
import type { Audit } from '../audit/audit.ts';
import type { Channels } from '../channels/channel.ts';
import { createClientAssertions } from '../clients/client-assertion.ts';
import { type Clients, createClients } from '../clients/clients.ts';
import { type Config, isLoopbackUrl } from '../config/config.ts';
import { createCustomerTokenCheck } from '../customers/customer-token-check.ts';
import type { GetProfile } from '../customers/profile/get-profile.ts';
import type { Identities } from '../customers/identities.ts';
import { createFormStates } from '../http/pages/form-states.ts';
import { createPages } from '../http/pages/page.ts';
import type { CustomerIdentifier } from '../identifiers/identifier.ts';
import type { Keyring } from '../keyring/keyring.ts';
import type { AppFamilies, AppFamilyPayload } from '../oauth/app-access.ts';
import { createAuthorizationCodes } from '../oauth/authorization-codes.ts';
import { createReadAuthorizationRequest } from '../oauth/authorization-request.ts';
import { createAuthorize } from '../oauth/authorize.ts';
import { createClientAuthentication } from '../oauth/client-authentication.ts';
import { createConsents } from '../oauth/consents.ts';
import { createGrants } from '../oauth/grants/registry.ts';
import { createIntrospectToken } from '../oauth/introspect-token.ts';
import { createRevokeToken } from '../oauth/revoke-token.ts';
import { createTokenEndpoint, type TokenEndpoint } from '../oauth/token-endpoint.ts';
import type { Partners } from '../partners/partners.ts';
import type { Clock } from '../platform/clock.ts';
import type { RecurringTask } from '../platform/watch.ts';
import type { ReplayStore } from '../replay/replay.ts';
import type { Revocations } from '../revocation/revocations.ts';
import type { Standings } from '../revocation/standings.ts';
import type { EndedReferences } from '../sessions/ended-references.ts';
import type { FindSurvivor } from '../sessions/present-customer.ts';
import type { Sessions } from '../sessions/sessions.ts';
import type { SqlStores } from '../stores/sql/sql-stores.ts';
import { type AccessTokens, MAX_ACCESS_TOKEN_SECONDS } from '../tokens/access-token.ts';
import { type CustomerTokens, LONGEST_SHOWN_SECONDS } from '../tokens/customer-token.ts';
import { withOtherNames } from '../tokens/families-of-merged.ts';
import { createRefreshFamilies } from '../tokens/refresh-families.ts';
import type { SigningRings } from '../tokens/signing-rings.ts';
import { openCustomerDevices } from './customer-devices.ts';
import { openOpenIdProvider } from './openid-provider.ts';

const PRUNE_MS = 60_000;
const ORIGINS_MS = 5_000;

export interface AuthorizationServerDeps {
  config: Config;
  stores: Pick<SqlStores, 'clients' | 'authorizationCodes' | 'refreshFamilies' | 'consents' | 'customers'>;
  replays: ReplayStore;
  keyring: Keyring;
  clock: Clock;
  audit: Audit;
  partners: Partners;
  revocations: Revocations;
  standings: Pick<Standings, 'aliasesOf'>;
  survivorOf: FindSurvivor;
  channels: Channels;
  sessions: Sessions;
  identities: Identities;
  endedReferences: EndedReferences;
  accessTokens: AccessTokens;
  customerTokens: CustomerTokens;
  rings: SigningRings;
  getProfile: GetProfile;
  forgetProfiles?(customerId: CustomerIdentifier): void;
  /** Notes uses of client secrets. */
  usage: { note(secretId: string): void };
  /** Notices where clients call from. */
  newAddresses: NewAddresses;
}

/** The same endpoint; a client that has proven itself is noticed with its address. Apps of customers are anywhere. */
function noticed(issue: TokenEndpoint, newAddresses: NewAddresses): TokenEndpoint {
  return async (request) => {
    const answer = await issue(request);
    const { clientId: id, partner, authentication } = answer.client;
    if (authentication !== 'none')
      newAddresses.note({ kind: 'client', id, partner, address: request.address });
    return answer;
  };
}

/** The clients of partners and of the company's own apps. */
async function openClients(deps: AuthorizationServerDeps): Promise<Clients> {
  const { config, clock } = deps;
  const issuer = config.public_url;
  const clients = createClients({
    ...deps,
    store: deps.stores.clients,
    assertions: createClientAssertions({
      clock,
      audiences: [issuer, `${issuer}/oauth/token`],
      replay: deps.replays,
      clockToleranceSeconds: config.tokens.clock_tolerance_seconds,
    }),
    loopbackForAll: isLoopbackUrl(issuer),
    maxTokenLifetimeSeconds: MAX_ACCESS_TOKEN_SECONDS,
  });
  await clients.refresh();
  return clients;
}

/** The refresh families of apps. */
function openAppFamilies(deps: AuthorizationServerDeps): AppFamilies {
  const { oauth } = deps.config;
  const families = createRefreshFamilies<AppFamilyPayload>({
    ...deps,
    store: deps.stores.refreshFamilies,
    lifetimes: { idleSeconds: oauth.refresh_idle_seconds, absoluteSeconds: oauth.refresh_absolute_seconds },
    // It ends the families of every holder: those of devices, too.
    maxTokenLifetimeSeconds: LONGEST_SHOWN_SECONDS,
  });
  return withOtherNames(families, deps.standings);
}

/** The pages on which customers sign in and agree, and the state that their forms carry. */
function openPages({ config, keyring, clock, replays }: AuthorizationServerDeps) {
  const { pathname, hostname } = new URL(config.public_url);
  return {
    pages: createPages({
      basePath: pathname.replace(/\/$/, ''),
      companyName: config.oauth.company_name ?? hostname,
    }),
    formStates: createFormStates({ keyring, clock, replay: replays }),
  };
}

/** Clients, codes, refresh families, consents and the endpoints' use cases, wired to their stores. */
export async function createAuthorizationServer(deps: AuthorizationServerDeps) {
  const { config, stores, keyring, clock, audit, partners, revocations, accessTokens } = deps;
  const issuer = config.public_url;
  const clients = await openClients(deps);
  const families = openAppFamilies(deps);
  const codes = createAuthorizationCodes({
    store: stores.authorizationCodes,
    keyring,
    clock,
    lifetimeSeconds: config.oauth.code_lifetime_seconds,
  });
  const consents = createConsents({
    ...deps,
    store: stores.consents,
    clients,
    families,
    maxTokenLifetimeSeconds: MAX_ACCESS_TOKEN_SECONDS,
  });
  const checkCustomerToken = createCustomerTokenCheck(deps);
  const devices = openCustomerDevices({ ...deps, maxPerCustomer: config.sessions.max_devices });
  const authenticateClient = createClientAuthentication({ clients });
  const openid = openOpenIdProvider({ ...deps, clients, codes });
  const grants = createGrants({
    openid: openid.answers,
    clock,
    accessTokens,
    codes,
    families,
    consentStore: stores.consents,
    checkCustomerToken,
    partners,
    revocations,
    audit,
  });
  const shared = { authenticateClient, accessTokens, families, revocations, partners, audit, clock, issuer };
  const every: RecurringTask[] = [
    { name: 'browser_app_origins', everyMs: ORIGINS_MS, run: () => clients.refresh() },
    { name: 'authorization_codes', everyMs: PRUNE_MS, run: () => codes.prune() },
    { name: 'refresh_families', everyMs: PRUNE_MS, run: () => families.prune() },
  ];
  return {
    clients,
    families,
    devices,
    checkCustomerToken,
    vendorCodes: openid.vendorCodes,
    every,
    /** What the public endpoints of this part need. */
    endpoints: {
      devices,
      tokenEndpoint: noticed(createTokenEndpoint({ ...shared, grants }), deps.newAddresses),
      revokeToken: createRevokeToken(shared),
      introspectToken: createIntrospectToken(shared),
      readAuthorization: createReadAuthorizationRequest({
        ...deps,
        clients,
        idTokens: openid.idTokens,
        issuer,
      }),
      authorize: createAuthorize({ ...deps, consents, codes, lifetimes: openid.lifetimes, issuer }),
      openIdAnswers: openid.answers,
      idTokens: openid.idTokens,
      clients,
      consents,
      sessions: deps.sessions,
      ...openPages(deps),
      allowsAppOrigin: clients.allowsOrigin,
    },
  };
}
