import { createKeyUsage } from '../api-keys/key-usage.ts';
import { createIdentities } from '../customers/identities.ts';
import { createIssueCustomerToken } from '../customers/sessions/issue-customer-token.ts';
import { openPartners } from '../partners/partners.ts';
import { createEndedReferences } from '../sessions/ended-references.ts';
import { createSessions } from '../sessions/sessions.ts';
import { createAccessTokens } from '../tokens/access-token.ts';
import { createCustomerTokens, LONGEST_SHOWN_SECONDS } from '../tokens/customer-token.ts';
import { createAuthorizationServer } from './authorization-server.ts';
import { openChannelProofs } from './channel-proofs.ts';
import { openChannelVisits } from './channel-visits.ts';
import { openCompanySystems } from './company-systems.ts';
import { configuredChannels } from './configured-channels.ts';
import { createCredentialCare } from './credential-care.ts';
import { openCustomerCookies } from './customer-cookies.ts';
import { createCustomerEndings } from './customer-endings.ts';
import { openCustomerSignIn } from './customer-sign-in.ts';
import type { Foundations } from './foundations.ts';
import { registerInsight } from './insight.ts';
import { openLimits } from './open-limits.ts';
import type { Closer } from './open-stores.ts';
import { createPartnerApis } from './partner-apis.ts';
import { createPartnerCredentials } from './partner-credentials.ts';
import { openProfiles } from './profiles.ts';
import { openTokenSigning } from './token-signing.ts';

/** Tokens and sessions of customers, partners and apps. */
async function openTokensAndSessions({ shared }: Foundations) {
  const { config, stores, keyring, revocations, clock } = shared;
  const { rings, idKeyMade } = await openTokenSigning(shared);
  const tokenDeps = {
    ...shared,
    rings,
    clockToleranceSeconds: config.tokens.clock_tolerance_seconds,
  };
  const visits = openChannelVisits(shared);
  return {
    rings,
    idKeyMade,
    visits,
    channels: configuredChannels(config),
    customerTokens: visits.ofTokens(createCustomerTokens(tokenDeps)),
    accessTokens: createAccessTokens({
      ...tokenDeps,
      lifetimeSeconds: config.tokens.access_token_lifetime_seconds,
    }),
    sessions: createSessions({ ...shared, maxTokenLifetimeSeconds: LONGEST_SHOWN_SECONDS }),
    endedReferences: createEndedReferences({ keyring, revocations, clock }),
    identities: createIdentities({ ...shared, registry: stores.registry, store: stores.customers }),
  };
}

/** Every room over the foundations, each wired to those to its left. `isServing`: whether the public listener is open. */
export async function openRooms(foundations: Foundations, isServing: () => boolean, opened: Closer[]) {
  const { stores, keyring, issuer } = foundations.shared;
  // Each stage is named for what it adds to the stages before it.
  const withSessions = { ...foundations.shared, ...(await openTokensAndSessions(foundations)), isServing };
  const partners = await openPartners({ ...withSessions, store: stores.partners });
  const credentials = createPartnerCredentials({ ...withSessions, partners, publicUrl: issuer }, opened);
  const { apiKeys, replays, newAddresses } = credentials;
  const withPartners = { ...withSessions, partners, apiKeys, replays, newAddresses };

  const company = openCompanySystems(withPartners, opened);
  const { connections, httpClient, authenticators, backends, reportFailure } = company;
  const withSystems = { ...withPartners, connections, httpClient, authenticators, backends, reportFailure };
  registerInsight(withSystems);
  const partnerApis = createPartnerApis(withSystems);
  const profiles = openProfiles(withSystems);

  const clientUsage = createKeyUsage({ ...withSessions, store: stores.clients });
  const authorization = await createAuthorizationServer({
    ...withSystems,
    ...profiles.access,
    usage: clientUsage,
  });
  const { clients, families, devices, vendorCodes, checkCustomerToken } = authorization;
  const withClients = { ...withSystems, ...profiles.access, clients, families, devices, checkCustomerToken };
  const limits = await openLimits({
    ...withSessions,
    partners,
    assignmentStore: stores.tierAssignments,
    throttleKey: keyring.current('throttle').key,
  });
  await withSessions.idKeyMade;
  return {
    ...withClients,
    company,
    credentials,
    partnerApis,
    profiles,
    authorization,
    limits,
    channelProofs: await openChannelProofs({ ...withClients, vendorCodes }, opened),
    care: createCredentialCare({ ...withClients, clientUsage }, opened),
    signIn: openCustomerSignIn({ ...withClients, throttle: limits.throttle }),
    issueCustomerToken: createIssueCustomerToken({ ...withSessions, tokens: withSessions.customerTokens }),
    endings: createCustomerEndings(withClients),
    cookies: openCustomerCookies(withSessions),
  };
}

export type Rooms = Awaited<ReturnType<typeof openRooms>>;
