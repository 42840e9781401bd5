/**
 * The composition root: the one place where rooms are wired to each other. Reads no environment and listens to
 * nothing by itself; `listen` and `close` do.
 */
import { hash, timingSafeEqual } from 'node:crypto';
import { createKeyUsage } from './api-keys/key-usage.ts';
import { createAuditLink } from './audit/audit-chain.ts';
import type { LinkAuditRecord } from './audit/audit-record.ts';
import type { Config } from './config/config.ts';
import { loadSecrets, type Secrets } from './config/secrets.ts';
import { createIdentities } from './customers/identities.ts';
import { createIssueCustomerToken } from './customers/sessions/issue-customer-token.ts';
import { createAdminApp, createOpsApp, createPublicApp } from './http/app.ts';
import { createCustomerProof } from './http/customer-proof.ts';
import { healthLive, healthReady, metricsEndpoint } from './http/endpoints/health.ts';
import type { HttpApp } from './http/express-app.ts';
import { securityHeaders } from './http/security-headers.ts';
import { openKeyring } from './keyring/keyring.ts';
import type { HttpClientDeps } from './outbound/http-client.ts';
import { openPartners } from './partners/partners.ts';
import { type Clock, systemClock } from './platform/clock.ts';
import { createLogger, gatheringSink, type Logger } from './platform/logger.ts';
import { createMetrics, type Metrics } from './platform/metrics.ts';
import { openTracing } from './platform/tracing.ts';
import { startWatching } from './platform/watch.ts';
import { adminEndpoints } from './service/admin-endpoints.ts';
import { createAuthorizationServer } from './service/authorization-server.ts';
import { openChannelProofs } from './service/channel-proofs.ts';
import { openChannelVisits } from './service/channel-visits.ts';
import { openCompanySystems } from './service/company-systems.ts';
import { configuredChannels } from './service/configured-channels.ts';
import { createCredentialCare } from './service/credential-care.ts';
import { openCustomerCookies } from './service/customer-cookies.ts';
import { createCustomerEndings } from './service/customer-endings.ts';
import { openCustomerSignIn } from './service/customer-sign-in.ts';
import { examineDependencies } from './service/examine.ts';
import { createListeners, LISTENERS, type ListenerName, type ServiceAddresses } from './service/listeners.ts';
import { registerInsight } from './service/insight.ts';
import { keyUpkeep } from './service/key-upkeep.ts';
import { openAudit } from './service/open-audit.ts';
import { openLimits } from './service/open-limits.ts';
import { openRevocations } from './service/open-revocations.ts';
import { type Closer, closeAll, openStores } from './service/open-stores.ts';
import { createPartnerApis } from './service/partner-apis.ts';
import { createPartnerCredentials } from './service/partner-credentials.ts';
import { createPartnerWarnings } from './service/partner-warnings.ts';
import { openProfiles } from './service/profiles.ts';
import { storesAnswer } from './service/readiness.ts';
import { openTokenSigning } from './service/token-signing.ts';
import { watchStores } from './service/watch-stores.ts';
import { createEndedReferences } from './sessions/ended-references.ts';
import { createSessions } from './sessions/sessions.ts';
import type { RedisConnection } from './stores/redis.ts';
import { createAccessTokens } from './tokens/access-token.ts';
import { createCustomerTokens, LONGEST_SHOWN_SECONDS } from './tokens/customer-token.ts';

/** What a test or an embedding program replaces. */
export interface ServiceOverrides {
  clock?: Clock;
  logger?: Logger;
  /** Default: configured, or generated in the data directory. */
  secrets?: Pick<Secrets, 'encryptionKeys' | 'adminToken'>;
  resolveHost?: HttpClientDeps['resolveHost'];
  /** Another process took the database while the connection of our lock was lost: this one must end. */
  onLost?: () => void;
}

export interface Service {
  readonly app: HttpApp;
  readonly adminApp: HttpApp;
  readonly opsApp: HttpApp;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Opens the listeners, or only some of them. Throws `StartRefused` when an address cannot be had. */
  listen(options?: { only?: readonly ListenerName[] }): Promise<ServiceAddresses>;
  /** Readiness off, requests under way finish, then everything is closed. Safe to call twice. */
  close(): Promise<void>;
}

const POLL_MS = 500;
const PRUNE_MS = 60_000;

/** Opens stores, checks keys, wires everything. Throws `StartRefused`, naming the setting and the mend. */
export async function createService(config: Config, overrides: ServiceOverrides = {}): Promise<Service> {
  const opened: Closer[] = [];
  try {
    return await compose(config, overrides, opened);
  } catch (error) {
    await closeAll(opened).catch(() => {});
    throw error;
  }
}

