import type { Request, Response } from 'express';
import { z } from 'zod';
import type { CarriedNames, SiteSessionProof } from '../../authenticators/authenticator.ts';
import type { createAuthenticateCustomer } from '../../customers/sign-in/authenticate-customer.ts';
import type { Devices } from '../../customers/sessions/devices.ts';
import type { createIssueCustomerToken } from '../../customers/sessions/issue-customer-token.ts';
import type { Channel, Channels, Delivery } from '../../channels/channel.ts';
import { BridgeError } from '../../errors.ts';
import { callerNetwork } from '../../limits/caller-network.ts';
import type { CustomerSession, SessionLifetimes } from '../../sessions/session.ts';
import type { IssuedCustomerToken } from '../../tokens/customer-token.ts';
import { sendJson } from '../answer.ts';
import { parseQuery, readFields } from '../body.ts';
import { callerGone } from '../caller-gone.ts';
import type { Endpoint, EndpointContract } from '../endpoint.ts';
import type { LimitGuard } from '../limit-guard.ts';
import { type OriginRules, refuseForeignOrigin, requireOriginOf, requireOwnPage } from '../origins.ts';
import { parseWith } from '../parse.ts';
import { contextOf } from '../request-context.ts';
import { cookieSignInSchema, signInTokenSchema } from '../schemas.ts';
import type { SessionCookies } from '../session-cookie.ts';
import { subjectTokenMembers, subjectTokenProof } from '../subject-token.ts';
import { type CarriedBy, siteCredentialsOf } from '../site-credentials.ts';
import {
  codeBody,
  CODE_MEMBERS,
  createCodeRedemption,
  type CustomerCodeDeps,
  isCodeRedemption,
  type RedeemedSignIn,
} from './customer-code.ts';
import { createCustomerRenewal, deviceBody, isRenewal, renewalBody } from './customer-renewal.ts';

const MAX_BODY_BYTES = 16_384;

const passwordText = z
  .string()
  .min(1)
  .refine((value) => Buffer.byteLength(value) <= 1_024, 'at most 1024 bytes')
  .refine((value) => !value.includes('\0'), 'no NUL');

const settings = {
  channel: z
    .string()
    .min(1)
    .max(64)
    .optional()
    .meta({ description: 'Default: the configured default channel.' }),
  delivery: z.enum(['token', 'cookie']).optional().meta({ description: "Default: the channel's." }),
  ...deviceBody.shape,
};

const passwordBody = z
  .object({
    /** First, so that a grant that there is not is named before the members that it lacks. */
    grant_type: z.never().optional(),
    username: z.string().min(1).max(255),
    password: passwordText.meta({
      description: 'At most 1,024 bytes; used as sent after Unicode normalisation form C.',
    }),
    ...settings,
  })
  .meta({
    id: 'CustomerAuthenticateRequest',
    examples: [{ username: 'mira', password: 'correct horse battery staple', channel: 'web' }],
  });

const subjectTokenBody = z.object({ ...subjectTokenMembers, ...settings }).meta({
  id: 'SubjectTokenSignInRequest',
  examples: [
    {
      subject_token: 'eyJhbGciOi…',
      subject_token_type: 'urn:ietf:params:oauth:token-type:id_token',
      channel: 'ios',
    },
  ],
});

const siteSessionBody = z.object(settings).meta({
  id: 'SiteSessionSignInRequest',
  description:
    "Nothing but settings: the proof is the company's own site cookie, for channels with such an authenticator.",
  examples: [{ channel: 'web' }],
});

const siteSessionHeaders = z.object({
  'x-symbolon-csrf': z.literal('1').optional().meta({
    description: "Needed with the site's own cookie: proves that the page itself made the call.",
  }),
});

/** Members that prove something themselves; a body with any of them never falls back to a cookie. */
const PROOF_MEMBERS = [
  'username',
  'password',
  'subject_token',
  'subject_token_type',
  'grant_type',
  'refresh_token',
  ...CODE_MEMBERS,
];

