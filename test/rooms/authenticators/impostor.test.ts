import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Authenticator, Proof } from '../../../src/authenticators/authenticator.ts';
import { httpAuthenticator } from '../../../src/authenticators/http/http.ts';
import { jwtAuthenticator } from '../../../src/authenticators/jwt/jwt.ts';
import { oidcAuthenticator } from '../../../src/authenticators/oidc/oidc.ts';
import { siteSessionAuthenticator } from '../../../src/authenticators/site-session/site-session.ts';
import { connectionSchema, createConnection } from '../../../src/connections/connection.ts';
import { createHttpClient } from '../../../src/outbound/http-client.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { createLogger } from '../../../src/platform/logger.ts';
import { createMetrics } from '../../../src/platform/metrics.ts';
import { createTestCertificate } from '../../support/certificate.ts';
import { openRooms } from '../fixture.ts';

const PUBLIC_URL = 'https://id.test';
const CONTEXT = { requestId: 'req-1', channel: 'web' };

/** Every way in that asks over HTTPS, towards a server whose certificate is not the one that was agreed. */
async function openImpostor() {
  const asked: string[] = [];
  const server = createServer(createTestCertificate('localhost'), (request, response) => {
    asked.push(request.url ?? '');
    response.end('{}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `https://localhost:${(server.address() as AddressInfo).port}`;
  const rooms = await openRooms();
  const httpClient = createHttpClient();
  const logger = createLogger('debug', { write: () => {} });
  const reasons: string[] = [];
  const deps = {
    httpClient,
    logger,
    clock: systemClock,
    replays: rooms.stores.replays,
    reportFailure: ({ reason }: { reason: string }) => void reasons.push(reason),
    endedReferences: { endedSince: () => false },
    publicUrl: PUBLIC_URL,
    connections: new Map([
      [
        'company',
        createConnection(
          'company',
          connectionSchema.parse({ base_url: url, tls: { ca: createTestCertificate('localhost').cert } }),
          { httpClient, clock: systemClock, metrics: createMetrics(), logger },
        ),
      ],
    ]),
  };
  const shared = { name: 'company', reference_space: 'crm' };
  const over = { ...shared, connection: 'company', request: { path: '/in' }, answer: { reference: 'id' } };
  const provider = { ...shared, issuer: url };
  const ways: Record<string, Authenticator> = {
    http: httpAuthenticator.create(httpAuthenticator.optionsSchema.parse({ ...over, type: 'http' }), deps),
    site_session: siteSessionAuthenticator.create(
      siteSessionAuthenticator.optionsSchema.parse({ ...over, type: 'site_session', cookies: ['sid'] }),
      deps,
    ),
    jwt: jwtAuthenticator.create(
      jwtAuthenticator.optionsSchema.parse({ ...provider, type: 'jwt', audiences: ['app'] }),
      deps,
    ),
    oidc: oidcAuthenticator.create(
      oidcAuthenticator.optionsSchema.parse({
        ...provider,
        type: 'oidc',
        client_id: 'app',
        client_secret: 'Zk3vX9pQ7rT1wY5bN8mL',
      }),
      deps,
    ),
  };
  const token = [{ alg: 'RS256', typ: 'JWT', kid: 'a' }, { iss: url, aud: 'app' }, 'x']
    .map((part) => Buffer.from(typeof part === 'string' ? part : JSON.stringify(part)).toString('base64url'))
    .join('.');
  const memory = JSON.stringify({ nonce: 'n', verifier: 'v'.repeat(43) });
  const proofs: Record<string, Proof> = {
    http: { kind: 'password', username: 'mira', password: 'secret-of-mira' },
    site_session: { kind: 'site_session', cookies: [['sid', 'secret']], headers: {} },
    jwt: { kind: 'subject_token', token, tokenType: 'id_token' },
    oidc: {
      kind: 'redirect_answer',
      authenticator: 'company',
      parameters: { state: 's', code: 'c' },
      memory,
    },
  };
  return {
    ways,
    proofs,
    asked,
    reasons,
    close: async () => {
      for (const way of Object.values(ways)) await way.close();
      await httpClient.close();
      await rooms.close();
      server.close();
      server.closeAllConnections();
    },
  };
}

describe('an impostor without the right certificate', () => {
  let at: Awaited<ReturnType<typeof openImpostor>>;
  beforeAll(async () => {
    at = await openImpostor();
  });
  afterAll(() => at.close());

  it.each(['http', 'site_session', 'jwt', 'oidc'])(
    'is told nothing by %s, and believed nothing',
    async (type) => {
      const [way, proof] = [at.ways[type] as Authenticator, at.proofs[type] as Proof];
      expect(await way.authenticate(proof, CONTEXT)).toMatchObject({ outcome: 'unavailable' });
      expect(at.asked).toEqual([]);
    },
  );

  it.each(['http', 'site_session', 'jwt', 'oidc'])('is named by the doctor that tries %s', async (type) => {
    expect(await (at.ways[type] as Authenticator).probe()).toEqual({
      ok: false,
      message: expect.stringContaining('TLS certificate that is not trusted'),
    });
    expect(at.asked).toEqual([]);
  });
});
