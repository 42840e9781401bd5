import type { Symbolon } from '../symbolon.ts';
import type { Chat } from './page.ts';
import { proofOnDemand } from './patience.ts';
import { attach } from './widget.ts';

/** The part of `StreamChat` that is used. */
export interface StreamClient {
  connectUser(user: { id: string }, tokenProvider: () => Promise<string>): Promise<unknown>;
  disconnectUser(): Promise<unknown>;
}

export interface StreamSettings {
  client: StreamClient;
  /** More members for `connectUser`, such as a name. */
  user?: () => Record<string, unknown>;
}

/** Stream retries no provider that fails: it is given time. */
const PATIENCE_SECONDS = 120;

/** Stream Chat. */
export function stream(symbolon: Symbolon, { client, user }: StreamSettings): Chat {
  const stop = attach(symbolon, {
    async login(customerId) {
      const proof = proofOnDemand(symbolon, PATIENCE_SECONDS);
      await client.connectUser({ ...user?.(), id: customerId }, async () => (await proof()).token);
    },
    reset: () => client.disconnectUser(),
  });
  return { stop };
}
