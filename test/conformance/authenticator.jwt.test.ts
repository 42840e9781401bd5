import { SignJWT, importJWK } from 'jose';
import { describe } from 'vitest';
import type { Proof, SubjectTokenProof } from '../../src/authenticators/authenticator.ts';
import { jwtAuthenticator } from '../../src/authenticators/jwt/jwt.ts';
import { createHttpClient } from '../../src/outbound/http-client.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { createLogger } from '../../src/platform/logger.ts';
import { openRooms } from '../rooms/fixture.ts';
import { APP, createIdentityProvider, createProviderKey } from '../support/identity-provider.ts';
import { startSilentServer } from '../support/silent-server.ts';
import { hangingServerSuite, presentedProofSuite } from './authenticator.suite.ts';

const presenting = (token: string): SubjectTokenProof => ({
  kind: 'subject_token',
  token,
  tokenType: 'id_token',
});

async function openAuthenticators() {
  const rooms = await openRooms();
  const httpClient = createHttpClient();
  const lines: string[] = [];
  const logger = createLogger('debug', { write: (line) => lines.push(line) });
  const make = (issuer: string) =>
    jwtAuthenticator.create(
      jwtAuthenticator.optionsSchema.parse({
        name: 'idp',
        type: 'jwt',
        reference_space: 'crm',
        issuer,
        audiences: [APP],
        algorithms: ['ES256'],
        require_jti: false,
      }),
      { httpClient, clock: systemClock, logger, replays: rooms.stores.replays },
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

describe('the ID tokens of an identity provider', () => {
  presentedProofSuite(async () => {
    const [w, provider, key] = await Promise.all([
      openAuthenticators(),
      createIdentityProvider(),
      createProviderKey('one'),
    ]);
    await provider.start([key]);
    const { id_token: token } = await provider.signIn('mira-4711');
    const nowSeconds = Math.floor(Date.now() / 1000);
    const claims = { iss: provider.issuer, sub: 'mira-4711', aud: 'canary-other-app' };
    const elsewhere = await new SignJWT({ ...claims, iat: nowSeconds, exp: nowSeconds + 60 })
      .setProtectedHeader({ alg: 'ES256', kid: 'one', typ: 'JWT' })
      .sign(await importJWK(key, 'ES256'));
    const unsigned = ['{"alg":"ES256"}', '{"iss":"https://canary-issuer.test"}', 'x']
      .map((part) => Buffer.from(part).toString('base64url'))
      .join('.');
    return {
      authenticator: w.make(provider.issuer),
      afresh: () => w.make(provider.issuer),
      known: presenting(token),
      unknown: presenting(elsewhere),
      foreign: [
        presenting(unsigned),
        { kind: 'site_session', cookies: [['canary-sid', 'x']], headers: {} },
      ] satisfies Proof[],
      reference: 'mira-4711',
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
    const issuer = `http://127.0.0.1:${silent.port}`;
    const token = [{ alg: 'ES256', typ: 'JWT', kid: 'one' }, { iss: issuer, aud: APP, sub: '4711' }, 'x']
      .map((part) =>
        Buffer.from(typeof part === 'string' ? part : JSON.stringify(part)).toString('base64url'),
      )
      .join('.');
    return {
      // The key set's own calls have the five seconds of every call.
      hanging: { authenticator: w.make(issuer), deadlineMs: 5_000 },
      patient: { authenticator: w.make(issuer), closeOthers: w.closeClient },
      silent,
      sharesCalls: true,
      proof: presenting(token),
      close: async () => {
        await w.close();
        await silent.close();
      },
    };
  });
});
