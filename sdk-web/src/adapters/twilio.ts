import type { Symbolon } from '../symbolon.ts';
import type { Chat } from './page.ts';
import { proofWithin } from './patience.ts';
import { attach } from './widget.ts';

/** The part of Twilio's Conversations client that is used. */
export interface TwilioClient {
  on(event: string, listener: () => void): unknown;
  updateToken(token: string): unknown;
  shutdown(): unknown;
}

export interface TwilioSettings<C extends TwilioClient> {
  /** `Client` of `@twilio/conversations`. */
  Client: new (
    token: string,
  ) => C;
  /** Every customer gets a client of their own: here is each, before it is told anything else. */
  onClient: (client: C) => void;
}

const PATIENCE_SECONDS = 60;

/** Twilio Conversations. */
export function twilio<C extends TwilioClient>(
  symbolon: Symbolon,
  { Client, onClient }: TwilioSettings<C>,
): Chat {
  let client: C | undefined;
  const stop = attach(symbolon, {
    async login(customerId) {
      const { token } = await proofWithin(symbolon, PATIENCE_SECONDS);
      if (symbolon.customerId !== customerId) return;
      const mine = new Client(token);
      client = mine;
      const update = async () => {
        const proof = await proofWithin(symbolon, PATIENCE_SECONDS, { fresh: true });
        if (client === mine) await mine.updateToken(proof.token);
      };
      for (const event of ['tokenAboutToExpire', 'tokenExpired']) {
        mine.on(event, () => void update().catch(symbolon.report));
      }
      onClient(mine);
    },
    renewed: ({ token }) => client?.updateToken(token),
    async reset() {
      const mine = client;
      client = undefined;
      await mine?.shutdown();
    },
  });
  return { stop };
}
