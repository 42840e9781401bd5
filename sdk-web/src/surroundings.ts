import type { FetchLike } from './bridge-call.ts';

/** The part of the Web Locks API that is used: one holder of a name in the whole browser. */
export interface LocksLike {
  request<T>(
    name: string,
    options: { ifAvailable?: boolean; signal?: undefined },
    work: (lock: unknown) => Promise<T>,
  ): Promise<T>;
}

/** The part of `BroadcastChannel` that is used: what one page posts, the others of the same origin hear. */
export interface BroadcastLike {
  postMessage(message: unknown): void;
  addEventListener(type: 'message', listener: (event: { data: unknown }) => void): void;
  close(): void;
}

/** `localStorage`, or an asynchronous store of the same shape, such as React Native's. */
export interface StorageLike {
  getItem(key: string): string | null | Promise<string | null>;
  setItem(key: string, value: string): unknown;
  removeItem(key: string): unknown;
}

/** `persisted`: the page was put aside whole and is shown again, as the event `pageshow` says. */
export type Wake = (event?: { persisted?: boolean }) => unknown;

/** What the SDK uses of the platform. What is not given is taken from the page; `null` does without. */
export interface Surroundings {
  fetch?: FetchLike;
  /** Wall-clock milliseconds. Default: `Date.now`. */
  now?: () => number;
  /** From 0 up to 1, spreads retries and renewals. Default: `Math.random`. */
  random?: () => number;
  /** Makes the pages of one browser take turns. Default in a page: `navigator.locks`. */
  locks?: LocksLike | null;
  /** Opens the line between the pages of one browser. Default in a page: `BroadcastChannel`. */
  broadcast?: ((name: string) => BroadcastLike) | null;
  /** Keeps the identifier of the customer whose chat is on this device, nothing else. Default in a page: `localStorage`. */
  storage?: StorageLike | null;
  /** Calls back at least whenever the app comes to the front or the network returns; returns the way to stop that. */
  onWake?: ((wake: Wake) => () => void) | null;
}

/** A browser page as far as it matters here. Node has some of this, too, but its requests share one process: never detected there. */
interface PageGlobals {
  document?: unknown;
  addEventListener(type: string, listener: Wake): void;
  removeEventListener(type: string, listener: Wake): void;
  navigator: { locks?: LocksLike };
  BroadcastChannel?: new (name: string) => BroadcastLike;
}

const here = globalThis as unknown as PageGlobals;
declare const fetch: FetchLike;
declare const setTimeout: (work: () => unknown, ms: number) => unknown;
declare const clearTimeout: (handle: unknown) => void;

/** Runs `work` after `ms`; returns the way to stop it. Looked up at each call, as a test that moves the clock expects. */
export function later(work: () => unknown, ms: number): () => void {
  const handle = setTimeout(work, ms);
  return () => clearTimeout(handle);
}

/** Resolves after `ms`. */
export const pause = (ms: number): Promise<void> => new Promise((done) => void later(done, ms));

const WAKE_EVENTS = ['visibilitychange', 'pageshow', 'online'];

const wakeOf = (page: PageGlobals) => (wake: Wake) => {
  for (const type of WAKE_EVENTS) page.addEventListener(type, wake);
  return () => {
    for (const type of WAKE_EVENTS) page.removeEventListener(type, wake);
  };
};

/** What was given, completed by what the page has. */
export function surroundingsOf<T extends Surroundings>(given: T) {
  const page = here.document ? here : undefined;
  const { BroadcastChannel: Line } = page ?? {};
  return {
    // Looked up at each call, as tools that watch or replace it expect.
    fetch: ((url, options) => fetch(url, options)) as FetchLike,
    now: Date.now,
    random: Math.random,
    locks: page?.navigator.locks,
    broadcast: Line && ((name: string) => new Line(name)),
    onWake: page && wakeOf(page),
    ...given,
  } satisfies Surroundings;
}
