import { type Answer, createBridgeCall, type FetchLike } from './bridge-call.ts';
import { createBackoff } from './backoff.ts';
import { createHeldToken } from './held-token.ts';
import { createShared } from './shared.ts';
import { createStanding, type SymbolonSnapshot, type SymbolonState } from './standing.ts';
import { SymbolonError } from './symbolon-error.ts';

export interface SymbolonOptions {
  /** Address of the bridge, such as `https://id.example.com`; a path is kept. */
  baseUrl: string;
  /** The chat channel that tokens are made for. */
  channel: string;
  /** The company's site says who is signed in, not this service's own session: `start()` is `signInFromSite()`. */
  siteSession?: boolean;
  /** Default: the platform's own. */
  fetch?: FetchLike;
  /** Wall-clock milliseconds. Default: `Date.now`. */
  now?: () => number;
  /** Deadline of one call. Default 10,000. */
  timeoutMs?: number;
}

/** The signed-in customer as a page sees them. All rejections are `SymbolonError`. */
export interface Symbolon {
  state(): SymbolonState;
  readonly customerId: string | undefined;
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
   * A customer token for this channel. Kept until 80 % of its life has passed, then renewed by one request however
   * many ask; a renewal that fails hands out the held token while it lives. `fresh` skips the held token, for a
   * vendor that reports it expired. Rejects with `signed_out` when nobody is signed in.
   */
  getToken(options?: { fresh?: boolean }): Promise<string>;
  /** Signs in with a password through the bridge, for pages without a sign-in of their own. Resolves with the identifier. */
  signIn(credentials: { username: string; password: string }): Promise<string>;
  /**
   * Ends the session, with `everywhere` all of the customer's. This page is signed out whatever happens; a rejection
   * says that the bridge could not be told, so that the cookie may still be good.
   */
  logout(options?: { everywhere?: boolean }): Promise<void>;
  /** Calls `listener` after each change of state or customer. Returns the way to stop that. */
  subscribe(listener: (snapshot: SymbolonSnapshot) => void): () => void;
}

const RENEW_AT_SHARE = 0.8;

function textMember(answer: Answer, name: string): string {
  const value = answer[name];
  if (typeof value === 'string' && value !== '') return value;
  throw new SymbolonError('bad_response', `The answer has no ${name}.`);
}

const signedOut = () => new SymbolonError('signed_out', 'Nobody is signed in.');

declare const fetch: FetchLike;
/** Looked up at each call, as tools that watch or replace it expect. */
const platformFetch: FetchLike = (url, options) => fetch(url, options);

/** Watches one customer session at the bridge for one channel. Makes no call until asked. */
export function createSymbolon(options: SymbolonOptions): Symbolon {
  const { baseUrl, channel, now = Date.now, timeoutMs = 10_000 } = options;
  const call = createBridgeCall(baseUrl, options.fetch ?? platformFetch, timeoutMs);
  const backoff = createBackoff(now);
  const held = createHeldToken(now);
  const standing = createStanding(() => held.clear());

  function turn(state: SymbolonState, customerId?: string): void {
    looking.forget();
    entering.forget();
    renewing.forget();
    backoff.clear();
    held.clear();
    standing.turn(state, customerId);
  }

  /** One question about the session; its answer counts only if nobody signed in or out meanwhile. */
  async function ask(method: string, path: string, body?: Record<string, string>): Promise<Answer> {
    const asked = standing.epoch();
    backoff.check();
    try {
      const answer = await call(method, path, body);
      if (asked === standing.epoch()) backoff.clear();
      else throw signedOut();
      return answer;
    } catch (error) {
      if (asked !== standing.epoch()) throw signedOut();
      if (error instanceof SymbolonError && error.code === 'signed_out') turn('signed_out');
      throw backoff.failed(error);
    }
  }

  const looking = createShared(async () => {
    try {
      const answer = await ask('GET', '/customer_session');
      standing.become('signed_in', textMember(answer, 'customer_id'));
    } catch (error) {
      if (!(error instanceof SymbolonError) || error.code !== 'signed_out') throw error;
    }
    return standing.state();
  });

  const entering = createShared(async () => {
    try {
      const answer = await ask('POST', '/customer_authenticate', { channel, delivery: 'cookie' });
      const customerId = textMember(answer, 'customer_id');
      // Answers about somebody else's session that are under way must not count any more.
      if (customerId === standing.customerId()) standing.become('signed_in', customerId);
      else turn('signed_in', customerId);
    } catch (error) {
      if (!(error instanceof SymbolonError) || error.code !== 'signed_out') throw error;
    }
    return standing.state();
  });

  const renewing = createShared(async () => {
    const askedMs = now();
    const answer = await ask('POST', '/customer_session/token', { channel });
    const token = textMember(answer, 'JWT');
    const customerId = textMember(answer, 'customer_id');
    const lifeMs = Number(textMember(answer, 'expires_in')) * 1000;
    if (!(lifeMs > 0)) throw new SymbolonError('bad_response', 'The answer has no usable expires_in.');
    standing.become('signed_in', customerId);
    held.put(token, askedMs, lifeMs);
    return token;
  });

  return {
    state: () => standing.state(),
    get customerId() {
      return standing.customerId();
    },
    start: () => (options.siteSession ? entering : looking).run(),
    signInFromSite: () => entering.run(),
    async getToken({ fresh = false } = {}) {
      if (standing.state() === 'signed_out') throw signedOut();
      const ready = fresh ? undefined : held.within(RENEW_AT_SHARE);
      if (ready) return ready;
      try {
        return await renewing.run();
      } catch (error) {
        const still = fresh ? undefined : held.within(1);
        if (still) return still;
        throw error;
      }
    },
    async signIn({ username, password }) {
      const body = { username, password, channel, delivery: 'cookie' };
      const customerId = textMember(await call('POST', '/customer_authenticate', body), 'customer_id');
      turn('signed_in', customerId);
      return customerId;
    },
    async logout({ everywhere = false } = {}) {
      turn('signed_out');
      try {
        await call('DELETE', everywhere ? '/customer_session?everywhere=true' : '/customer_session');
      } catch (error) {
        if (!(error instanceof SymbolonError) || error.code !== 'signed_out') throw error;
      }
    },
    subscribe: (listener) => standing.subscribe(listener),
  };
}
