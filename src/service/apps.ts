import { hash, timingSafeEqual } from 'node:crypto';
import { isLoopbackHost } from '../config/config.ts';
import { createAdminApp, createOpsApp, createPublicApp } from '../http/app.ts';
import { createCustomerProof } from '../http/customer-proof.ts';
import { healthLive, healthReady, metricsEndpoint } from '../http/endpoints/health.ts';
import type { HttpApp } from '../http/express-app.ts';
import { securityHeaders } from '../http/security-headers.ts';
import { adminEndpoints } from './admin-endpoints.ts';
import { examineDependencies } from './examine.ts';
import type { Foundations } from './foundations.ts';
import type { ListenerName } from './listeners.ts';
import { createPartnerWarnings } from './partner-warnings.ts';
import { storesAnswer } from './readiness.ts';
import type { Rooms } from './rooms.ts';

/** What the applications share: how requests are read, told of and answered. */
function appOptions(rooms: Rooms, isDraining: () => boolean) {
  const { config, clock, logger, metrics, tracing, audit } = rooms;
  const { protocol, pathname } = new URL(rooms.issuer);
  return {
    clock,
    logger,
    metrics,
    tracing,
    audit,
    headers: securityHeaders({ https: protocol === 'https:' }),
    trustedProxies: config.http.trusted_proxies,
    trustedHops: config.http.trusted_hops,
    basePath: pathname.replace(/\/$/, ''),
    customerAuthHeader: config.http.customer_auth_header,
    isDraining,
  };
}

type AppOptions = ReturnType<typeof appOptions>;

function publicApp(rooms: Rooms, options: AppOptions, isReady: () => Promise<boolean>): HttpApp {
  const { config, channels, cookies, endings } = rooms;
  const { sessionCookies } = cookies;
  const { aliases, reference_pages: referencePages } = config.http;
  return createPublicApp(
    { ...options, aliases, referencePages },
    {
      ...rooms,
      ...rooms.signIn,
      endSessions: endings.endSessions,
      siteSignOut: endings.siteSignOut,
      sessionCookies,
      limits: rooms.limits.guard,
      isReady,
      origins: { publicOrigin: new URL(rooms.issuer).origin, channels },
      ...rooms.credentials.endpoints,
      ...rooms.partnerApis.endpoints,
      connectGrant: rooms.company.connectGrant,
      ...rooms.authorization.endpoints,
      ...rooms.channelProofs.endpoints,
      proveCustomer: createCustomerProof({ ...rooms, sessionCookies }),
      customerAuthHeader: config.http.customer_auth_header,
      customerAuthField: config.http.customer_auth_field,
    },
  );
}

function adminApp(foundations: Foundations, rooms: Rooms, options: AppOptions): HttpApp {
  const { secrets, startedAtMs, linkAudit, auditLog } = foundations;
  const { company, partnerApis, profiles, channelProofs, care, endings, limits } = rooms;
  const digest = hash('sha256', secrets.adminToken, 'buffer');
  const partnerWarnings = createPartnerWarnings(rooms.config);
  const examine = () =>
    examineDependencies({
      ...rooms,
      partnerWarnings,
      limits: limits.probe,
      auditLog,
      channelFindings: channelProofs.channelFindings,
      connectionFindings: async () =>
        [partnerApis.findings(), await company.examineConnections(), await profiles.findings()].flat(),
    });
  return createAdminApp(
    {
      ...options,
      basePath: '',
      isLoopbackOnly: isLoopbackHost(rooms.config.admin.host),
      isAdminToken: (token) => timingSafeEqual(hash('sha256', token, 'buffer'), digest),
    },
    adminEndpoints({
      ...rooms,
      secrets,
      startedAtMs,
      linkAudit,
      hasher: company.hasher,
      partnerWarnings,
      endSessions: endings.endSessions,
      endSessionsOf: endings.endSessionsOf,
      credentialEndpoints: [
        ...care.endpoints,
        ...endings.life.endpoints,
        ...[partnerApis, company, profiles, channelProofs, auditLog].flatMap((one) => one.adminEndpoints),
      ],
      onSessionSecretRotated: rooms.cookies.readCookieSecrets,
      examine,
    }),
  );
}

/** The three applications over the rooms, and the headers of every answer. */
export function createApps(foundations: Foundations, rooms: Rooms, isDraining: () => boolean) {
  const { stores, redis, metrics } = rooms;
  const options = appOptions(rooms, isDraining);
  const isReady = async (): Promise<boolean> =>
    !isDraining() && storesAnswer([() => stores.ping(), async () => redis?.ping()]);
  const apps: Record<ListenerName, HttpApp> = {
    public: publicApp(rooms, options, isReady),
    admin: adminApp(foundations, rooms, options),
    ops: createOpsApp({ ...options, basePath: '', isLoopbackOnly: isLoopbackHost(rooms.config.ops.host) }, [
      healthLive('ops'),
      healthReady('ops', { isReady }),
      metricsEndpoint({ metrics }),
    ]),
  };
  return { apps, headers: options.headers };
}
