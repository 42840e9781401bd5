import { isIP, isIPv4 } from 'node:net';
import express, {
  type ErrorRequestHandler,
  type Express,
  type NextFunction,
  type Request,
  type RequestHandler,
  type Response,
} from 'express';
import type { Audit } from '../audit/audit.ts';
import { BridgeError, type ErrorCode, OAuthError } from '../errors.ts';
import { unmappedAddress } from '../platform/ip-address.ts';
import type { Logger } from '../platform/logger.ts';
import { pooledRandomHex } from '../platform/random.ts';
import { constantHeaders } from './answer-head.ts';
import { createCrossOrigin, type CrossOriginRules } from './cross-origin.ts';
import type { Endpoint, EndpointContract } from './endpoint.ts';
import { actorOf, isFailure, recordDenial } from './denials.ts';
import { asKnownError, sendBridgeError, sendOAuthError } from './error-response.ts';
import { header, repeatedSecurityHeader } from './raw-headers.ts';
import type { LimitGuard } from './limit-guard.ts';
import { refusalHeaders } from './limit-headers.ts';
import {
  attachContext,
  contextOf,
  type EdgeDeps,
  hasContext,
  logWhenDone,
  newContext,
  type RequestContext,
} from './request-context.ts';

/** What a listener serves. */
export type HttpApp = Express;

export interface ExpressAppOptions extends EdgeDeps {
  audit: Audit;
  /** Headers of every answer. */
  headers: Record<string, string>;
  /** Addresses and ranges of proxies whose X-Forwarded-For is believed; everybody else's is ignored. */
  trustedProxies: readonly string[];
  /** How many addresses from the end of X-Forwarded-For are proxies at most; `undefined`: as many as are in the ranges. */
  trustedHops?: number | undefined;
  /** Answers only to a loopback name: a listener bound to one, so that no page can reach it by DNS rebinding. */
  isLoopbackOnly?: boolean;
  /** Path that the public address carries; it may be in front of every path. */
  basePath: string;
  /** Lower-case name of the header that carries the customer proof. */
  customerAuthHeader: string;
  /** While true every answer closes its connection. */
  isDraining(): boolean;
  /** Answers what is refused before Express has the request. */
  errorDoor: ErrorRequestHandler;
  /** Asked before Express. Default: Express finds all routes. */
  direct?: DirectRoutes;
}

/** `::ffff:192.0.2.1` in every spelling, and `192.0.2.1:5555` (as some proxies write it), are 192.0.2.1. */
export function plainAddress(address = ''): string {
  if (isIPv4(address)) return address;
  const text = address.replace(/^\[([^\]]*)\](:\d+)?$/, '$1').replace(/^([\d.]+):\d+$/, '$1');
  return isIP(text) ? unmappedAddress(text) : 'unknown';
}

