import type { Express } from 'express';
import { BridgeError } from '../errors.ts';
import type { Endpoint } from './endpoint.ts';
import { type AuthorizeDeps, authorizationPages } from './endpoints/authorize.ts';
import { type ChannelTokenDeps, channelToken } from './endpoints/channel-token.ts';
import { type ConnectedAppsDeps, connectedAppsEndpoints } from './endpoints/connected-apps.ts';
import { type ConnectionCallbackDeps, connectionCallback } from './endpoints/connection-callback.ts';
import { type CustomerAuthenticateDeps, customerAuthenticate } from './endpoints/customer-authenticate.ts';
import { type CustomerSignInDeps, customerSignIn } from './endpoints/customer-sign-in.ts';
import { customerDevices } from './endpoints/customer-devices.ts';
import {
  type CustomerSessionDeps,
  customerSessionDelete,
  customerSessionGet,
  customerSessionToken,
} from './endpoints/customer-session.ts';
import { type GetProfileDeps, getprofile } from './endpoints/getprofile.ts';
import { type HealthDeps, healthLive, healthReady } from './endpoints/health.ts';
import { openIdConfiguration } from './endpoints/openid-configuration.ts';
import { pageStyle } from './endpoints/page-style.ts';
import { partnerCall, type PartnerCallDeps } from './endpoints/partner-call.ts';
import { oauthIntrospect, oauthRevoke } from './endpoints/revoke.ts';
import { accessToken, oauthToken } from './endpoints/token.ts';
import { type UserInfoDeps, userInfo } from './endpoints/userinfo.ts';
import { type VendorKeysDeps, vendorKeyEndpoints } from './endpoints/vendor-keys.ts';
import { keySet, resourceMetadata, serverMetadata } from './endpoints/well-known.ts';
import { whoami } from './endpoints/whoami.ts';
import { backchannelLogout, type SiteSignOutDeps, siteSignOut } from './endpoints/site-sign-out.ts';
import { type WhoamiSignatureDeps, whoamiSignature } from './endpoints/whoami-signature.ts';
import {
  createErrorDoor,
  createExpressApp,
  type DirectRoutes,
  type ExpressAppOptions,
  mountEndpoints,
} from './express-app.ts';
import type { LimitGuard } from './limit-guard.ts';
import { isReferencePath, referenceEndpoints } from './pages/reference.ts';
import { contextOf } from './request-context.ts';

export type PublicDeps = {
  limits: LimitGuard;
  allowsAppOrigin: (origin: string) => boolean;
  siteHeaders: readonly string[];
} & CustomerAuthenticateDeps &
  CustomerSessionDeps &
  GetProfileDeps &
  PartnerCallDeps &
  HealthDeps &
  WhoamiSignatureDeps &
  SiteSignOutDeps &
  ChannelTokenDeps &
  VendorKeysDeps &
  AuthorizeDeps &
  CustomerSignInDeps &
  ConnectedAppsDeps &
  ConnectionCallbackDeps &
  UserInfoDeps &
  Parameters<typeof openIdConfiguration>[0] &
  Parameters<typeof oauthRevoke>[0] &
  Parameters<typeof oauthIntrospect>[0] &
  Parameters<typeof oauthToken>[0] &
  Parameters<typeof keySet>[0] &
  Parameters<typeof serverMetadata>[0];

/** The public endpoints, hottest first: Express tries routes in order. */
export function publicEndpoints(deps: PublicDeps): Endpoint[] {
  return [
    healthLive('public'),
    getprofile(deps),
    customerSessionToken(deps),
    channelToken(deps),
    accessToken(deps),
    whoami(deps),
    oauthToken(deps),
    partnerCall(deps),
    customerAuthenticate(deps),
    customerSessionGet(deps),
    customerSessionDelete(deps),
    siteSignOut(deps),
    backchannelLogout(deps),
    ...customerDevices(deps),
    keySet(deps),
    serverMetadata(deps),
    openIdConfiguration(deps),
    ...userInfo(deps),
    whoamiSignature(deps),
    resourceMetadata(deps),
    ...vendorKeyEndpoints(deps),
    oauthRevoke(deps),
    oauthIntrospect(deps),
    ...customerSignIn(deps),
    ...authorizationPages(deps),
    ...connectedAppsEndpoints(deps),
    ...connectionCallback(deps),
    pageStyle(),
    healthReady('public', deps),
  ];
}