/** Names that must never stand in an address, where logs and histories would keep them. */
const CREDENTIAL_PARAMETERS = [
  'username',
  'password',
  'subject_token',
  'refresh_token',
  'client_secret',
  ...CODE_MEMBERS,
];

/** Members that no address carries either: one that is not read would be obeyed by nobody. */
const BODY_MEMBERS = ['channel', 'delivery', 'device_name', 'grant_type', 'subject_token_type'];

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

export interface CustomerAuthenticateDeps extends Pick<CustomerCodeDeps, 'signInCodes'> {
  channels: Channels;
  authenticateCustomer: ReturnType<typeof createAuthenticateCustomer>;
  issueCustomerToken: ReturnType<typeof createIssueCustomerToken>;
  sessionCookies: SessionCookies;
  lifetimes: SessionLifetimes;
  origins: OriginRules;
  limits: LimitGuard;
  carriedBy: CarriedBy;
  devices: Devices;
}

const contract: EndpointContract = {
  listener: 'public',
  method: 'post',
  path: '/customer_authenticate',
  operationId: 'customerAuthenticate',
  tag: 'Customers',
  summary: "Turn the company's own sign-in into a customer token or a session cookie",
  description:
    'With a password, a token of the company’s identity provider, or the code of a sign-in by redirect, it is callable by a plain script: no CSRF token, no redirect. Cookie delivery refuses any foreign Origin. Without any proof in the body, the cookie of the company’s own site is the proof, for channels that are configured so: then X-Symbolon-CSRF: 1 and an Origin that the channel lists are needed. An unknown name and a wrong password are answered alike.',
  headers: siteSessionHeaders,
  body: {
    schema: z.union([passwordBody, subjectTokenBody, renewalBody, codeBody, siteSessionBody]),
    types: ['form', 'json'],
    required: false,
  },
  responses: {
    200: {
      description: 'Signed in. With cookie delivery there is no JWT, and a Set-Cookie header.',
      schema: z.union([signInTokenSchema, cookieSignInSchema]),
      headers: { 'Set-Cookie': 'The session cookie, with cookie delivery alone.' },
    },
  },
  errors: [
    'INVALID_REQUEST',
    'UNKNOWN_CHANNEL',
    'INVALID_CREDENTIALS',
    'NOT_SIGNED_IN',
    'INVALID_REFRESH_TOKEN',
    'CHANNEL_NOT_ALLOWED',
    'ACCOUNT_LOCKED',
    'PASSWORD_CHANGE_REQUIRED',
    'ORIGIN_NOT_ALLOWED',
    'CSRF_REJECTED',
    'BODY_TOO_LARGE',
    'UNSUPPORTED_MEDIA_TYPE',
    'RATE_LIMITED',
    'SIGN_IN_BUSY',
    'AUTHENTICATOR_UNAVAILABLE',
    'STORE_UNAVAILABLE',
  ],
};

function deliveryOf(channel: Channel, asked: Delivery | undefined): Delivery {
  const delivery = asked ?? channel.delivery;
  if (channel.allowedDeliveries.includes(delivery)) return delivery;
  throw new BridgeError('INVALID_REQUEST', { message: 'This channel does not allow that delivery.' });
}

/** The site session that a request rides on; only for pages of this very channel. */
function siteSessionOf(
  req: Request,
  channel: Channel,
  rules: { origins: OriginRules; names: CarriedNames },
): SiteSessionProof {
  requireOwnPage(req, rules.origins);
  requireOriginOf(req, rules.origins, channel.id);
  const proof = siteCredentialsOf(req, rules.names);
  if (proof) return proof;
  // A visitor without any session at the site: nobody was refused anything.
  const error = new BridgeError('NOT_SIGNED_IN', { missing: true });
  error.recorded = true;
  throw error;
}

