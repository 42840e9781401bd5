import { type Answer, createBridgeCall, type SessionCarrier, unusable } from './bridge-call.ts';
import { createBackoff } from './backoff.ts';
import { createKeptProofs, type ProofSource } from './kept-proofs.ts';
import type { Proof } from './held-proofs.ts';
import { createOnce } from './once.ts';
import type { SignedOutReason, StandingListener, SymbolonSnapshot, SymbolonState } from './standing.ts';
import { pause, type Surroundings, surroundingsOf } from './surroundings.ts';
import { SymbolonError } from './symbolon-error.ts';
import { createTabs, type TabMessage } from './tabs.ts';

export interface SymbolonOptions extends Surroundings {
  /** Address of the bridge, such as `https://id.example.com`; a path is kept. */
  baseUrl: string;
  /** The chat channel that proofs and tokens are made for. */
  channel: string;
  /**
   * The company's site says who is signed in, not this service's own session: `start()` is `signInFromSite()`, and a
   * session that ended is begun again without asking the customer while the site still knows them.
   */
  siteSession?: boolean;
  /** How the session is shown to the bridge. Default: by its cookie. See `refreshTokenSession` for apps. */
  session?: SessionCarrier;
  /**
   * Renews what is kept without being asked, so that a chat finds it fresh; an open page keeps the session in use by
   * that. Default true. `false`: only when a widget asks, or the device wakes up.
   */
  keepAlive?: boolean;
  /** Deadline of one call. Default 10,000. */
  timeoutMs?: number;
  /** Somebody was signed in and is not any more, in this or another page. */
  onSignedOut?: (reason: SignedOutReason) => void;
  /** Somebody else is signed in now; the widgets are reset before they hear of it. */
  onIdentityChanged?: (customerId: string, before: string) => void;
  /** What failed in the background or in a widget, where no caller could hear of it. */
  onError?: (error: unknown) => void;
}

export interface ProofOptions {
  /** What only the page knows and the vendor wants in the proof, such as `{ freshchat_uuid }`. */
  input?: Record<string, string>;
  /** Skips the kept proof: the vendor refused it. One that was made for this less than 30 seconds ago is given again. */
  fresh?: boolean;
  /** Good for one use, such as a code: always asked for, never kept. */
  single?: boolean;
}

/** The signed-in customer as a page sees them. All rejections are `SymbolonError`. */
export interface Symbolon {
  state(): SymbolonState;
  readonly customerId: string | undefined;
  /** State and customer in one object, which stays the same until something changes. */
  snapshot(): SymbolonSnapshot;
  /**
   * Asks the bridge who is signed in and resolves with the answer. Concurrent calls share one request; call it again
   * to look again, for example after the site's own sign-in. Rejects when the bridge gives no answer.
   */
  start(): Promise<SymbolonState>;
  /**
   * Signs in whoever is signed in at the company's own site, without asking the customer anything. Resolves with
   * `signed_out` when nobody is; rejects when the site could not tell. Concurrent calls share one request.
   */
  signInFromSite(): Promise<SymbolonState>;
  /**
   * The proof that the vendor of this channel wants. Kept, and renewed at 80 % of its life, on waking up, and for
   * `fresh`, by one request in the whole browser however many ask; a renewal that fails hands out the kept proof while
   * it lives. Rejects with `signed_out` when nobody is signed in: there is no anonymous proof.
   */
  getProof(options?: ProofOptions): Promise<Proof>;
  /** The same for the customer token of this channel, for chats that take it as it is. */
  getToken(options?: { fresh?: boolean }): Promise<string>;
  /** Signs in with a password through the bridge, for pages without a sign-in of their own. Resolves with the identifier. */
  signIn(credentials: { username: string; password: string }): Promise<string>;
  /**
   * Signs out, in this order: this page and all others of the browser forget the customer; the widgets run their
   * vendor's own reset; the session ends, with `everywhere` all of the customer's. The page is signed out whatever
   * happens; a rejection says that the bridge could not be told, so that the session may still be good.
   */
  logout(options?: { everywhere?: boolean }): Promise<void>;
  /** Hands an error to `onError`. */
  report(error: unknown): void;
  /**
   * Calls `listener` after each change of state or customer, and `renewed` when the kept proof was replaced by a newer
   * one. Returns the way to stop that.
   */
  subscribe(listener: StandingListener, renewed?: (proof: Proof) => void): () => void;
  /** What this was made with. */
  readonly options: SymbolonOptions;
  /** Stops timers and listeners. The session goes on. */
  close(): void;
}

