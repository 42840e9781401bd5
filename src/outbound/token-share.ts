/** What the processes of a fleet know together about one token: the last one, and who may fetch the next. */
export interface TokenShare {
  /** What was published under `key`. Throws `STORE_UNAVAILABLE`, as everything here does. */
  read(key: string): Promise<string | undefined>;
  /** Makes this process the one that may fetch, for `ttlMs`: a number that only grows. `undefined` while another is. */
  acquire(key: string, ttlMs: number): Promise<number | undefined>;
  /** Holds on to what `acquire` gave; `false` when it is lost. */
  renew(key: string, fence: number, ttlMs: number): Promise<boolean>;
  /** Publishes for `ttlMs`; `false` when the holder of a later fence has done so already. */
  publish(key: string, value: { fence: number; text: string; ttlMs: number }): Promise<boolean>;
  release(key: string, fence: number): Promise<void>;
}

/** Seals what is kept outside this process. */
export interface OutboundVault {
  seal(text: string, context: string): string;
  /** `undefined` when it was not sealed for this context. */
  open(sealed: string, context: string): string | undefined;
}

/** A token with its times on the wall clock, which the processes of a fleet share. */
export interface GrantedToken {
  token: string;
  grantedAtMs: number;
  endsAtMs: number;
}