export interface Aliases {
  customer_authenticate: readonly string[];
  access_token: readonly string[];
  getprofile: readonly string[];
  whoami: readonly string[];
}

type AppOptions = Omit<ExpressAppOptions, 'errorDoor'>;

/** The application behind the public listener. */
export function createPublicApp(
  options: AppOptions & { aliases: Aliases; referencePages: boolean },
  deps: PublicDeps,
): Express {
  const errorDoor = createErrorDoor({ ...options, limits: deps.limits });
  const direct: DirectRoutes = new Map();
  const app = createExpressApp({ ...options, errorDoor, direct });
  const issuerPath = options.basePath;
  mountEndpoints({
    app,
    direct,
    headers: options.headers,
    customerAuthHeader: options.customerAuthHeader,
    limits: deps.limits,
    endpoints: [...publicEndpoints(deps), ...(options.referencePages ? referenceEndpoints('public') : [])],
    aliases: {
      customerAuthenticate: options.aliases.customer_authenticate,
      accessToken: options.aliases.access_token,
      getProfile: options.aliases.getprofile,
      whoami: options.aliases.whoami,
      // RFC 8414 section 3.1 and RFC 9728 section 3.1: the issuer's path comes after the well-known part.
      ...(issuerPath === ''
        ? {}
        : {
            getServerMetadata: [`/.well-known/oauth-authorization-server${issuerPath}`],
            getResourceMetadata: [`/.well-known/oauth-protected-resource${issuerPath}`],
          }),
    },
    sessionMiddleware: deps.sessionCookies.middleware,
    allowsOrigin: (origin) => origin === deps.origins.publicOrigin || deps.channels.allowsOrigin(origin),
    allowsAppOrigin: deps.allowsAppOrigin,
    pageHeaders: deps.siteHeaders,
  });
  app.use(errorDoor);
  return app;
}

/** The application behind the admin listener: every call needs the admin token; its reference pages say how. */
export function createAdminApp(
  options: AppOptions & { isAdminToken(token: string): boolean },
  endpoints: readonly Endpoint[],
): Express {
  const errorDoor = createErrorDoor(options);
  const app = createExpressApp({ ...options, errorDoor });
  app.use((req, res, next) => {
    contextOf(res).actor = 'admin';
    if (req.path === '/health/live' || isReferencePath(req.path)) return next();
    const token = /^bearer +(\S+)$/i.exec(req.headers.authorization ?? '')?.[1];
    if (token === undefined) throw new BridgeError('INVALID_ADMIN_TOKEN', { missing: true });
    if (!options.isAdminToken(token)) throw new BridgeError('INVALID_ADMIN_TOKEN');
    next();
  });
  mountEndpoints({
    app,
    headers: options.headers,
    endpoints: [...endpoints, ...referenceEndpoints('admin')],
    customerAuthHeader: options.customerAuthHeader,
  });
  app.use(errorDoor);
  return app;
}

/** The application behind the operations listener: health and metrics. */
export function createOpsApp(options: AppOptions, endpoints: readonly Endpoint[]): Express {
  const errorDoor = createErrorDoor(options);
  const app = createExpressApp({ ...options, errorDoor });
  mountEndpoints({
    app,
    headers: options.headers,
    endpoints,
    customerAuthHeader: options.customerAuthHeader,
  });
  app.use(errorDoor);
  return app;
}
