import { createHmac, createSecretKey, hash, type KeyObject, timingSafeEqual } from 'node:crypto';
import { RedisStore } from 'connect-redis';
import type { Request, RequestHandler, Response } from 'express';
import session, { type SessionData, Store } from 'express-session';
import { BridgeError } from '../errors.ts';
import type { Clock } from '../platform/clock.ts';
import { createRecentMap } from '../platform/recent-map.ts';
import {
  absoluteExpiryMs,
  type CustomerSession,
  type SessionLifetimes,
  type SessionRecordStore,
} from '../sessions/session.ts';
import type { Sessions } from '../sessions/sessions.ts';
import { header } from './raw-headers.ts';
import { onlyCookie } from './request-cookies.ts';

declare module 'express-session' {
  interface SessionData {
    customer: CustomerSession;
  }
}

/** A connected client of the `redis` package. */
export type RedisClient = ConstructorParameters<typeof RedisStore>[0]['client'];

export type SameSite = 'lax' | 'strict' | 'none';

export interface SessionCookiesDeps {
  /** Where sessions are kept: our own database, or Redis when there are several processes. */
  keep: { records: SessionRecordStore } | { redis: RedisClient };
  sessions: Sessions;
  lifetimes: SessionLifetimes;
  clock: Clock;
  /** Secrets that sign cookies: the first signs, all verify. The array may change under a rotation. */
  secrets: string[];
  cookieName: string;
  sameSite: SameSite;
}

export interface SessionCookies {
  /** Reads the cookie's session; for routes that use one. */
  middleware: RequestHandler;
  /** The live session of this request, or `undefined`. */
  current(req: Request): CustomerSession | undefined;
  /**
   * Digest of the id of the request's session, which is what its record is kept under and what the limits count it by.
   * Without the middleware it comes from the cookie, whose signature says that there was such a session once; nobody has
   * asked yet whether it lives. `undefined` without a signed cookie.
   */
  presented(req: Request): string | undefined;
  /** The live session of what a route without the middleware was presented: one read of the store. Counts as a use. */
  peek(presented: string): Promise<CustomerSession | undefined>;
  /** Starts a session under a new id; a brought-in one is dead (ASVS 7.2.4). Written before it returns. */
  begin(req: Request, customer: CustomerSession): Promise<void>;
  /** Forgets the request's session and expires the cookie. */
  end(req: Request, res: Response): Promise<void>;
  /** The live session of a cookie that somebody passed on, from a `Cookie` header's value or the bare value. */
  read(cookie: string): Promise<CustomerSession | undefined>;
}

const REDIS_PREFIX = 'symbolon:session:';
const MAX_TOUCH_MEMORY = 50_000;

type Callback = (error?: unknown) => void;

/** A failure that the edge can tell. */
const storeFailure = (cause: unknown): BridgeError =>
  cause instanceof BridgeError ? cause : new BridgeError('STORE_UNAVAILABLE', { cause });

/** Runs a store call and gives its result, or its failure, to express-session's callback. */
function settle<T>(work: Promise<T>, done: ((error: unknown, value?: T) => void) | undefined): void {
  work.then(
    (value) => done?.(null, value),
    (cause: unknown) => done?.(storeFailure(cause)),
  );
}

function promised<T>(
  call: (done: (error: unknown, value?: T | null) => void) => void,
): Promise<T | undefined> {
  return new Promise((resolve, reject) =>
    call((error, value) => (error ? reject(error) : resolve(value ?? undefined))),
  );
}

/** Ids are digested before they are kept, so a dump of the store holds none that a cookie could carry. */
const digestOf = (id: string): string => hash('sha256', id, 'base64url');

