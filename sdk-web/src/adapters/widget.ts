import type { Proof } from '../held-proofs.ts';
import type { SignedOutReason, SymbolonSnapshot } from '../standing.ts';
import type { StorageLike } from '../surroundings.ts';
import type { Symbolon } from '../symbolon.ts';

/** `changed`: somebody else is signed in now. */
export type ResetReason = SignedOutReason | 'changed';

/**
 * A vendor's chat widget as the SDK drives it. The calls come one after the other and never overlap: each waits for
 * the promise that the one before returned, at most three seconds.
 */
export interface Widget {
  /** This customer is signed in. Before another customer's `login` always comes a `reset`. */
  login(customerId: string): unknown;
  /**
   * The vendor's own sign-out. It runs before the session at the bridge ends. `false` says that the widget keeps the
   * customer's chat (only sensible for `ended`); then it is reset before anybody else's `login`.
   */
  reset(reason: ResetReason): unknown;
  /** The kept proof of the channel was replaced by a newer one; for vendors that do not ask. */
  renewed?(proof: Proof): unknown;
  /** Nobody is signed in, says the bridge. */
  visitor?(): unknown;
}

const STEP_MS = 3_000;

declare const setTimeout: (work: () => void, ms: number) => unknown;
declare const clearTimeout: (handle: unknown) => void;

/** Reading `localStorage` throws where the browser's settings forbid it, and elsewhere there is none. */
function pageStorage(): StorageLike | null | undefined {
  try {
    return (globalThis as { document?: unknown; localStorage?: StorageLike }).document
      ? (globalThis as { localStorage?: StorageLike }).localStorage
      : null;
  } catch {
    return null;
  }
}

/** Resolves with `work`, at the latest after three seconds. */
function atMost(work: Promise<unknown>): Promise<void> {
  return new Promise((done) => {
    const timer = setTimeout(done, STEP_MS);
    void work.then(() => {
      clearTimeout(timer);
      done();
    });
  });
}

/**
 * Drives `widget` from here on; the adapters are made of it, and so is the adapter of a vendor that has none here.
 * Returns the way to stop, which resets nothing.
 *
 * A mark in the storage says whose chat the widget holds on this device, so that it is reset for the next customer even
 * if the first one never signed out and the page was closed since.
 */
export function attach(symbolon: Symbolon, widget: Widget): () => void {
  const { baseUrl, channel, storage = pageStorage() } = symbolon.options;
  const name = `symbolon ${baseUrl} ${channel}`;
  const current = () => symbolon.customerId;
  /** Whose chat the widget holds. */
  let owner: string | null | undefined;
  const attempt = async (work: () => unknown) => {
    try {
      return await work();
    } catch (error) {
      symbolon.report(error);
      return undefined;
    }
  };
  let queue: Promise<unknown> = attempt(async () => {
    owner = await storage?.getItem(name);
  });
  const queued = (step: () => unknown) => (queue = queue.then(() => atMost(attempt(step))));

  async function reset(reason: ResetReason): Promise<void> {
    if (owner && (await widget.reset(reason)) !== false) owner = undefined;
  }
  async function welcome(customerId: string): Promise<void> {
    if (owner !== customerId) await reset('changed');
    // Somebody else, or nobody, since this step was queued: then a later step is about them.
    if (current() !== customerId) return;
    owner = customerId;
    await widget.login(customerId);
  }
  async function dismiss(reason: SignedOutReason): Promise<void> {
    if (current()) return;
    await reset(reason);
    if (!current()) await widget.visitor?.();
  }
  const mark = () =>
    attempt(() => storage && (owner ? storage.setItem(name, owner) : storage.removeItem(name)));
  function follow({ state, customerId }: SymbolonSnapshot, reason: SignedOutReason = 'ended') {
    if (state === 'unknown') return undefined;
    return queued(() => (customerId ? welcome(customerId) : dismiss(reason))).then(mark);
  }

  void follow(symbolon.snapshot());
  return symbolon.subscribe(follow, (proof) => void queued(() => current() && widget.renewed?.(proof)));
}