async function compose(config: Config, overrides: ServiceOverrides, opened: Closer[]): Promise<Service> {
  const clock = overrides.clock ?? systemClock;
  const logger = overrides.logger ?? createLogger(config.log.level, gatheringSink(process.stdout));
  const metrics = createMetrics();
  const secrets = overrides.secrets ?? loadSecrets(config);
  const startedAtMs = clock.nowMs();
  const issuer = config.public_url;
  const publicUrl = new URL(issuer);
  const lifetimes = {
    idleSeconds: config.sessions.idle_seconds,
    absoluteSeconds: config.sessions.absolute_seconds,
  };

  let link: LinkAuditRecord | undefined;
  const linkAudit: LinkAuditRecord = (...record) => {
    if (!link) throw new Error('the audit chain is not open yet');
    return link(...record);
  };
  const tracing = await openTracing();
  const opening = openStores(config, { clock, linkAudit, logger, onLost: overrides.onLost }, opened);
  const stores = watchStores(await opening, { metrics, tracing });
  let redis: RedisConnection | undefined;
  if (config.storage.redis_url !== undefined) {
    // Loaded only where it is used: the client is the largest package of all.
    const { createRedis } = await import('./stores/redis.ts');
    redis = await createRedis({
      url: config.storage.redis_url,
      onError: (error) => logger.unexpected('redis.connection_failed', error),
    });
    opened.push(() => redis?.close());
  }

  const keyring = await openKeyring({
    store: stores.keys,
    clock,
    encryptionKeys: secrets.encryptionKeys,
    hasCustomers: async () => (await stores.customers.count()) > 0,
  });
  link = createAuditLink(keyring.current('audit').key);
  const audit = openAudit({ store: stores.audit, clock, logger, metrics }, opened);
  const taken = await openRevocations({ stores, keyring, clock });
  const { revocations } = taken;
  const endedReferences = createEndedReferences({ keyring, revocations, clock });
  const accessTokenSeconds = config.tokens.access_token_lifetime_seconds;
  const rings = await openTokenSigning({ config, stores, keyring, clock });
  const tokenDeps = {
    rings,
    clock,
    metrics,
    issuer,
    clockToleranceSeconds: config.tokens.clock_tolerance_seconds,
  };
  const visits = openChannelVisits({ config, stores, clock, logger, ...taken });
  const customerTokens = visits.ofTokens(createCustomerTokens({ ...tokenDeps, keyring }));
  const accessTokens = createAccessTokens({ ...tokenDeps, keyring, lifetimeSeconds: accessTokenSeconds });
  const maxTokenLifetimeSeconds = LONGEST_SHOWN_SECONDS;
  const sessions = createSessions({ keyring, clock, ...taken, lifetimes, maxTokenLifetimeSeconds });
  const partners = await openPartners({ store: stores.partners, clock, audit });
  const shared = { config, stores, keyring, clock, audit, partners, logger, metrics, tracing, ...taken };
  const credentials = createPartnerCredentials({ ...shared, redis, accessTokens, publicUrl: issuer }, opened);
  const { apiKeys } = credentials;

  const company = openCompanySystems(
    {
      ...shared,
      rings,
      redis,
      replays: credentials.replays,
      endedReferences,
      resolveHost: overrides.resolveHost,
    },
    opened,
  );
  const { httpClient, connections, authenticators, backends } = company;
  const channels = configuredChannels(config);
  registerInsight({ ...shared, rings, apiKeys, connections, redis });

  const identities = createIdentities({ ...stores, store: stores.customers, keyring, clock, audit, logger });
  const clientUsage = createKeyUsage({ store: stores.clients, clock });
  const { reportFailure } = company;
  const partnerApis = createPartnerApis({ ...shared, connections, metrics, redis, reportFailure });
  const profiles = openProfiles({ ...shared, backends });
  const authorization = await createAuthorizationServer({
    ...shared,
    rings,
    ...profiles.access,
    channels,
    sessions,
    identities,
    replays: credentials.replays,
    newAddresses: credentials.newAddresses,
    accessTokens,
    customerTokens,
    usage: clientUsage,
  });
  const { clients, families, devices } = authorization;
  const held = { ...authorization, ...tokenDeps, sessions, customerTokens, identities, channels, visits };
  const channelProofs = await openChannelProofs({ ...shared, ...company, ...held }, opened);
  const care = createCredentialCare(
    {
      ...shared,
      apiKeys,
      clients,
      clientUsage,
      rings,
      httpClient,
      connections,
      replays: credentials.replays,
      isServing: () => serving,
    },
    opened,
  );
  const limits = await openLimits({
    ...shared,
    redis,
    assignmentStore: stores.tierAssignments,
    throttleKey: keyring.current('throttle').key,
  });
  const signIn = openCustomerSignIn({
    ...shared,
    channels,
    authenticators,
    throttle: limits.throttle,
    visits,
    identities,
    sessions,
    replays: credentials.replays,
    issuer,
  });
  const issueCustomerToken = createIssueCustomerToken({ sessions, tokens: customerTokens, audit });
  const endings = createCustomerEndings({
    ...shared,
    ...profiles.access,
    channels,
    identities,
    sessions,
    families,
    endedReferences,
    authenticators,
    replays: credentials.replays,
    httpClient,
    isServing: () => serving,
  });
  const { endSessions, life } = endings;
  const { sessionCookies, readCookieSecrets } = openCustomerCookies({
    ...shared,
    sessions,
    lifetimes,
    redis,
  });

  let draining = false;
  let serving = false;
  const isReady = async (): Promise<boolean> =>
    !draining && storesAnswer([() => stores.ping(), async () => redis?.ping()]);
  const partnerWarnings = createPartnerWarnings(config);
  const examine = () =>
    examineDependencies({
      config,
      stores,
      redis,
      authenticators,
      backends,
      partners,
      partnerWarnings,
      limits: limits.probe,
      channelFindings: channelProofs.channelFindings,
      connectionFindings: async () =>
        [partnerApis.findings(), await company.examineConnections(), await profiles.findings()].flat(),
    });

  const headers = securityHeaders({ https: publicUrl.protocol === 'https:' });
  const appOptions = {
    clock,
    logger,
    metrics,
    tracing,
    audit,
    headers,
    trustedProxies: config.http.trusted_proxies,
    basePath: publicUrl.pathname.replace(/\/$/, ''),
    customerAuthHeader: config.http.customer_auth_header,
    isDraining: () => draining,
  };
  const app = createPublicApp(
    { ...appOptions, aliases: config.http.aliases, referencePages: config.http.reference_pages },
    {
      channels,
      ...signIn,
      issueCustomerToken,
      endSessions,
      siteSignOut: endings.siteSignOut,
      sessionCookies,
      lifetimes,
      clock,
      limits: limits.guard,
      rings,
      issuer,
      isReady,
      origins: { publicOrigin: publicUrl.origin, channels },
      ...credentials.endpoints,
      ...partnerApis.endpoints,
      connectGrant: company.connectGrant,
      ...authorization.endpoints,
      ...channelProofs.endpoints,
      proveCustomer: createCustomerProof({
        ...authorization,
        ...taken,
        accessTokens,
        sessions,
        sessionCookies,
        channels,
      }),
      ...profiles.access,
      customerAuthHeader: config.http.customer_auth_header,
      customerAuthField: config.http.customer_auth_field,
    },
  );
  const adminDigest = hash('sha256', secrets.adminToken, 'buffer');
  const adminApp = createAdminApp(
    {
      ...appOptions,
      basePath: '',
      isAdminToken: (token) => timingSafeEqual(hash('sha256', token, 'buffer'), adminDigest),
    },
    adminEndpoints({
      ...shared,
      ...company,
      secrets,
      startedAtMs,
      linkAudit,
      rings,
      apiKeys,
      clients,
      limits,
      partnerWarnings,
      channels,
      identities,
      sessions,
      endSessions,
      endSessionsOf: endings.endSessionsOf,
      devices,
      credentialEndpoints: [
        ...care.endpoints,
        ...life.endpoints,
        ...[partnerApis, company, profiles, channelProofs].flatMap((one) => one.adminEndpoints),
      ],
      onSessionSecretRotated: readCookieSecrets,
      examine,
    }),
  );
  const opsApp = createOpsApp({ ...appOptions, basePath: '' }, [
    healthLive('ops'),
    healthReady('ops', { isReady }),
    metricsEndpoint({ metrics }),
  ]);

  const watch = startWatching({
    clock,
    logger,
    every: [
      { name: 'revocations', everyMs: POLL_MS, run: () => revocations.refresh() },
      { name: 'partners', everyMs: POLL_MS, run: () => partners.refresh() },
      { name: 'limits', everyMs: POLL_MS, run: () => limits.assignments.refresh() },
      keyUpkeep({
        keyring,
        rings,
        audit,
        byHand: channelProofs.ringsByHand,
        signingKeyMaxAgeMs: config.tokens.signing_key_max_age_days * 864e5,
        onKeysChanged: readCookieSecrets,
      }),
      ...[credentials, authorization, channelProofs, profiles, care, life].flatMap(({ every }) => every),
      { name: 'sessions', everyMs: PRUNE_MS, run: () => stores.sessions.prune(clock.nowMs()) },
    ],
  });
  opened.push(() => watch.stop());

  const listeners = createListeners({ config, headers, apps: { public: app, admin: adminApp, ops: opsApp } });
  let closing: Promise<void> | undefined;
  const close = async () => {
    draining = true;
    await listeners.drain();
    if (serving) audit.event('service.stopped', { outcome: 'success', actor: 'system' });
    await closeAll(opened);
  };
  return {
    app,
    adminApp,
    opsApp,
    logger,
    metrics,
    listen: async ({ only = LISTENERS } = {}) => {
      try {
        const addresses = await listeners.open(only);
        serving = only.includes('public');
        if (serving) audit.event('service.started', { outcome: 'success', actor: 'system' });
        return addresses;
      } catch (error) {
        await (closing ??= close());
        throw error;
      }
    },
    close: () => (closing ??= close()),
  };
}
