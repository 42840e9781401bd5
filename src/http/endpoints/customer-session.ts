import { z } from 'zod';
import type { createIssueCustomerToken } from '../../customers/sessions/issue-customer-token.ts';
import type { Devices } from '../../customers/sessions/devices.ts';
import type { EndSessions } from '../../customers/sessions/end-sessions.ts';
import type { Channels } from '../../channels/channel.ts';
import { BridgeError } from '../../errors.ts';
import { isTestIdentifier } from '../../identifiers/identifier.ts';
import { absoluteExpiryMs, type CustomerSession, type SessionLifetimes } from '../../sessions/session.ts';
import type { Clock } from '../../platform/clock.ts';
import { sendEmpty, sendJson } from '../answer.ts';
import { parseQuery, readFields } from '../body.ts';
import type { Endpoint } from '../endpoint.ts';
import type { LimitGuard } from '../limit-guard.ts';
import { LIMIT_HEADERS } from '../limit-headers.ts';
import { type OriginRules, refuseForeignOrigin, requireOriginOf, requireOwnPage } from '../origins.ts';
import { parseWith } from '../parse.ts';
import { contextOf } from '../request-context.ts';
import { csrfHeaderSchema, customerIdSchema, customerTokenSchema, EXAMPLE_CUSTOMER_ID } from '../schemas.ts';
import type { SessionCookies } from '../session-cookie.ts';
import { channelOf, customerTokenAnswer } from './customer-authenticate.ts';
import { csrfWithCookie } from './customer-devices.ts';
import { bearerRefreshToken } from './customer-renewal.ts';

export interface CustomerSessionDeps {
  channels: Channels;
  sessionCookies: SessionCookies;
  issueCustomerToken: ReturnType<typeof createIssueCustomerToken>;
  endSessions: EndSessions;
  devices: Devices;
  lifetimes: SessionLifetimes;
  origins: OriginRules;
  clock: Clock;
  limits: LimitGuard;
}

type Call = Parameters<Endpoint['handle']>;

async function requireSession(
  deps: CustomerSessionDeps,
  presented: string | undefined,
  ...[req, res]: Call
): Promise<CustomerSession> {
  const session = presented === undefined ? undefined : await deps.sessionCookies.peek(presented);
  if (!session) throw new BridgeError('NOT_SIGNED_IN', { missing: true });
  requireOriginOf(req, deps.origins, session.channel);
  const context = contextOf(res);
  context.customerId = session.customerId;
  context.channel = session.channel;
  return session;
}

const whoAmISchema = z
  .strictObject({
    customer_id: customerIdSchema,
    channel: z.string(),
    auth_time: z.int().meta({ description: 'Unix seconds of the sign-in.' }),
    expires_in: z.int().meta({ description: 'Seconds until the session is over even if it is used.' }),
    test: z
      .literal(true)
      .optional()
      .meta({ description: 'Only in sessions of test customers (docs/test-customers.md).' }),
  })
  .meta({
    id: 'CustomerSession',
    examples: [
      { customer_id: EXAMPLE_CUSTOMER_ID, channel: 'web', auth_time: 1_570_733_606, expires_in: 28_260 },
    ],
  });

/** `GET /customer_session`: who is signed in with this cookie. */
export function customerSessionGet(deps: CustomerSessionDeps): Endpoint {
  return {
    crossOrigin: true,
    contract: {
      listener: 'public',
      method: 'get',
      path: '/customer_session',
      operationId: 'getCustomerSession',
      tag: 'Customers',
      summary: 'Who is signed in with this session cookie',
      security: [['sessionCookie']],
      responses: { 200: { description: 'The signed-in customer', schema: whoAmISchema } },
      errors: ['NOT_SIGNED_IN', 'ORIGIN_NOT_ALLOWED', 'STORE_UNAVAILABLE'],
    },
    handle: async (req, res) => {
      refuseForeignOrigin(req, deps.origins);
      const session = await requireSession(deps, deps.sessionCookies.presented(req), req, res);
      sendJson(res, 200, {
        customer_id: session.customerId,
        channel: session.channel,
        auth_time: Math.floor(session.authTimeMs / 1000),
        expires_in: Math.max(
          0,
          Math.floor((absoluteExpiryMs(session, deps.lifetimes) - deps.clock.nowMs()) / 1000),
        ),
        ...(isTestIdentifier(session.customerId) && { test: true }),
      });
    },
  };
}

