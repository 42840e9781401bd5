import type { Clock } from '../../src/platform/clock.ts';
import { type Arrived, bearerOf, createTokenDesk, jsonOf, type StandIn, startStandIn } from './stand-in.ts';

export const messengerxCredentials = {
  apiKey: 'mx_live_5f0e1d2c3b4a59687',
  clientId: 'mx-client-17',
  clientSecret: 'mx-client-secret-0a1b2c3d4e5f',
  code: 'mx-authorization-code-1',
};

export interface MessengerxStandIn extends StandIn {
  /** False once the key was revoked in the portal. */
  keyIsLive: boolean;
  readonly tokens: ReturnType<typeof createTokenDesk>;
}

const refused = (status: number, code: string, message: string) => ({
  status,
  body: { error: { code, message } },
});

/**
 * MessengerX.io: an API key as bearer, or OAuth 2.0 with refresh tokens and the scopes read:messages and
 * send:messages; messages go to a list of users.
 */
export async function startMessengerx(clock: Clock): Promise<MessengerxStandIn> {
  const tokens = createTokenDesk(clock, { prefix: 'mx', lifetimeSeconds: 1_800 });

  const answerToken = (request: Arrived) => {
    const form = new URLSearchParams(request.body);
    const basic = Buffer.from(
      /^Basic (.+)$/.exec(request.headers['authorization'] ?? '')?.[1] ?? '',
      'base64',
    );
    const [id, secret] = basic.toString('utf8').split(':');
    if (id !== messengerxCredentials.clientId || secret !== messengerxCredentials.clientSecret) {
      return { status: 401, body: { error: 'invalid_client' } };
    }
    const grant = form.get('grant_type');
    if (grant === 'authorization_code' && form.get('code') === messengerxCredentials.code) {
      return { status: 200, body: tokens.issue('read:messages send:messages', true) };
    }
    const scope =
      grant === 'refresh_token' ? tokens.redeem(form.get('refresh_token') ?? undefined) : undefined;
    return scope === undefined
      ? { status: 400, body: { error: 'invalid_grant' } }
      : { status: 200, body: tokens.issue(scope, true) };
  };

  const standIn = await startStandIn(clock, (request) => {
    if (request.path === '/oauth/token') return answerToken(request);
    const bearer = bearerOf(request);
    const byKey = bearer === messengerxCredentials.apiKey && server.keyIsLive;
    const scope = byKey ? 'send:messages' : tokens.scopeOf(bearer);
    if (scope === undefined) return refused(401, 'unauthorized', 'The key or token is not valid.');
    if (!scope.split(' ').includes('send:messages'))
      return refused(403, 'insufficient_scope', 'send:messages');
    if (request.method !== 'POST' || request.path !== '/v1/messages/send') {
      return refused(404, 'not_found', 'There is no such call.');
    }
    const { users, message } = jsonOf(request) ?? {};
    if (!Array.isArray(users) || users.length === 0 || typeof message !== 'object') {
      return refused(400, 'invalid_request', 'users and message are needed.');
    }
    return { status: 200, body: { message_id: `mx-${server.carriedOut.length + 1}`, users } };
  });
  const server: MessengerxStandIn = Object.assign(standIn, { keyIsLive: true, tokens });
  return server;
}
