import type { Clock } from '../../src/platform/clock.ts';
import {
  type Answer,
  type Arrived,
  bearerOf,
  createTokenDesk,
  type StandIn,
  startStandIn,
} from './stand-in.ts';

export const audexumCredentials = {
  apiKey: 'audexum-key-77aa88bb99cc',
  clientId: 'audexum-client-5',
  clientSecret: 'audexum-client-secret-6d5c4b3a',
  code: 'audexum-authorization-code-1',
};

export interface AudexumStandIn extends StandIn {
  keyIsLive: boolean;
  readonly tokens: ReturnType<typeof createTokenDesk>;
}

/** Audexum: an API key as bearer, client credentials in a form body with a numeric life of 3600 s, or a code, whose refresh tokens are good once. */
export async function startAudexum(clock: Clock): Promise<AudexumStandIn> {
  const tokens = createTokenDesk(clock, { prefix: 'audexum', lifetimeSeconds: 3_600 });

  const answerToken = (request: Arrived): Answer => {
    if (!(request.headers['content-type'] ?? '').startsWith('application/x-www-form-urlencoded')) {
      return { status: 400, body: { error: 'invalid_request' } };
    }
    const form = new URLSearchParams(request.body);
    const known =
      form.get('client_id') === audexumCredentials.clientId &&
      form.get('client_secret') === audexumCredentials.clientSecret;
    if (!known) return { status: 401, body: { error: 'invalid_client' } };
    switch (form.get('grant_type')) {
      case 'client_credentials':
        return { status: 200, body: tokens.issue(form.get('scope') ?? '', false) };
      case 'authorization_code':
        return form.get('code') === audexumCredentials.code
          ? { status: 200, body: tokens.issue('', true) }
          : { status: 400, body: { error: 'invalid_grant' } };
      case 'refresh_token': {
        const scope = tokens.redeem(form.get('refresh_token') ?? undefined);
        return scope === undefined
          ? { status: 400, body: { error: 'invalid_grant' } }
          : { status: 200, body: tokens.issue(scope, true) };
      }
      default:
        return { status: 400, body: { error: 'unsupported_grant_type' } };
    }
  };

  const standIn = await startStandIn(clock, (request) => {
    if (request.path === '/oauth/token') return answerToken(request);
    const bearer = bearerOf(request);
    const byKey = bearer === audexumCredentials.apiKey && server.keyIsLive;
    if (!byKey && tokens.scopeOf(bearer) === undefined) {
      return {
        status: 401,
        body: { error: { code: 'unauthorized', message: 'The key or token is not valid.' } },
      };
    }
    return { status: 200, body: { path: request.path, method: request.method } };
  });
  const server: AudexumStandIn = Object.assign(standIn, { keyIsLive: true, tokens });
  return server;
}
