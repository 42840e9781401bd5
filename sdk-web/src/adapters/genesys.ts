import type { Symbolon } from '../symbolon.ts';
import { type Chat, vendorCall } from './page.ts';
import { proofWithin } from './patience.ts';
import { attach } from './widget.ts';

interface Command {
  resolve(data?: unknown): void;
  reject?(error?: unknown): void;
}
interface AuthProvider {
  registerCommand(name: string, run: (command: Command) => void): void;
  publish?(event: string, data?: unknown): void;
  ready?(): void;
}

export interface GenesysOptions {
  /** The session is over: show the sign-in, then call `symbolon.start()` and resolve. Default: asks the bridge again. */
  onLogin?: () => Promise<unknown>;
}

const PATIENCE_SECONDS = 30;

/**
 * Genesys Cloud authenticated web messaging: the AuthProvider plugin. Call it right after Genesys' snippet. Every code
 * is asked for anew, because Genesys redeems each once.
 */
export function genesys(symbolon: Symbolon, { onLogin = () => symbolon.start() }: GenesysOptions = {}): Chat {
  const answer = (command: Command, work: Promise<unknown>) =>
    void work.then(command.resolve, (error: unknown) => {
      symbolon.report(error);
      command.reject?.();
    });
  let plugin: AuthProvider | undefined;
  vendorCall('Genesys', 'registerPlugin', 'AuthProvider', (provider: AuthProvider) => {
    plugin = provider;
    provider.registerCommand('getAuthCode', (command) => {
      const code = proofWithin(symbolon, PATIENCE_SECONDS, { single: true });
      answer(
        command,
        code.then(({ web }) => web),
      );
    });
    provider.registerCommand('reAuthenticate', (command) =>
      answer(
        command,
        onLogin().then(() => undefined),
      ),
    );
    provider.registerCommand('signIn', (command) =>
      answer(
        command,
        onLogin().then(() => undefined),
      ),
    );
    provider.ready?.();
  });
  const stop = attach(symbolon, {
    // Genesys asks for the code by itself; a chat that began without one is told that there is one now.
    login: () => plugin?.publish?.('signedIn'),
    reset: () => vendorCall('Genesys', 'command', 'Auth.logout'),
  });
  return { stop };
}