/** Records of sessions by the digest of their id; an unused session is written to at most once a minute. */
function createRecords({ keep, lifetimes, clock }: SessionCookiesDeps) {
  const expiryMs = (data: SessionData): number => {
    const idle = clock.nowMs() + lifetimes.idleSeconds * 1000;
    return data.customer ? Math.min(idle, absoluteExpiryMs(data.customer, lifetimes)) : idle;
  };
  const redis =
    'redis' in keep
      ? new RedisStore({
          client: keep.redis,
          prefix: REDIS_PREFIX,
          ttl: (data) => Math.max(1, Math.ceil((expiryMs(data) - clock.nowMs()) / 1000)),
        })
      : undefined;
  const records = 'records' in keep ? keep.records : undefined;
  const touchEveryMs = Math.min(60_000, lifetimes.idleSeconds * 100);
  const touched = new Map<string, number>();
  /** Whether this use has to be written down; says so at most once for each interval. */
  const isTouchDue = (idDigest: string): boolean => {
    const nowMs = clock.monotonicMs();
    if (nowMs - (touched.get(idDigest) ?? -Infinity) < touchEveryMs) return false;
    if (touched.size >= MAX_TOUCH_MEMORY) touched.clear();
    touched.set(idDigest, nowMs);
    return true;
  };
  const touch = async (idDigest: string, data: SessionData): Promise<void> => {
    if (redis) await promised((done) => void redis.touch(idDigest, data, done));
    else await records?.touch(idDigest, expiryMs(data));
  };

  return {
    read: async (idDigest: string): Promise<SessionData | null> => {
      const text =
        'redis' in keep
          ? await keep.redis.get(REDIS_PREFIX + idDigest)
          : await keep.records.read(idDigest, clock.nowMs());
      return typeof text === 'string' ? (JSON.parse(text) as SessionData) : null;
    },
    write: async (idDigest: string, data: SessionData): Promise<void> => {
      if (redis) await promised((done) => void redis.set(idDigest, data, done));
      else await records?.write(idDigest, JSON.stringify(data), expiryMs(data));
    },
    remove: async (idDigest: string): Promise<void> => {
      touched.delete(idDigest);
      if (redis) await promised((done) => void redis.destroy(idDigest, done));
      else await records?.destroy(idDigest);
    },
    /** Notes a use of the session; waits for the store only when there is something to write. */
    use: (idDigest: string, data: SessionData): Promise<void> | undefined =>
      isTouchDue(idDigest) ? touch(idDigest, data) : undefined,
  };
}

/** The store that express-session sees. */
function createStore(records: ReturnType<typeof createRecords>): Store {
  const store = new (Store as unknown as new () => Store)();
  store.get = (id, done) => settle(records.read(digestOf(id)), done);
  store.set = (id, data, done?: Callback) => settle(records.write(digestOf(id), data), done);
  store.destroy = (id, done?: Callback) => settle(records.remove(digestOf(id)), done);
  store.touch = (id, data, done?: Callback) => {
    const written = records.use(digestOf(id), data);
    if (written) settle(written, done);
    // In the same tick: express-session would otherwise send the answer in two pieces while it waits.
    else done?.();
  };
  return store;
}

/** Cookies whose signature is remembered, per generation. */
const KNOWN_COOKIES = 10_000;

/**
 * Checks cookie values `s:<id>.<signature>` against every secret; the digest of the id, or `undefined`. The cookie of a
 * session in use comes again and again: it is known by its own digest.
 */
