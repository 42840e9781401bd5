import { createHmac, createSecretKey, hash, type KeyObject, timingSafeEqual } from 'node:crypto';
import { RedisStore } from 'connect-redis';
import type { Request, RequestHandler, Response } from 'express';
import session, { type SessionData, Store } from 'express-session';
import { BridgeError } from '../errors.ts';
import type { Clock } from '../platform/clock.ts';
import {
  absoluteExpiryMs,
  type CustomerSession,
  type SessionLifetimes,
  type SessionRecordStore,
} from '../sessions/session.ts';
import type { Sessions } from '../sessions/sessions.ts';
import { header } from './raw-headers.ts';

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
   * The same for a route that only reads, without the middleware: signature first, then one read of the store. Counts
   * as a use of the session.
   */
  peek(req: Request): Promise<CustomerSession | undefined>;
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

/** Runs a store call and gives its result, or a failure that the edge can tell, to express-session's callback. */
function settle<T>(work: Promise<T>, done: ((error: unknown, value?: T) => void) | undefined): void {
  work.then(
    (value) => done?.(null, value),
    (cause: unknown) =>
      done?.(cause instanceof BridgeError ? cause : new BridgeError('STORE_UNAVAILABLE', { cause })),
  );
}

function promised<T>(
  call: (done: (error: unknown, value?: T | null) => void) => void,
): Promise<T | undefined> {
  return new Promise((resolve, reject) =>
    call((error, value) => (error ? reject(error) : resolve(value ?? undefined))),
  );
}

/**
 * The store that express-session sees. Ids are digested before they are kept, so a dump of the store holds none that a
 * cookie could carry; an unused session is written to at most once a minute.
 */
function createStore({ keep, lifetimes, clock }: SessionCookiesDeps): Store {
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
  const key = (id: string) => hash('sha256', id, 'base64url');

  const read = async (id: string): Promise<SessionData | null> => {
    if (redis) return (await promised<SessionData>((done) => void redis.get(key(id), done))) ?? null;
    const text = await records?.read(key(id), clock.nowMs());
    return text === undefined ? null : (JSON.parse(text) as SessionData);
  };
  const write = async (id: string, data: SessionData): Promise<void> => {
    if (redis) await promised((done) => void redis.set(key(id), data, done));
    else await records?.write(key(id), JSON.stringify(data), expiryMs(data));
  };
  const remove = async (id: string): Promise<void> => {
    const idDigest = key(id);
    touched.delete(idDigest);
    if (redis) await promised((done) => void redis.destroy(idDigest, done));
    else await records?.destroy(idDigest);
  };
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

  const store = new (Store as unknown as new () => Store)();
  store.get = (id, done) => settle(read(id), done);
  store.set = (id, data, done?: Callback) => settle(write(id, data), done);
  store.destroy = (id, done?: Callback) => settle(remove(id), done);
  store.touch = (id, data, done?: Callback) => {
    const idDigest = key(id);
    if (isTouchDue(idDigest)) settle(touch(idDigest, data), done);
    // In the same tick: express-session would otherwise send the answer in two pieces while it waits.
    else done?.();
  };
  return store;
}

/** Checks cookie values `s:<id>.<signature>` against every secret; the id, or `undefined`. */
function createUnsign(secrets: readonly string[]): (value: string) => string | undefined {
  let made: { from: string; keys: KeyObject[] } | undefined;
  // Secrets change in place under a rotation.
  const keys = () => {
    const from = secrets.join('\n');
    if (made?.from !== from)
      made = { from, keys: secrets.map((secret) => createSecretKey(Buffer.from(secret))) };
    return made.keys;
  };
  return (value) => {
    if (!value.startsWith('s:')) return undefined;
    const dot = value.lastIndexOf('.');
    const id = value.slice(2, dot);
    const given = Buffer.from(value.slice(dot + 1));
    for (const key of keys()) {
      const expected = Buffer.from(createHmac('sha256', key).update(id).digest('base64').replace(/=+$/, ''));
      if (expected.length === given.length && timingSafeEqual(expected, given)) return id;
    }
    return undefined;
  };
}

/** Values of the cookies of exactly this name in a `Cookie` header. */
function cookiesNamed(text: string, name: string): string[] {
  const mark = `${name}=`;
  return text
    .split(';')
    .map((part) => part.trim())
    .filter((part) => part.startsWith(mark))
    .map((part) => part.slice(mark.length));
}

function cookieValue(text: string, name: string): string | undefined {
  if (!text.includes('=') || text.startsWith('s:') || text.startsWith('s%3A')) return decode(text.trim());
  const found = cookiesNamed(text, name);
  // Two cookies of one name: nobody can say which was meant.
  return found.length === 1 ? decode(found[0] as string) : undefined;
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
  const store = createStore(deps);
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
  const idOf = (text: string): string | undefined => {
    const value = cookieValue(text, cookieName);
    return value === undefined ? undefined : unsign(value);
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
      // Two cookies of one name (RFC 6265bis 8.7): one may have been planted, so neither is believed.
      const sent = header(req, 'cookie');
      if (sent && cookiesNamed(sent, cookieName).length > 1) req.headers.cookie = '';
      void withSession(req, res, next);
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
    peek: async (req) => {
      const sent = header(req, 'cookie');
      const id = sent?.includes('=') ? idOf(sent) : undefined;
      if (id === undefined) return undefined;
      const data = await promised<SessionData>((done) => store.get(id, done));
      const customer = live(data);
      if (data && customer) await promised((done) => store.touch?.(id, data, () => done(undefined)));
      return customer;
    },
    read: async (text) => {
      const id = idOf(text);
      if (id === undefined) return undefined;
      return live(await promised<SessionData>((done) => store.get(id, done)));
    },
  };
}
