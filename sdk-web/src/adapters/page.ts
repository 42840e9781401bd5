/** What an adapter gives back. */
export interface Chat {
  /** Stops driving the widget; resets nothing. */
  stop(): void;
}

type Call = (...args: unknown[]) => unknown;

/** The page's globals: vendors' snippets put theirs there, often a queue first and the real thing later. */
export const page = globalThis as unknown as Record<string, unknown>;

/** Looked up at each use; throws with the name when the vendor's snippet is not on the page. */
export function vendor(name: string): unknown {
  const found = page[name];
  if (found === undefined) throw new Error(`${name} is not on this page: load the vendor's snippet first.`);
  return found;
}

/** The same for a vendor whose global is one function. */
export const vendorCall = (name: string, ...args: unknown[]): unknown => (vendor(name) as Call)(...args);

interface Listens {
  addEventListener(type: string, listener: () => void): void;
  removeEventListener(type: string, listener: () => void): void;
}

/** Calls `listener` at each event of this name of the window; returns the way to stop that. */
export function onPageEvent(type: string, listener: () => void): () => void {
  const target = globalThis as unknown as Listens;
  target.addEventListener(type, listener);
  return () => target.removeEventListener(type, listener);
}

/** Resolves when `isReady()` holds: now, or at the next event of this name of the window. */
export function ready(type: string, isReady: () => boolean): Promise<void> {
  if (isReady()) return Promise.resolve();
  return new Promise((done) => {
    const stop = onPageEvent(type, () => {
      stop();
      done();
    });
  });
}

/** Does `work` now if that is possible, else as soon as `whenReady` is: what is asked for first is done first. */
export function nowOrWhenReady(
  whenReady: Promise<void>,
  isReady: () => boolean,
  work: () => unknown,
): unknown {
  if (isReady()) return work();
  void whenReady.then(work);
  return undefined;
}
