import { expect } from 'vitest';
import type { Authenticator, SubjectTokenType } from '../../../src/authenticators/authenticator.ts';
import { jwtAuthenticator } from '../../../src/authenticators/jwt/jwt.ts';
import { createHttpClient } from '../../../src/outbound/http-client.ts';
import { createLogger } from '../../../src/platform/logger.ts';
import { createSigner, startKeyServer } from '../../support/key-server.ts';
import { openRooms } from '../fixture.ts';

export const authenticated: unknown = expect.objectContaining({
  outcome: 'authenticated',
  space: 'crm',
  reference: '4711',
});
export const refused = { outcome: 'refused', reason: 'credentials' };
export const unavailable = { outcome: 'unavailable', busy: false, retryAfterSeconds: 5 };

export const CONTEXT = { requestId: 'req-1', channel: 'ios' };

type Changes = Record<string, unknown>;

/** An identity provider with one key, and authenticators that believe it. */
export async function openSubjectTokens() {
  const rooms = await openRooms();
  const provider = await startKeyServer();
  const signer = await createSigner('one');
  provider.keys = [signer.publicJwk];
  const httpClient = createHttpClient();
  const logged: string[] = [];
  const nowSeconds = () => Math.floor(rooms.clock.nowMs() / 1000);
  const authenticator = (changes: Changes = {}): Authenticator => {
    const options = jwtAuthenticator.optionsSchema.parse({
      name: 'idp',
      type: 'jwt',
      reference_space: 'crm',
      issuer: provider.url,
      audiences: ['shop-app'],
      ...changes,
    });
    const logger = createLogger('debug', { write: (line) => logged.push(line) });
    const { clock, stores } = rooms;
    return jwtAuthenticator.create(options, { httpClient, clock, logger, replays: stores.replays });
  };
  const claims = (changes: Changes = {}): Changes => ({
    iss: provider.url,
    aud: 'shop-app',
    sub: '4711',
    iat: nowSeconds(),
    exp: nowSeconds() + 300,
    jti: 'j1',
    ...changes,
  });
  const offer = (token: string, to = authenticator(), tokenType: SubjectTokenType = 'id_token') =>
    to.authenticate({ kind: 'subject_token', token, tokenType }, CONTEXT);
  const tokens = {
    rooms,
    provider,
    signer,
    logged,
    nowSeconds,
    authenticator,
    /** Claims of a sound ID token. */
    claims,
    offer,
    offerClaims: async (changes: Changes, settings: Changes = {}) =>
      offer(await tokens.signer.sign(claims(changes)), authenticator(settings)),
    /** Why tokens were refused, as the operator reads it. */
    reasons: () =>
      logged
        .map((line) => JSON.parse(line) as { event: string; reason: string })
        .filter(({ event }) => event === 'authenticator.token_refused')
        .map(({ reason }) => reason),
    close: async () => {
      await httpClient.close();
      await provider.close();
      await rooms.close();
    },
  };
  return tokens;
}

export type SubjectTokens = Awaited<ReturnType<typeof openSubjectTokens>>;
