import cors from 'cors';
import type { Request, RequestHandler } from 'express';
import { sendEmpty } from './answer.ts';
import { type ConstantHeaders, constantHeaders } from './answer-head.ts';
import type { RequestContext } from './request-context.ts';

export interface CrossOriginRules {
  /** Headers of every answer. */
  headers: Readonly<Record<string, string>>;
  /** Who calls: pages, which bring cookies, or apps that run in a browser, which do not. */
  caller: 'pages' | 'apps';
  allowsOrigin(origin: string): boolean;
  /** Request headers that they may send. */
  requestHeaders: readonly string[];
}

/** CORS for the listed origins alone; an answer that depends on the origin says so, also where nothing is allowed. */
export interface CrossOrigin {
  /** Gives the answer of this request the headers of its origin. */
  announce(req: Request, context: RequestContext): void;
  /** Answers a preflight; any other OPTIONS is a method like all that a path does not take. */
  preflight: RequestHandler[];
}

const EXPOSED = ['ratelimit', 'ratelimit-policy', 'retry-after', 'x-request-id'];
/** Origins whose headers are kept. */
const KEPT_ORIGINS = 1_000;

const answerPreflight: RequestHandler = (_req, res, next) => {
  if (res.hasHeader('access-control-allow-origin')) sendEmpty(res, 204);
  else next();
};

export function createCrossOrigin(rules: CrossOriginRules): CrossOrigin {
  const { headers, caller, allowsOrigin } = rules;
  const forPages = caller === 'pages';
  const varying = constantHeaders({ ...headers, vary: 'Origin' });
  /** The same for each request of an origin, so they are made once. */
  const allowed = new Map<string, ConstantHeaders>();

  const headersOf = (origin: string): ConstantHeaders => {
    if (!allowsOrigin(origin)) return varying;
    let made = allowed.get(origin);
    if (made === undefined) {
      made = constantHeaders({
        ...headers,
        vary: 'Origin',
        'access-control-allow-origin': origin,
        ...(forPages && { 'access-control-allow-credentials': 'true' }),
        'access-control-expose-headers': EXPOSED.join(','),
      });
      if (allowed.size >= KEPT_ORIGINS) allowed.clear();
      allowed.set(origin, made);
    }
    return made;
  };

  const decide = cors({
    origin: (origin, done) => done(null, origin !== undefined && allowsOrigin(origin)),
    credentials: forPages,
    allowedHeaders: [...rules.requestHeaders],
    methods: ['GET', 'POST', 'DELETE'],
    maxAge: 600,
    preflightContinue: true,
  });
  const vary: RequestHandler = (_req, res, next) => {
    res.setHeader('vary', 'Origin');
    next();
  };

  return {
    announce: (req, context) => {
      const { origin } = req.headers;
      context.headers = origin === undefined ? varying : headersOf(origin);
    },
    preflight: [vary, decide, answerPreflight],
  };
}
