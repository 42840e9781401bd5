import { isIP } from 'node:net';
import cors from 'cors';
import express, {
  type Express,
  type NextFunction,
  type Request,
  type RequestHandler,
  type Response,
} from 'express';
import { BridgeError, OAuthError } from '../errors.ts';
import { randomToken } from '../platform/random.ts';
import { CONSTANT_HEADERS } from './answer.ts';
import type { Endpoint } from './endpoint.ts';
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
  app.set('query parser', false);
  app.set('trust proxy', options.trustedProxies.length > 0 ? [...options.trustedProxies] : false);
  app.locals[CONSTANT_HEADERS] = options.headers;
  // Whether a cookie may be marked Secure follows from the configured public address, never from a request's header.
  Object.defineProperty(app.request, 'secure', { configurable: true, get: () => true });
  const useProxies = options.trustedProxies.length > 0;

  app.use((req: Request, res: Response, next: NextFunction) => {
    const address = plainAddress(useProxies ? req.ip : req.socket.remoteAddress);
    const context = { requestId: randomToken(12), address, route: 'unknown' };
    attachContext(res, context);
    logWhenDone(req, res, context, options);
    if (options.isDraining()) res.shouldKeepAlive = false;
    const { basePath } = options;
    if (basePath !== '' && (req.url === basePath || req.url.startsWith(`${basePath}/`))) {
      req.url = req.url.slice(basePath.length) || '/';
    }
    if (req.httpVersionMajor < 1)
      throw new BridgeError('INVALID_REQUEST', { message: 'HTTP/1.0 or later is needed.' });
    const repeated = repeatedSecurityHeader(req, options.customerAuthHeader);
    if (repeated !== undefined) throw repeatedHeaderError(repeated, options.customerAuthHeader);
    next();
  });
  return app;
}

/** A repeated credential is no credential (401); a repeated framing header is a malformed request (400). */
function repeatedHeaderError(name: string, customerAuthHeader: string): BridgeError {
  const message = `The header ${name} stands more than once.`;
  switch (name) {
    case customerAuthHeader:
      return new BridgeError('INVALID_CUSTOMER_TOKEN', { message });
    case 'authorization':
      return new BridgeError('INVALID_ACCESS_TOKEN', { message });
    case 'api-key':
    case 'x-api-key':
      return new BridgeError('INVALID_API_KEY', { message });
    case 'x-timestamp':
    case 'x-api-signature':
    case 'signature':
    case 'signature-input':
    case 'content-digest':
      return new BridgeError('INVALID_SIGNATURE', { message });
    default:
      return new BridgeError('INVALID_REQUEST', { message });
  }
}

export interface MountOptions {
  app: Express;
  endpoints: readonly Endpoint[];
  /** Further paths of an endpoint, by its `operationId`. */
  aliases?: Readonly<Record<string, readonly string[]>>;
  sessionMiddleware?: RequestHandler;
  allowsOrigin?: (origin: string) => boolean;
}

const toExpressPath = (path: string) => path.replaceAll(/\{(\w+)\}/g, ':$1');

/** Mounts endpoints in the given order, then answers 405 for other methods of their paths and 404 for the rest. */
export function mountEndpoints({
  app,
  endpoints,
  aliases = {},
  sessionMiddleware,
  allowsOrigin,
}: MountOptions): void {
  const crossOrigin = cors({
    origin: (origin, done) => done(null, origin !== undefined && (allowsOrigin?.(origin) ?? false)),
    credentials: true,
    allowedHeaders: ['content-type', 'x-symbolon-csrf'],
    exposedHeaders: ['retry-after', 'x-request-id'],
    methods: ['GET', 'POST', 'DELETE'],
    maxAge: 600,
  });
  const methodsOf = new Map<string, { methods: Set<string>; endpoint: Endpoint }>();

  for (const endpoint of endpoints) {
    const { contract } = endpoint;
    const handlers: RequestHandler[] = [];
    if (endpoint.crossOrigin) handlers.push(crossOrigin);
    if (endpoint.usesSession && sessionMiddleware) handlers.push(sessionMiddleware);
    const handle: RequestHandler = async (req, res) => endpoint.handle(req, res);
    for (const path of [contract.path, ...(aliases[contract.operationId] ?? [])]) {
      const route: RequestHandler = (_req, res, next) => {
        contextOf(res).route = contract.path;
        if (contract.oauthErrors) res.locals.oauthErrors = true;
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
    if (endpoint.crossOrigin) app.options(toExpressPath(path), crossOrigin);
    const allow = [...methods].sort().join(', ');
    app.all(toExpressPath(path), (_req, res) => {
      contextOf(res).route = endpoint.contract.path;
      sendBridgeError(res, new BridgeError('METHOD_NOT_ALLOWED'), { allow });
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
