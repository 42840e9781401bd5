import { isIP } from 'node:net';
import cors from 'cors';
import express, {
  type Express,
  type NextFunction,
  type Request,
  type RequestHandler,
  type Response,
} from 'express';
import { BridgeError, type ErrorCode, OAuthError } from '../errors.ts';
import { pooledRandomHex } from '../platform/random.ts';
import { CONSTANT_HEADERS, sendEmpty } from './answer.ts';
import type { Endpoint, EndpointContract } from './endpoint.ts';
import { asKnownError, sendBridgeError, sendOAuthError } from './error-response.ts';
import { repeatedSecurityHeader } from './raw-headers.ts';
import { attachContext, contextOf, type EdgeDeps, logWhenDone } from './request-context.ts';

/** What a listener serves. */
export type HttpApp = Express;

export interface ExpressAppOptions extends EdgeDeps {
  /** Headers of every answer. */
  headers: Record<string, string>;
  /** Addresses and ranges of proxies whose X-Forwarded-For is believed; everybody else's is ignored. */
  trustedProxies: readonly string[];
  /** Path that the public address carries; it may be in front of every path. */
  basePath: string;
  /** Lower-case name of the header that carries the customer proof. */
  customerAuthHeader: string;
  /** While true every answer closes its connection. */
  isDraining(): boolean;
}

/** `::ffff:192.0.2.1` is 192.0.2.1. */
export function plainAddress(address: string | undefined): string {
  const plain = address?.startsWith('::ffff:') ? address.slice(7) : (address ?? '');
  return isIP(plain) ? plain : 'unknown';
}

/**
 * An Express application with everything switched off that an API does not use, and a context for each request. The
 * parts that every request passes are the fewest possible; what a route needs beyond them is the route's own.
 */
export function createExpressApp(options: ExpressAppOptions): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  // One address, one spelling: a proxy's rules and ours must mean the same path.
  app.enable('case sensitive routing');
  app.enable('strict routing');
  app.set('query parser', false);
  app.set('trust proxy', options.trustedProxies.length > 0 ? [...options.trustedProxies] : false);
  app.locals[CONSTANT_HEADERS] = options.headers;
  // Whether a cookie may be marked Secure follows from the configured public address, never from a request's header.
  Object.defineProperty(app.request, 'secure', { configurable: true, get: () => true });
  const useProxies = options.trustedProxies.length > 0;

  app.use((req: Request, res: Response, next: NextFunction) => {
    const address = plainAddress(useProxies ? req.ip : req.socket.remoteAddress);
    const context = { requestId: pooledRandomHex(12), address, route: 'unknown' };
    attachContext(res, context);
    logWhenDone(req, res, context, options);
    if (options.isDraining()) res.shouldKeepAlive = false;
    const { basePath } = options;
    if (basePath !== '' && (req.url === basePath || req.url.startsWith(`${basePath}/`))) {
      req.url = req.url.slice(basePath.length) || '/';
    }
    if (req.httpVersionMajor < 1)
      throw new BridgeError('INVALID_REQUEST', { message: 'HTTP/1.0 or later is needed.' });
    if (req.httpVersionMinor > 0 && req.headers.host === undefined)
      throw new BridgeError('INVALID_REQUEST', { message: 'The header host is missing.' });
    next();
  });
  return app;
}

const REPEATED_CREDENTIAL: Readonly<Record<string, ErrorCode>> = {
  authorization: 'INVALID_ACCESS_TOKEN',
  'api-key': 'INVALID_API_KEY',
  'x-api-key': 'INVALID_API_KEY',
  'x-timestamp': 'INVALID_SIGNATURE',
  'x-api-signature': 'INVALID_SIGNATURE',
  signature: 'INVALID_SIGNATURE',
  'signature-input': 'INVALID_SIGNATURE',
  'content-digest': 'INVALID_SIGNATURE',
};

/** A repeated credential is no credential (401) where it is one; any other repeat is a malformed request (400). */
function repeatedHeaderError(
  name: string,
  { oauthErrors, errors }: EndpointContract,
  customerAuthHeader: string,
): BridgeError | OAuthError {
  const message = `The header ${name} stands more than once.`;
  if (oauthErrors) return new OAuthError('invalid_request', { message });
  const code = name === customerAuthHeader ? 'INVALID_CUSTOMER_TOKEN' : REPEATED_CREDENTIAL[name];
  return new BridgeError(code && errors?.includes(code) ? code : 'INVALID_REQUEST', { message });
}

export interface MountOptions {
  app: Express;
  endpoints: readonly Endpoint[];
  /** Further paths of an endpoint, by its `operationId`. */
  aliases?: Readonly<Record<string, readonly string[]>>;
  sessionMiddleware?: RequestHandler;
  allowsOrigin?: (origin: string) => boolean;
  /** Lower-case name of the header that carries the customer proof. */
  customerAuthHeader: string;
}

