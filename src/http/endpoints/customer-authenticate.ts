import { z } from 'zod';
import type { createAuthenticateCustomer } from '../../customers/authenticate-customer.ts';
import type { createIssueCustomerToken } from '../../customers/issue-customer-token.ts';
import type { Channel, Channels, Delivery } from '../../channels/channel.ts';
import { BridgeError } from '../../errors.ts';
import { callerNetwork } from '../../limits/caller-network.ts';
import type { CustomerSession, SessionLifetimes } from '../../sessions/session.ts';
import type { IssuedCustomerToken } from '../../tokens/customer-token.ts';
import { sendJson } from '../answer.ts';
import { parseQuery, readFields } from '../body.ts';
import type { Endpoint } from '../endpoint.ts';
import type { LimitGuard } from '../limit-guard.ts';
import { type OriginRules, refuseForeignOrigin } from '../origins.ts';
import { parseWith } from '../parse.ts';
import { contextOf } from '../request-context.ts';
import { cookieSignInSchema, customerTokenSchema } from '../schemas.ts';
import type { SessionCookies } from '../session-cookie.ts';

const MAX_BODY_BYTES = 16_384;

const passwordText = z
  .string()
  .min(1)
  .refine((value) => Buffer.byteLength(value) <= 1_024, 'at most 1024 bytes')
  .refine((value) => !value.includes('\0'), 'no NUL');

const bodySchema = z
  .object({
    username: z.string().min(1).max(255),
    password: passwordText.meta({
      description: 'At most 1,024 bytes; used as sent after Unicode normalisation form C.',
    }),
    channel: z
      .string()
      .min(1)
      .max(64)
      .optional()
      .meta({ description: 'Default: the configured default channel.' }),
    delivery: z.enum(['token', 'cookie']).optional().meta({ description: "Default: the channel's." }),
  })
  .meta({
    id: 'CustomerAuthenticateRequest',
    examples: [{ username: 'mira', password: 'correct horse battery staple', channel: 'web' }],
  });

/** Names that must never stand in an address, where logs and histories would keep them. */
const CREDENTIAL_PARAMETERS = ['username', 'password', 'subject_token', 'refresh_token', 'client_secret'];

/** The channel that a request names, or the default one. Throws `UNKNOWN_CHANNEL`. */
export function channelOf(channels: Channels, id: string | undefined): Channel {
  const channel = id === undefined ? channels.defaultChannel : channels.find(id);
  if (!channel) throw new BridgeError('UNKNOWN_CHANNEL');
  return channel;
}

/** All values are strings, as the field's documented dialect has them. */
export function customerTokenAnswer(issued: IssuedCustomerToken, customerId: string) {
  return {
    issued_at: String(issued.issuedAtMs),
    JWT: issued.token,
    expires_in: String(issued.expiresInSeconds),
    customer_id: customerId,
  };
}

export interface CustomerAuthenticateDeps {
  channels: Channels;
  authenticateCustomer: ReturnType<typeof createAuthenticateCustomer>;
  issueCustomerToken: ReturnType<typeof createIssueCustomerToken>;
  sessionCookies: SessionCookies;
  lifetimes: SessionLifetimes;
  origins: OriginRules;
  limits: LimitGuard;
}

export function customerAuthenticate(deps: CustomerAuthenticateDeps): Endpoint {
  const deliveryOf = (channel: Channel, asked: Delivery | undefined): Delivery => {
    const delivery = asked ?? channel.delivery;
    if (channel.allowedDeliveries.includes(delivery)) return delivery;
    throw new BridgeError('INVALID_REQUEST', { message: 'This channel does not allow that delivery.' });
  };

  const answerWithCookie = async (
    ...[req, res, session]: [...Parameters<Endpoint['handle']>, CustomerSession]
  ): Promise<void> => {
    await new Promise<void>((resolve, reject) => {
      deps.sessionCookies.middleware(req, res, (error?: unknown) => (error ? reject(error) : resolve()));
    });
    await deps.sessionCookies.begin(req, session);
    sendJson(res, 200, {
      issued_at: String(session.authTimeMs),
      expires_in: String(deps.lifetimes.absoluteSeconds),
      customer_id: session.customerId,
    });
  };

  return {
    crossOrigin: true,
    contract: {
      listener: 'public',
      method: 'post',
      path: '/customer_authenticate',
      operationId: 'customerAuthenticate',
      tag: 'Customers',
      summary: "Turn the company's own sign-in into a customer token or a session cookie",
      description:
        'With a password it is callable by a plain script: no CSRF token, no redirect. Cookie delivery refuses any foreign Origin. An unknown name and a wrong password are answered alike.',
      body: { schema: bodySchema, types: ['form', 'json'], required: true },
      responses: {
        200: {
          description: 'Signed in. With cookie delivery there is no JWT, and a Set-Cookie header.',
          schema: z.union([customerTokenSchema, cookieSignInSchema]),
          headers: { 'Set-Cookie': 'The session cookie, with cookie delivery alone.' },
        },
      },
      errors: [
        'INVALID_REQUEST',
        'UNKNOWN_CHANNEL',
        'INVALID_CREDENTIALS',
        'NOT_SIGNED_IN',
        'ACCOUNT_LOCKED',
        'PASSWORD_CHANGE_REQUIRED',
        'ORIGIN_NOT_ALLOWED',
        'BODY_TOO_LARGE',
        'UNSUPPORTED_MEDIA_TYPE',
        'RATE_LIMITED',
        'SIGN_IN_BUSY',
        'AUTHENTICATOR_UNAVAILABLE',
        'STORE_UNAVAILABLE',
      ],
    },
    handle: async (req, res) => {
      const fields = await readFields(req, ['form', 'json'], MAX_BODY_BYTES);
      const query = parseQuery(req);
      if (CREDENTIAL_PARAMETERS.some((name) => name in query)) {
        throw new BridgeError('INVALID_REQUEST', {
          message: 'Credentials belong in the body, never in the address.',
        });
      }
      const { username, password, channel: channelId, delivery: asked } = parseWith(bodySchema, fields);
      const channel = channelOf(deps.channels, channelId);
      const delivery = deliveryOf(channel, asked);
      if (delivery === 'cookie') refuseForeignOrigin(req, deps.origins, channel);
      const context = contextOf(res);
      context.channel = channel.id;
      const { requestId, address } = context;
      await deps.limits.admit(context, [{ kind: 'address', id: callerNetwork(address) }]);
      const session = await deps.authenticateCustomer({
        proof: { kind: 'password', username, password },
        channel,
        address,
        requestId,
      });
      context.customerId = session.customerId;
      if (delivery === 'cookie') return answerWithCookie(req, res, session);
      const issued = deps.issueCustomerToken(session, channel, { requestId, address });
      sendJson(res, 200, customerTokenAnswer(issued, session.customerId));
    },
  };
}
