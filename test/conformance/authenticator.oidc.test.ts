import { describe } from 'vitest';
import type { Proof } from '../../src/authenticators/authenticator.ts';
import { oidcAuthenticator } from '../../src/authenticators/oidc/oidc.ts';
import { createHttpClient } from '../../src/outbound/http-client.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { createLogger } from '../../src/platform/logger.ts';
import { openRooms } from '../rooms/fixture.ts';
import { createJarBrowser, createSignInProvider } from '../support/sign-in-provider.ts';
import { startSilentServer } from '../support/silent-server.ts';
import { hangingServerSuite, redirectingAuthenticatorSuite } from './authenticator.suite.ts';

const PUBLIC_URL = 'https://id.example.com';
const REDIRECT_URI = `${PUBLIC_URL}/customer_sign_in/callback/login`;
const CLIENT = { client_id: 'chat-bridge', client_secret: 'canary-Zk3vX9pQ7rT1wY5bN8mL' };

async function openAuthenticators() {
  const rooms = await openRooms();
  const httpClient = createHttpClient();
  const lines: string[] = [];
  const logger = createLogger('debug', { write: (line) => lines.push(line) });
  const make = (issuer: string, more: Record<string, unknown> = {}) =>
    oidcAuthenticator.create(
      oidcAuthenticator.optionsSchema.parse({
        name: 'login',
        type: 'oidc',
        reference_space: 'crm',
        issuer,
        ...CLIENT,
        algorithms: ['ES256'],
        ...more,
      }),
      {
        httpClient,
        logger,
        clock: systemClock,
        replays: rooms.stores.replays,
        reportFailure: ({ name, reason }) =>
          logger.log('warn', { event: 'authenticator.failed', authenticator: name, reason }),
        publicUrl: PUBLIC_URL,
      },
    );
  return {
    make,
    logged: () => lines.join(''),
    closeClient: () => httpClient.close(),
    close: async () => {
      await httpClient.close();
      await rooms.close();
    },
  };
}

describe('an OpenID Connect provider of a company', () => {
  redirectingAuthenticatorSuite(async () => {
    const [w, provider] = await Promise.all([openAuthenticators(), createSignInProvider()]);
    await provider.start([{ ...CLIENT, redirect_uris: [REDIRECT_URI], response_types: ['code'] }]);
    return {
      authenticator: w.make(provider.issuer),
      person: { reference: 'mira-4711' },
      visit: async (location, account) => {
        const back = await createJarBrowser().signIn(location, {
          ...(account === undefined ? { cancel: true } : { account }),
          until: REDIRECT_URI,
        });
        return Object.fromEntries(new URL(back.url).searchParams);
      },
      takeAway: () => provider.stop(),
      logged: w.logged,
      close: async () => {
        await provider.stop();
        await w.close();
      },
    };
  });

  hangingServerSuite(async () => {
    const [w, silent] = await Promise.all([openAuthenticators(), startSilentServer()]);
    const memory = JSON.stringify({ nonce: 'n', verifier: 'v'.repeat(43) });
    const parameters = { state: 's', code: 'c' };
    const proof: Proof = { kind: 'redirect_answer', authenticator: 'login', parameters, memory };
    return {
      hanging: {
        authenticator: w.make(`http://127.0.0.1:${silent.port}`, { timeout_ms: 400 }),
        deadlineMs: 400,
      },
      patient: {
        authenticator: w.make(`http://127.0.0.1:${silent.port}`, { timeout_ms: 5_000 }),
        closeOthers: w.closeClient,
      },
      silent,
      sharesCalls: true,
      proof,
      close: async () => {
        await w.close();
        await silent.close();
      },
    };
  });
});