const toExpressPath = (path: string) => path.replaceAll(/\{(\w+)\}/g, ':$1');

/** CORS for the listed origins alone; an answer that depends on the origin says so, also where nothing is allowed. */
function crossOriginHandlers(allowsOrigin: (origin: string) => boolean): RequestHandler[] {
  const decide = cors({
    origin: (origin, done) => done(null, origin !== undefined && allowsOrigin(origin)),
    credentials: true,
    allowedHeaders: ['content-type', 'x-symbolon-csrf'],
    exposedHeaders: ['retry-after', 'x-request-id'],
    methods: ['GET', 'POST', 'DELETE'],
    maxAge: 600,
    preflightContinue: true,
  });
  const vary: RequestHandler = (_req, res, next) => {
    res.setHeader('vary', 'Origin');
    next();
  };
  return [vary, decide];
}

/** Answers the preflight that CORS allowed; any other OPTIONS is a method like all that a path does not take. */
const answerPreflight: RequestHandler = (_req, res, next) => {
  if (res.hasHeader('access-control-allow-origin')) sendEmpty(res, 204);
  else next();
};

/** Mounts endpoints in the given order, then answers 405 for other methods of their paths and 404 for the rest. */
export function mountEndpoints(options: MountOptions): void {
  const { app, endpoints, aliases = {}, sessionMiddleware, customerAuthHeader } = options;
  const crossOrigin = crossOriginHandlers(options.allowsOrigin ?? (() => false));
  const methodsOf = new Map<string, { methods: Set<string>; endpoint: Endpoint }>();

  for (const endpoint of endpoints) {
    const { contract } = endpoint;
    const handlers: RequestHandler[] = [];
    if (endpoint.crossOrigin) handlers.push(...crossOrigin);
    if (endpoint.usesSession && sessionMiddleware) handlers.push(sessionMiddleware);
    const handle: RequestHandler = async (req, res) => endpoint.handle(req, res);
    for (const path of [contract.path, ...(aliases[contract.operationId] ?? [])]) {
      const route: RequestHandler = (req, res, next) => {
        contextOf(res).route = contract.path;
        if (contract.oauthErrors) res.locals.oauthErrors = true;
        const repeated = repeatedSecurityHeader(req, customerAuthHeader);
        if (repeated !== undefined) throw repeatedHeaderError(repeated, contract, customerAuthHeader);
        next();
      };
      app[contract.method](toExpressPath(path), route, ...handlers, handle);
      const known = methodsOf.get(path) ?? { methods: new Set<string>(), endpoint };
      known.methods.add(contract.method.toUpperCase());
      if (contract.method === 'get') known.methods.add('HEAD');
      methodsOf.set(path, known);
    }
  }

  for (const [path, { methods, endpoint }] of methodsOf) {
    if (endpoint.crossOrigin) app.options(toExpressPath(path), ...crossOrigin, answerPreflight);
    const allow = [...methods].sort().join(', ');
    const send = endpoint.contract.oauthErrors ? sendOAuthError : sendBridgeError;
    app.all(toExpressPath(path), (_req, res) => {
      contextOf(res).route = endpoint.contract.path;
      send(res, new BridgeError('METHOD_NOT_ALLOWED'), { allow });
    });
  }
  app.use((_req: Request, res: Response) => sendBridgeError(res, new BridgeError('NOT_FOUND')));
}

/** The one door out for errors: a known one as it is, anything else as a bare 500 whose details stay in the log. */
export function mountErrorDoor(app: Express, { logger }: Pick<EdgeDeps, 'logger'>): void {
  app.use((error: unknown, req: Request, res: Response, _next: NextFunction) => {
    // A broken upload may still be arriving; what is left of it is thrown away.
    req.resume();
    if (!res.locals.symbolon) {
      res.destroy();
      return;
    }
    const known = asKnownError(error) ?? undecodablePath(error);
    if (!known) logger.unexpected('http.unexpected_error', error, { request_id: contextOf(res).requestId });
    if (known?.kind === 'too_large' || known?.kind === 'unsupported_type') res.shouldKeepAlive = false;
    const answer = known ?? new BridgeError('INTERNAL_ERROR');
    if (res.locals.oauthErrors || answer instanceof OAuthError) sendOAuthError(res, answer);
    else sendBridgeError(res, answer);
  });
}

/** Express throws this for a path whose percent-encoding is broken. */
function undecodablePath(error: unknown): BridgeError | undefined {
  return error instanceof URIError
    ? new BridgeError('INVALID_REQUEST', { message: 'The path is not well-formed.' })
    : undefined;
}