const renewalSchema = z.object({ channel: z.string().min(1).max(64).optional() }).meta({
  id: 'CustomerTokenRequest',
  examples: [{ channel: 'ios' }],
  description: 'A channel of the same group; default: the one signed in to.',
});

/** `POST /customer_session/token`: a fresh customer token from the cookie. */
export function customerSessionToken(deps: CustomerSessionDeps): Endpoint {
  return {
    crossOrigin: true,
    contract: {
      listener: 'public',
      method: 'post',
      path: '/customer_session/token',
      operationId: 'renewCustomerToken',
      tag: 'Customers',
      summary: 'A fresh customer token from the session cookie',
      security: [['sessionCookie']],
      headers: csrfHeaderSchema,
      body: { schema: renewalSchema, types: ['form', 'json'], required: false },
      responses: {
        200: { description: 'A customer token', schema: customerTokenSchema, headers: LIMIT_HEADERS },
      },
      errors: [
        'INVALID_REQUEST',
        'UNKNOWN_CHANNEL',
        'NOT_SIGNED_IN',
        'CSRF_REJECTED',
        'ORIGIN_NOT_ALLOWED',
        'CHANNEL_NOT_ALLOWED',
        'RATE_LIMITED',
        'STORE_UNAVAILABLE',
      ],
    },
    handle: async (req, res) => {
      requireOwnPage(req, deps.origins);
      const presented = deps.sessionCookies.presented(req);
      const admitted =
        presented === undefined
          ? undefined
          : deps.limits.admit(contextOf(res), [{ kind: 'session', id: presented }]);
      // Asked together: with Redis both answers come in one round trip.
      const [session] = await Promise.all([requireSession(deps, presented, req, res), admitted]);
      const asked = parseWith(renewalSchema, await readFields(req, ['none', 'json', 'form']));
      const channel = channelOf(deps.channels, asked.channel ?? session.channel);
      const context = contextOf(res);
      context.channel = channel.id;
      const issued = deps.issueCustomerToken(session, channel, context);
      sendJson(res, 200, customerTokenAnswer(issued, session.customerId));
    },
  };
}

const signOutQuery = z.object({
  everywhere: z.enum(['true', 'false']).optional().meta({
    description: 'true also ends all other sessions and tokens of this person, in every channel group.',
  }),
});

/** `DELETE /customer_session`: sign out. */
export function customerSessionDelete(deps: CustomerSessionDeps): Endpoint {
  return {
    usesSession: true,
    crossOrigin: true,
    contract: {
      listener: 'public',
      method: 'delete',
      path: '/customer_session',
      operationId: 'endCustomerSession',
      tag: 'Customers',
      summary: 'Sign out',
      description:
        'With the cookie: ends the session and the customer tokens that came of it, and expires the cookie. With a refresh token: ends its device and the customer tokens that came of it; an old token does, too.',
      security: [['sessionCookie'], ['refreshToken']],
      headers: csrfWithCookie,
      query: signOutQuery,
      responses: {
        204: {
          description: 'Signed out; also when nobody was signed in',
          headers: { 'Set-Cookie': 'Expires the session cookie, if that was presented.' },
        },
      },
      errors: [
        'INVALID_REQUEST',
        'INVALID_REFRESH_TOKEN',
        'CSRF_REJECTED',
        'ORIGIN_NOT_ALLOWED',
        'STORE_UNAVAILABLE',
      ],
    },
    handle: async (req, res) => {
      const refreshToken = bearerRefreshToken(req);
      if (refreshToken !== undefined) {
        refuseForeignOrigin(req, deps.origins);
        const query = parseWith(signOutQuery, parseQuery(req));
        await deps.devices.signOut(refreshToken, query.everywhere === 'true', contextOf(res));
        return sendEmpty(res, 204);
      }
      requireOwnPage(req, deps.origins);
      const { everywhere } = parseWith(signOutQuery, parseQuery(req));
      const session = deps.sessionCookies.current(req);
      if (session) requireOriginOf(req, deps.origins, session.channel);
      if (session) await deps.endSessions.signOut(session, everywhere === 'true', contextOf(res));
      await deps.sessionCookies.end(req, res);
      sendEmpty(res, 204);
    },
  };
}
