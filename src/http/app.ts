import type { Express } from 'express';
import { BridgeError } from '../errors.ts';
import type { Endpoint } from './endpoint.ts';
import { type CustomerAuthenticateDeps, customerAuthenticate } from './endpoints/customer-authenticate.ts';
import {
  type CustomerSessionDeps,
  customerSessionDelete,
  customerSessionGet,
  customerSessionToken,
} from './endpoints/customer-session.ts';
import { type GetProfileDeps, getprofile } from './endpoints/getprofile.ts';
import { type HealthDeps, healthLive, healthReady } from './endpoints/health.ts';
import { accessToken, oauthToken } from './endpoints/token.ts';
import { keySet, serverMetadata } from './endpoints/well-known.ts';
import { createExpressApp, type ExpressAppOptions, mountEndpoints, mountErrorDoor } from './express-app.ts';

export type PublicDeps = CustomerAuthenticateDeps &
  CustomerSessionDeps &
  GetProfileDeps &
  HealthDeps &
  Parameters<typeof oauthToken>[0] &
  Parameters<typeof keySet>[0] &
  Parameters<typeof serverMetadata>[0];

/** The public endpoints, hottest first: Express tries routes in order. */
export function publicEndpoints(deps: PublicDeps): Endpoint[] {
  return [
    getprofile(deps),
    customerSessionToken(deps),
    accessToken(deps),
    oauthToken(deps),
    customerAuthenticate(deps),
    customerSessionGet(deps),
    customerSessionDelete(deps),
    keySet(deps),
    serverMetadata(deps),
    healthLive('public'),
    healthReady('public', deps),
  ];
}

export interface Aliases {
  customer_authenticate: readonly string[];
  access_token: readonly string[];
  getprofile: readonly string[];
}

/** The application behind the public listener. */
export function createPublicApp(
  options: ExpressAppOptions & { aliases: Aliases },
  deps: PublicDeps,
): Express {
  const app = createExpressApp(options);
  const issuerPath = options.basePath;
  mountEndpoints({
    app,
    customerAuthHeader: options.customerAuthHeader,
    endpoints: publicEndpoints(deps),
    aliases: {
      customerAuthenticate: options.aliases.customer_authenticate,
      accessToken: options.aliases.access_token,
      getProfile: options.aliases.getprofile,
      // RFC 8414 section 3.1: the issuer's path comes after the well-known part.
      ...(issuerPath === ''
        ? {}
        : { getServerMetadata: [`/.well-known/oauth-authorization-server${issuerPath}`] }),
    },
    sessionMiddleware: deps.sessionCookies.middleware,
    allowsOrigin: (origin) => origin === deps.origins.publicOrigin || deps.channels.allowsOrigin(origin),
  });
  mountErrorDoor(app, options);
  return app;
}

/** The application behind the admin listener: every call needs the admin token. */
export function createAdminApp(
  options: ExpressAppOptions & { isAdminToken(token: string): boolean },
  endpoints: readonly Endpoint[],
): Express {
  const app = createExpressApp(options);
  app.use((req, _res, next) => {
    if (req.path === '/health/live') return next();
    const token = /^bearer +(\S+)$/i.exec(req.headers.authorization ?? '')?.[1];
    if (token === undefined) throw new BridgeError('INVALID_ADMIN_TOKEN', { missing: true });
    if (!options.isAdminToken(token)) throw new BridgeError('INVALID_ADMIN_TOKEN');
    next();
  });
  mountEndpoints({ app, endpoints, customerAuthHeader: options.customerAuthHeader });
  mountErrorDoor(app, options);
  return app;
}

/** The application behind the operations listener: health and metrics. */
export function createOpsApp(options: ExpressAppOptions, endpoints: readonly Endpoint[]): Express {
  const app = createExpressApp(options);
  mountEndpoints({ app, endpoints, customerAuthHeader: options.customerAuthHeader });
  mountErrorDoor(app, options);
  return app;
}