/** How long a sign-out waits for those who listen. */
const LISTENERS_MS = 5_000;
/** A 401 so soon after a sign-in means that the cookie was not kept. */
const COOKIE_TRIAL_MS = 10_000;

function textMember(answer: Answer, name: string): string {
  const value = answer[name];
  if (value && typeof value === 'string') return value;
  throw unusable(name);
}

const signedOut = () => new SymbolonError('signed_out', 'Nobody is signed in.');
const isOver = (error: unknown) => (error as SymbolonError).code === 'signed_out';

/** That nobody is signed in is what was asked, or wanted. */
const unlessOver = (work: Promise<unknown>) =>
  work.catch((error: unknown) => {
    if (!isOver(error)) throw error;
  });

/** Watches one customer session at the bridge for one channel. Makes no call until asked. */
export function createSymbolon(options: SymbolonOptions): Symbolon {
  const { channel, siteSession, timeoutMs = 10_000 } = options;
  const base = options.baseUrl.replace(/\/+$/, '');
  const here = surroundingsOf(options);
  const { now } = here;
  const plainCall = createBridgeCall(base, here.fetch, timeoutMs);
  const call = options.session?.(plainCall, SymbolonError) ?? plainCall;
  const backoff = createBackoff(now, here.random);
  const listeners = new Map<StandingListener, ((proof: Proof) => void) | undefined>();
  let lastCustomerId: string | undefined;
  listeners.set(({ customerId = lastCustomerId }, reason) => {
    if (reason) options.onSignedOut?.(reason);
    else if (customerId !== lastCustomerId && lastCustomerId) {
      options.onIdentityChanged?.(customerId as string, lastCustomerId);
    }
    lastCustomerId = customerId;
  }, undefined);
  const name = `symbolon ${base}`;
  const tabs = createTabs({ ...here, name, patienceMs: 2 * timeoutMs, hear });
  const look: ProofSource = { path: '/customer_session' };
  const entry: ProofSource = { path: '/customer_authenticate', body: { channel, delivery: 'cookie' } };
  const proofSource: ProofSource = { path: `/channels/${encodeURIComponent(channel)}/token`, body: {} };
  const tokenSource: ProofSource = { path: look.path + '/token', body: { channel } };
  const once = createOnce();
  const kept = createKeptProofs({ ...here, tabs, once, fetchProof, renewed, report });
  let snapshot: SymbolonSnapshot = { state: 'unknown', customerId: undefined };
  /** Raised by each sign-in and sign-out, so that an answer to an older question is never taken for the newer customer's. */
  let epoch = 0;
  let following: unknown;
  let enteredMs = 0;
  /** What is being taken over from another page is not told back. */
  let hearing = false;

  function report(error: unknown): void {
    if (!isOver(error)) options.onError?.(error);
  }

  function renewed(source: ProofSource, proof: Proof): void {
    if (source !== proofSource) return;
    for (const listener of listeners.values()) void Promise.resolve(proof).then(listener);
  }

  function become(customerId?: string, reason?: SignedOutReason): void {
    const before = snapshot.customerId;
    const state = customerId ? 'signed_in' : 'signed_out';
    if (state === snapshot.state && customerId === before) return;
    snapshot = { state, customerId };
    if (customerId && before) kept.clear();
    // A visitor's standing says nothing about other pages, where somebody may have just signed in.
    const who = customerId ?? before;
    if (!hearing && (who || reason === 'logout')) tabs.tell({ customerId: who, reason });
    // A listener's own failure shows up as an unhandled rejection and keeps no other listener from hearing.
    following = Promise.all(
      Array.from(listeners.keys(), async (listener) => listener(snapshot, before ? reason : undefined)),
    );
  }

  function turn(customerId?: string, reason?: SignedOutReason): void {
    once.forget();
    backoff.clear();
    kept.clear();
    epoch++;
    become(customerId, reason);
  }

  function hear({ customerId, reason, held, key }: TabMessage): void {
    const mine = !customerId || customerId === snapshot.customerId;
    hearing = true;
    if (mine && held) kept.take(key as string, held);
    else if (mine && reason) turn(undefined, reason);
    else if (!mine && !held && !reason) turn(customerId);
    hearing = false;
  }

  /** One question about the session; its answer counts only if nobody signed in or out meanwhile. */
  async function ask(method: string, source: ProofSource, leave = true): Promise<Answer> {
    const asked = epoch;
    backoff.check();
    try {
      const answer = await call(method, source.path, source.body);
      if (asked !== epoch) throw signedOut();
      backoff.clear();
      return answer;
    } catch (error) {
      if (asked !== epoch) throw signedOut();
      if (!isOver(error)) throw backoff.failed(error as SymbolonError);
      const blocked = !options.session && source !== entry && now() - enteredMs < COOKIE_TRIAL_MS;
      if (leave || blocked) turn(undefined, 'ended');
      if (!blocked) throw error;
      throw new SymbolonError('cookie_blocked', 'The cookie was not kept.');
    }
  }

  /** Asks who is signed in; resolves with the standing after the answer. */
  const meet = (method: string, source: ProofSource, welcome: (customerId: string) => void) =>
    once.run(source.path, async () => {
      await unlessOver(ask(method, source).then((answer) => welcome(textMember(answer, 'customer_id'))));
      return snapshot.state;
    });
  const enter = () =>
    meet('POST', entry, (customerId) => {
      enteredMs = now();
      // Answers about somebody else's session that are under way must not count any more.
      (customerId === snapshot.customerId ? become : turn)(customerId);
    });

  async function fetchProof(source: ProofSource): Promise<Proof & { lifeMs: number }> {
    let answer: Answer;
    try {
      answer = await ask('POST', source, !siteSession);
    } catch (error) {
      if (!siteSession || !isOver(error) || snapshot.state === 'signed_out') throw error;
      // The session here is over; whether the customer still is signed in, the site knows.
      const { customerId } = snapshot;
      if ((await enter()) !== 'signed_in' || (customerId && customerId !== snapshot.customerId)) throw error;
      answer = await ask('POST', source);
    }
    const token = textMember(answer, source === tokenSource ? 'JWT' : 'token');
    const customerId = textMember(answer, 'customer_id');
    const lifeMs = Number(textMember(answer, 'expires_in')) * 1000;
    if (!(lifeMs > 0)) throw unusable('expires_in');
    enteredMs = 0;
    become(customerId);
    const { kind = 'jwt', web = {} } = answer as Partial<Proof>;
    return { kind, token, customerId, web, lifeMs };
  }

  async function get(source: ProofSource, { fresh, single }: ProofOptions): Promise<Proof> {
    if (snapshot.state === 'signed_out') throw signedOut();
    return single ? fetchProof(source) : kept.get(source, fresh);
  }

  const start = () => (siteSession ? enter() : meet('GET', look, become));
  const stopWaking = here.onWake?.((event) => {
    void kept.check();
    // A page that the browser put aside and brings back missed what the others told.
    if (event?.persisted) start().catch(report);
  });
  return {
    state: () => snapshot.state,
    get customerId() {
      return snapshot.customerId;
    },
    snapshot: () => snapshot,
    start,
    signInFromSite: enter,
    getProof: ({ input, ...how } = {}) =>
      get(input ? { path: proofSource.path, body: { input } } : proofSource, how),
    getToken: async (how = {}) => (await get(tokenSource, how)).token,
    async signIn({ username, password }) {
      const body = { username, password, channel, delivery: 'cookie' };
      const customerId = textMember(await call('POST', entry.path, body), 'customer_id');
      enteredMs = now();
      turn(customerId);
      return customerId;
    },
    async logout({ everywhere = false } = {}) {
      turn(undefined, 'logout');
      await Promise.race([following, pause(LISTENERS_MS)]);
      await unlessOver(call('DELETE', look.path + (everywhere ? '?everywhere=true' : '')));
    },
    report,
    options,
    subscribe(listener, whenRenewed) {
      listeners.set(listener, whenRenewed);
      return () => void listeners.delete(listener);
    },
    close() {
      kept.clear();
      stopWaking?.();
      tabs.close();
    },
  };
}

/** The same, for who likes `new`. */
export const Symbolon = createSymbolon as unknown as new (options: SymbolonOptions) => Symbolon;
