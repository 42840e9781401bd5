import type { Symbolon } from '../symbolon.ts';
import { type Chat, vendor } from './page.ts';
import { attach } from './widget.ts';

interface KustomerChat {
  start(settings: unknown, done: () => void): void;
  login(proof: { jwtToken: string }, done: (answer: unknown, error?: unknown) => void): void;
  logout(): void;
}

/**
 * Kustomer's chat. `settings` are those of `Kustomer.start`, which this calls, because nothing else works before it is
 * done; without them the page has started it already.
 */
export function kustomer(symbolon: Symbolon, settings?: Record<string, unknown>): Chat {
  const chat = () => vendor('Kustomer') as KustomerChat;
  let started: Promise<void> | undefined;
  const start = () => (started ??= new Promise((done) => (settings ? chat().start(settings, done) : done())));
  const stop = attach(symbolon, {
    async login(customerId) {
      await start();
      // Kustomer wants a token that was just made.
      const { token } = await symbolon.getProof({ single: true });
      if (symbolon.customerId !== customerId) return;
      await new Promise<void>((done, fail) => {
        chat().login({ jwtToken: token }, (_answer, error) => (error ? fail(error) : done()));
      });
    },
    reset: () => chat().logout(),
  });
  return { stop };
}
