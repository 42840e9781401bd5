import type { Symbolon } from '../symbolon.ts';
import { type Chat, vendor } from './page.ts';
import { attach } from './widget.ts';

interface DriftChat {
  identify(userId: string, attributes: Record<string, unknown>, options: { userJwt: string }): void;
  reset(): void;
}

/** Drift with signed identities. `attributes` are what the page wants Drift to know; default none. */
export function drift(symbolon: Symbolon, attributes: () => Record<string, unknown> = () => ({})): Chat {
  const chat = () => vendor('drift') as DriftChat;
  const identify = async () => {
    const { token, customerId } = await symbolon.getProof();
    chat().identify(customerId, attributes(), { userJwt: token });
  };
  const stop = attach(symbolon, { login: identify, renewed: identify, reset: () => chat().reset() });
  return { stop };
}