/** What the request proves, and for which channel. */
function readProof(
  { channels, carriedBy, origins }: Pick<CustomerAuthenticateDeps, 'channels' | 'carriedBy' | 'origins'>,
  req: Request,
  fields: Record<string, unknown>,
) {
  if (!PROOF_MEMBERS.some((name) => name in fields)) {
    const asked = parseWith(siteSessionBody, fields);
    const channel = channelOf(channels, asked.channel);
    const names = carriedBy(channel);
    const delivery = deliveryOf(channel, asked.delivery);
    if (names) return { channel, delivery, proof: siteSessionOf(req, channel, { origins, names }) };
    throw new BridgeError('INVALID_REQUEST', {
      message:
        'The body holds no proof of a customer. This channel has no site_session authenticator, so that no cookie of a site can stand in for one.',
      details: { member: 'username', expected: 'string' },
    });
  }
  if ('subject_token' in fields || 'subject_token_type' in fields) {
    const body = parseWith(subjectTokenBody, fields);
    const channel = channelOf(channels, body.channel);
    return { channel, delivery: deliveryOf(channel, body.delivery), proof: subjectTokenProof(body) };
  }
  const { username, password, channel: channelId, delivery: asked } = parseWith(passwordBody, fields);
  const channel = channelOf(channels, channelId);
  const delivery = deliveryOf(channel, asked);
  return { channel, delivery, proof: { kind: 'password', username, password } as const };
}

export function customerAuthenticate(deps: CustomerAuthenticateDeps): Endpoint {
  const renew = createCustomerRenewal(deps);
  const redeem = createCodeRedemption(deps);

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

  const answerWithTokens = async (res: Response, signedIn: RedeemedSignIn): Promise<void> => {
    const { session, channel, deviceName } = signedIn;
    const issued = deps.issueCustomerToken(session, channel, contextOf(res));
    const refreshToken = await deps.devices.begin(session, channel, deviceName);
    sendJson(res, 200, {
      ...customerTokenAnswer(issued, session.customerId),
      ...(refreshToken === undefined ? {} : { refresh_token: refreshToken }),
    });
  };

  return {
    crossOrigin: true,
    contract,
    handle: async (req, res) => {
      const fields = await readFields(req, ['form', 'json', 'none'], MAX_BODY_BYTES);
      const query = parseQuery(req);
      if (CREDENTIAL_PARAMETERS.some((name) => name in query)) {
        throw new BridgeError('INVALID_REQUEST', {
          message: 'Credentials belong in the body, never in the address.',
        });
      }
      const misplaced = BODY_MEMBERS.find((name) => name in query);
      if (misplaced !== undefined) {
        throw new BridgeError('INVALID_REQUEST', {
          message: 'Members of the request belong in the body, not in the address.',
          details: { member: misplaced, expected: 'in the body' },
        });
      }
      if (isRenewal(fields)) return renew(fields, res);
      if (isCodeRedemption(fields)) return answerWithTokens(res, await redeem(fields, res));
      const { channel, delivery, proof } = readProof(deps, req, fields);
      const { device_name: deviceName } = parseWith(deviceBody, fields);
      if (delivery === 'cookie') refuseForeignOrigin(req, deps.origins, channel);
      const context = contextOf(res);
      context.channel = channel.id;
      const { requestId, address } = context;
      await deps.limits.admit(context, [{ kind: 'address', id: callerNetwork(address) }]);
      // A visitor whom the site does not know has failed at nothing: pages offer every visitor's cookie.
      if (proof.kind === 'site_session') context.countsFailures = false;
      const session = await deps.authenticateCustomer({
        proof,
        channel,
        address,
        requestId,
        signal: callerGone(res),
      });
      context.customerId = session.customerId;
      if (delivery === 'cookie') return answerWithCookie(req, res, session);
      await answerWithTokens(res, { session, channel, deviceName });
    },
  };
}