function createUnsign(secrets: readonly string[]): (value: string) => string | undefined {
  let made: { from: string; keys: KeyObject[] } | undefined;
  const known = createRecentMap<{ idDigest: string }>(KNOWN_COOKIES);
  // Secrets change in place under a rotation.
  const keys = () => {
    const from = secrets.join('\n');
    if (made?.from !== from) {
      made = { from, keys: secrets.map((secret) => createSecretKey(Buffer.from(secret))) };
      known.clear();
    }
    return made.keys;
  };
  const verified = (value: string, current: readonly KeyObject[]): string | undefined => {
    const dot = value.lastIndexOf('.');
    const id = value.slice(2, dot);
    const given = Buffer.from(value.slice(dot + 1));
    for (const key of current) {
      const expected = Buffer.from(createHmac('sha256', key).update(id).digest('base64').replace(/=+$/, ''));
      if (expected.length === given.length && timingSafeEqual(expected, given)) return id;
    }
    return undefined;
  };
  return (value) => {
    if (!value.startsWith('s:')) return undefined;
    const current = keys();
    const digest = digestOf(value);
    const seen = known.get(digest);
    if (seen) return seen.idDigest;
    const id = verified(value, current);
    if (id === undefined) return undefined;
    const idDigest = digestOf(id);
    known.set(digest, { idDigest });
    return idDigest;
  };
}

function cookieValue(text: string, name: string): string | undefined {
  const isBare = !text.includes('=') || text.startsWith('s:') || text.startsWith('s%3A');
  const value = isBare ? text.trim() : onlyCookie(text, name);
  // As express-session's own parser reads them: quotes around a value are none of it.
  return value === undefined ? undefined : decode(value.replace(/^"(.*)"$/, '$1'));
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

export function createSessionCookies(deps: SessionCookiesDeps): SessionCookies {
  const { sessions, cookieName, secrets } = deps;
  const records = createRecords(deps);
  const store = createStore(records);
  const unsign = createUnsign(secrets);
  const cookie = {
    path: '/',
    httpOnly: true,
    secure: true,
    sameSite: deps.sameSite,
    partitioned: deps.sameSite === 'none',
  };
  const live = (data: Partial<SessionData> | undefined | null): CustomerSession | undefined => {
    const customer = sessions.parse(data?.customer);
    return customer && sessions.isLive(customer) ? customer : undefined;
  };
  const idDigestOf = (text: string): string | undefined => {
    const value = cookieValue(text, cookieName);
    return value === undefined ? undefined : unsign(value);
  };
  const recordOf = async (idDigest: string): Promise<SessionData | null> => {
    try {
      return await records.read(idDigest);
    } catch (error) {
      throw storeFailure(error);
    }
  };
  const withSession = session({
    store,
    secret: secrets,
    name: cookieName,
    resave: false,
    saveUninitialized: false,
    cookie,
  });

  return {
    middleware: (req, res, next) => {
      // express-session reads cookies by rules of its own: it gets the one that counts, under its name, or none.
      const sent = header(req, 'cookie');
      if (sent === undefined) return void withSession(req, res, next);
      const value = onlyCookie(sent, cookieName);
      req.headers.cookie = value === undefined ? '' : `${cookieName}=${value}`;
      void withSession(req, res, (error?: unknown) => {
        req.headers.cookie = sent;
        next(error);
      });
    },
    current: (req) => live(req.session),
    begin: async (req, customer) => {
      try {
        await promised((done) => req.session.regenerate(done));
        req.session.customer = customer;
        await promised((done) => req.session.save(done));
      } catch (error) {
        // Without a session express-session sets no cookie: one that was never kept must not replace a good one.
        Reflect.deleteProperty(req, 'session');
        throw error;
      }
    },
    end: async (req, res) => {
      await promised((done) => req.session.destroy(done));
      res.clearCookie(cookieName, cookie);
    },
    presented: (req) => {
      if (req.session?.customer) return digestOf(req.sessionID);
      const sent = header(req, 'cookie');
      return sent?.includes('=') ? idDigestOf(sent) : undefined;
    },
    peek: async (idDigest) => {
      const data = await recordOf(idDigest);
      const customer = live(data);
      // A use that cannot be written down is a use.
      const written = data && customer ? records.use(idDigest, data) : undefined;
      if (written) await written.catch(() => {});
      return customer;
    },
    read: async (text) => {
      const idDigest = idDigestOf(text);
      return idDigest === undefined ? undefined : live(await recordOf(idDigest));
    },
  };
}