/** A target that names scheme and host, too (RFC 9112 section 3.2.2). */
const ABSOLUTE_FORM = /^https?:\/\/[^/?#\s@]+(?<path>\/.*)$/i;

const LOOPBACK_HOST = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?$/i;

function trustProxies(app: Express, { trustedProxies, trustedHops }: ExpressAppOptions): void {
  app.set('trust proxy', trustedProxies.length > 0 ? [...trustedProxies] : false);
  if (trustedHops === undefined) return;
  const isTrusted = app.get('trust proxy fn') as (address: string, hop: number) => boolean;
  app.set('trust proxy', (address: string, hop: number) => hop < trustedHops && isTrusted(address, hop));
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
  trustProxies(app, options);
  // Every cookie is Secure, whatever a request's header says: the public address is https, or loopback, where browsers
  // take such cookies over plain HTTP.
  Object.defineProperty(app.request, 'secure', { configurable: true, get: () => true });
  const useProxies = options.trustedProxies.length > 0;
  const headers = constantHeaders(options.headers);

  const begin = (req: Request, res: Response): RequestContext => {
    const address = plainAddress(useProxies ? req.ip : req.socket.remoteAddress);
    const context = newContext({ headers, requestId: pooledRandomHex(12), address });
    if (options.tracing) context.span = options.tracing.request(header(req, 'traceparent'));
    attachContext(res, context);
    logWhenDone(req, res, context, options);
    if (options.isDraining()) res.shouldKeepAlive = false;
    const { basePath } = options;
    if (!req.url.startsWith('/')) req.url = ABSOLUTE_FORM.exec(req.url)?.groups?.path ?? req.url;
    if (basePath !== '' && (req.url === basePath || req.url.startsWith(`${basePath}/`))) {
      req.url = req.url.slice(basePath.length) || '/';
    }
    return context;
  };
  const refuseMalformed = (req: Request, res: Response): void => {
    if (!req.url.startsWith('/') && req.url !== '*')
      throw new BridgeError('INVALID_REQUEST', { message: 'The request target is not well-formed.' });
    if (req.httpVersionMajor < 1)
      throw new BridgeError('INVALID_REQUEST', { message: 'HTTP/1.0 or later is needed.' });
    const coding = req.headers['transfer-encoding'];
    if (coding !== undefined && (coding.toLowerCase() !== 'chunked' || req.httpVersionMinor === 0)) {
      // RFC 9112 section 6.1: where such a message ends is a matter of opinion, so the connection ends with it.
      res.shouldKeepAlive = false;
      throw new BridgeError('INVALID_REQUEST', { message: 'Only the transfer coding chunked is taken.' });
    }
    if (req.httpVersionMinor > 0 && req.headers.host === undefined)
      throw new BridgeError('INVALID_REQUEST', { message: 'The header host is missing.' });
    if (options.isLoopbackOnly && !LOOPBACK_HOST.test(req.headers.host ?? 'localhost'))
      throw new BridgeError('INVALID_REQUEST', {
        message: 'This listener is bound to a loopback address and answers to such a name alone.',
      });
  };

  /** What goes wrong where Express does not see it costs that one request, never the process. */
  const refuse = (error: unknown, req: Request, res: Response): void => {
    const giveUp = (unexpected?: unknown) => {
      options.logger.unexpected('http.unexpected_error', unexpected);
      res.destroy();
    };
    res.locals ??= {};
    try {
      const answered: unknown = options.errorDoor(error, req, res, giveUp);
      if (answered instanceof Promise) answered.catch(giveUp);
    } catch (unexpected) {
      giveUp(unexpected);
    }
  };

  // Around Express's own door in place of a layer behind it: the way through one costs as much as what is done here.
  const serve = app as unknown as { handle(req: Request, res: Response, done: NextFunction): void };
  const handle = serve.handle.bind(app);
  const find = (req: Request, res: Response, done: NextFunction): void => {
    const answer = options.direct?.get(req.url)?.get(req.method);
    if (!answer) {
      handle(req, res, done);
      return;
    }
    res.locals = {};
    try {
      void answer(req, res, (error: unknown) => refuse(error, req, res));
    } catch (error) {
      refuse(error, req, res);
    }
  };
  serve.handle = (req, res, done) => {
    let context: RequestContext;
    try {
      // Of a server that was not given the application's own prototypes; `req.ip` is read before Express sets them.
      if (Object.getPrototypeOf(req) !== app.request) Object.setPrototypeOf(req, app.request);
      context = begin(req, res);
      refuseMalformed(req, res);
    } catch (error) {
      refuse(error, req, res);
      return;
    }
    if (context.span) context.span.run(() => find(req, res, done));
    else find(req, res, done);
  };
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

/**
 * What answers a path that has no variable part, by method: one look-up finds it, where Express tries its routes in turn.
 * Whatever else a path may be asked for is Express's to answer.
 */
export type DirectRoutes = Map<string, Map<string, RequestHandler>>;

/** Adds routes in the order in which Express gets them: the first one that fits a path answers, here as there. */
function createDirectRoutes(routes: DirectRoutes) {
  const variable: { method: string; pattern: RegExp }[] = [];
  return (path: string, method: string, handler: RequestHandler): void => {
    if (path.includes('{')) {
      const pattern = path.replaceAll('.', '\\.').replace(/\{path\}$/, '.+');
      variable.push({ method, pattern: new RegExp(`^${pattern.replaceAll(/\{\w+\}/g, '[^/]+')}$`) });
      return;
    }
    if (variable.some((earlier) => earlier.method === method && earlier.pattern.test(path))) return;
    const methods = routes.get(path) ?? new Map<string, RequestHandler>();
    routes.set(path, methods);
    if (!methods.has(method)) methods.set(method, handler);
  };
}

export interface MountOptions {
  app: Express;
  /** Those of the application; only for one that has nothing in front of its endpoints. */
  direct?: DirectRoutes;
  /** Headers of every answer. */
  headers: Record<string, string>;
  endpoints: readonly Endpoint[];
  /** Further paths of an endpoint, by its `operationId`. */
  aliases?: Readonly<Record<string, readonly string[]>>;
  sessionMiddleware?: RequestHandler;
  allowsOrigin?: (origin: string) => boolean;
  /** Origins of registered apps that run in browsers: they may call the endpoints meant for apps, without cookies. */
  allowsAppOrigin?: (origin: string) => boolean;
  /** Further request headers that pages of those origins may send. */
  pageHeaders?: readonly string[];
  /** Lower-case name of the header that carries the customer proof. */
  customerAuthHeader: string;
  limits?: LimitGuard;
}

/** A last `{path}` takes all that follows; any other name in braces takes one segment. */
const toExpressPath = (path: string) => path.replace(/\{path\}$/, '*path').replaceAll(/\{(\w+)\}/g, ':$1');

/** Whether a page may show its refresh token in `Authorization`. */
const takesDeviceToken = ({ contract }: Endpoint): boolean =>
  contract.security?.some((schemes) => schemes.includes('refreshToken')) ?? false;

/** Several handlers as one: Express's own way from one to the next costs more than most of them. */
function inTurn([first, ...rest]: readonly RequestHandler[]): RequestHandler {
  if (!first) return (_req, _res, next) => next();
  if (rest.length === 0) return first;
  const others = inTurn(rest);
  return (req, res, next) =>
    first(req, res, (error?: unknown) => {
      if (error) {
        next(error);
        return;
      }
      try {
        const going: unknown = others(req, res, next);
        if (going instanceof Promise) going.catch(next);
      } catch (thrown) {
        next(thrown);
      }
    });
}

/** Mounts endpoints in the given order, then answers 405 for other methods of their paths and 404 for the rest. */
export function mountEndpoints(options: MountOptions): void {
  const { app, direct, endpoints, aliases = {}, sessionMiddleware, customerAuthHeader, limits } = options;
  const { headers, allowsOrigin = () => false, allowsAppOrigin = () => false } = options;
  const ofPages = (...own: string[]): CrossOriginRules => ({
    headers,
    caller: 'pages',
    allowsOrigin,
    requestHeaders: ['content-type', 'x-symbolon-csrf', ...own, ...(options.pageHeaders ?? [])],
  });
  const forPages = createCrossOrigin(ofPages());
  const forDevices = createCrossOrigin(ofPages('authorization'));
  const forApps = createCrossOrigin({
    headers,
    caller: 'apps',
    allowsOrigin: allowsAppOrigin,
    requestHeaders: ['authorization', 'content-type'],
  });
  // A preflight speaks of a path: what one of its methods takes in `Authorization` may be announced for all.
  const deviceTokenPaths = new Set(endpoints.filter(takesDeviceToken).map(({ contract }) => contract.path));
  const crossOriginOf = ({ crossOrigin, contract: { path } }: Endpoint) => {
    if (crossOrigin === 'apps') return forApps;
    if (!crossOrigin) return undefined;
    return deviceTokenPaths.has(path) ? forDevices : forPages;
  };
  const methodsOf = new Map<string, { methods: Set<string>; endpoint: Endpoint }>();
  const addDirectly = direct && createDirectRoutes(direct);

  for (const endpoint of endpoints) {
    const { contract, countsFailures } = endpoint;
    const actor = actorOf(contract);
    const crossOrigin = crossOriginOf(endpoint);
    const session = endpoint.usesSession && sessionMiddleware ? [sessionMiddleware] : [];
    const handle: RequestHandler = (req, res, next) => {
      const handled = endpoint.handle(req, res);
      if (handled instanceof Promise) handled.catch(next);
    };
    for (const path of [contract.path, ...(aliases[contract.operationId] ?? [])]) {
      const route: RequestHandler = (req, res, next) => {
        if (endpoint.refusesHead && req.method === 'HEAD') return next('route');
        const context = contextOf(res);
        context.route = contract.path;
        context.actor = actor;
        crossOrigin?.announce(req, context);
        if (contract.oauthErrors) res.locals.oauthErrors = true;
        if (endpoint.showError) res.locals.showError = endpoint.showError;
        const repeated = repeatedSecurityHeader(req, customerAuthHeader);
        if (repeated !== undefined) throw repeatedHeaderError(repeated, contract, customerAuthHeader);
        if (countsFailures) limits?.refuseBlocked(context);
        context.countsFailures = countsFailures ?? (contract.listener === 'public' ? 'alone' : undefined);
        next();
      };
      const whole = inTurn([route, ...session, handle]);
      app[contract.method](toExpressPath(path), whole);
      addDirectly?.(path, contract.method.toUpperCase(), whole);
      const known = methodsOf.get(path) ?? { methods: new Set<string>(), endpoint };
      known.methods.add(contract.method.toUpperCase());
      if (contract.method === 'get' && !endpoint.refusesHead) known.methods.add('HEAD');
      methodsOf.set(path, known);
    }
  }

  for (const [path, { methods, endpoint }] of methodsOf) {
    const crossOrigin = crossOriginOf(endpoint);
    if (crossOrigin) app.options(toExpressPath(path), ...crossOrigin.preflight);
    const allow = [...methods].sort().join(', ');
    const send = endpoint.contract.oauthErrors ? sendOAuthError : sendBridgeError;
    app.all(toExpressPath(path), (_req, res) => {
      contextOf(res).route = endpoint.contract.path;
      send(res, new BridgeError('METHOD_NOT_ALLOWED'), { allow });
    });
  }
  app.use((_req: Request, res: Response) => sendBridgeError(res, new BridgeError('NOT_FOUND')));
}

export interface ErrorDoorDeps {
  logger: Logger;
  audit: Audit;
  limits?: LimitGuard;
}

/**
 * The one door out for errors: a known one as it is, anything else as a bare 500 whose details stay in the log. Every
 * refusal leaves its audit record here, and a failed authentication counts against the caller's address.
 */
export function createErrorDoor({ logger, audit, limits }: ErrorDoorDeps): ErrorRequestHandler {
  const send = (req: Request, res: Response, answer: BridgeError | OAuthError) => {
    const context = contextOf(res);
    recordDenial({ req, context }, answer, audit);
    if (answer.code === 'RATE_LIMITED')
      context.limitHeaders = { ...refusalHeaders(answer), ...context.limitHeaders };
    const showOwn = res.locals.showError as Endpoint['showError'];
    if (showOwn) showOwn(res, answer);
    else if (res.locals.oauthErrors || answer instanceof OAuthError) sendOAuthError(res, answer);
    else sendBridgeError(res, answer);
  };
  const countFailure = (context: RequestContext, req: Request, answer: BridgeError | OAuthError) =>
    context.countsFailures && isFailure(answer, req) ? limits?.countFailure(context) : undefined;
  return (error: unknown, req, res, _next) => {
    // A broken upload may still be arriving; what is left of it is thrown away.
    req.resume();
    if (!hasContext(res)) {
      res.destroy();
      return;
    }
    const known = asKnownError(error) ?? undecodablePath(error);
    if (!known) logger.unexpected('http.unexpected_error', error, { request_id: contextOf(res).requestId });
    const answer = known ?? new BridgeError('INTERNAL_ERROR');
    const refusal = countFailure(contextOf(res), req, answer);
    if (!(refusal instanceof Promise)) return send(req, res, refusal ?? answer);
    return refusal.then((settled) => send(req, res, settled ?? answer));
  };
}

/** Express throws this for a path whose percent-encoding is broken. */
function undecodablePath(error: unknown): BridgeError | undefined {
  return error instanceof URIError
    ? new BridgeError('INVALID_REQUEST', { message: 'The path is not well-formed.' })
    : undefined;
}
