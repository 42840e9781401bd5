import type { Request, Response } from 'express';
import { z } from 'zod';
import type { Channel, Channels } from '../../channels/channel.ts';
import type { Devices } from '../../customers/sessions/devices.ts';
import type {
  ChannelProofAnswer,
  MintChannelProof,
} from '../../customers/channel-proofs/mint-channel-proof.ts';
import { BridgeError } from '../../errors.ts';
import { callerNetwork } from '../../limits/caller-network.ts';
import { sendJson } from '../answer.ts';
import { readFields } from '../body.ts';
import type { Endpoint } from '../endpoint.ts';
import type { LimitGuard } from '../limit-guard.ts';
import { LIMIT_HEADERS } from '../limit-headers.ts';
import { type OriginRules, requireOriginOf, requireOwnPage } from '../origins.ts';
import { parseWith } from '../parse.ts';
import { header } from '../raw-headers.ts';
import { contextOf } from '../request-context.ts';
import { customerIdSchema, digitsSchema, EXAMPLE_CUSTOMER_ID } from '../schemas.ts';
import type { SessionCookies } from '../session-cookie.ts';
import { nextTraceparent } from '../trace-context.ts';
import { csrfWithCookie } from './customer-devices.ts';

export interface ChannelTokenDeps {
  channels: Channels;
  sessionCookies: SessionCookies;
  devices: Devices;
  mintChannelProof: MintChannelProof;
  origins: OriginRules;
  limits: LimitGuard;
}

const MAX_BODY_BYTES = 16_384;
const MAX_INPUTS = 20;

const inputSchema = z.record(z.string().min(1).max(64), z.string().max(1_024)).meta({
  description: "Values that only the page knows, as the channel's vendor page names them.",
});

/** A form holds text alone, so there the inputs are JSON inside it. */
function withReadInput(fields: Record<string, unknown>): Record<string, unknown> {
  const { input } = fields;
  if (typeof input !== 'string') return fields;
  try {
    return { ...fields, input: JSON.parse(input) as unknown };
  } catch {
    return fields;
  }
}

/** A record's reader passes over this name in silence; here it is refused like any other that nobody knows. */
function refuseProto({ input }: Record<string, unknown>): void {
  if (typeof input === 'object' && input !== null && Object.hasOwn(input, '__proto__')) {
    throw new BridgeError('INVALID_REQUEST', {
      message: 'The input holds something that this channel does not take.',
    });
  }
}

const bodySchema = z
  .object({
    input: inputSchema.optional(),
    grant_type: z.literal('refresh_token').optional(),
    refresh_token: z.string().min(1).max(128).optional().meta({
      description: 'Instead of the session cookie: used up by this call; the answer has the next one.',
    }),
  })
  .meta({
    id: 'ChannelTokenRequest',
    examples: [{ input: { code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM' } }],
    description: 'May be empty; other members are ignored.',
  });

const answerSchema = z
  .strictObject({
    channel: z.string(),
    kind: z.enum(['jwt', 'hmac', 'opaque']),
    token: z.string().meta({ description: "The vendor's own proof of this customer." }),
    expires_in: digitsSchema.meta({ description: 'Seconds, as a string; ask again before they are over.' }),
    customer_id: customerIdSchema,
    web: z.record(z.string(), z.unknown()).meta({
      description: "What the widget's own call takes, in the vendor's spelling.",
    }),
    refresh_token: z.string().optional().meta({ description: 'The successor, after a call with one.' }),
  })
  .meta({
    id: 'ChannelToken',
    examples: [
      {
        channel: 'intercom',
        kind: 'jwt',
        token: 'eyJhbGciOiJIUzI1NiIs….eyJzY29wZSI6InVz….sV0Jw1f…',
        expires_in: '3600',
        customer_id: EXAMPLE_CUSTOMER_ID,
        web: { intercom_user_jwt: 'eyJhbGciOiJIUzI1NiIs….eyJzY29wZSI6InVz….sV0Jw1f…' },
      },
    ],
  });

const bodyOf = (answer: ChannelProofAnswer, refreshToken?: string) => ({
  channel: answer.channel,
  kind: answer.kind,
  token: answer.token,
  expires_in: String(answer.expiresInSeconds),
  customer_id: answer.customerId,
  web: answer.web,
  ...(refreshToken === undefined ? {} : { refresh_token: refreshToken }),
});

type Asked = z.infer<typeof bodySchema>;

/** By the cookie: a page of this very channel must have made the call. */
async function bySession(
  deps: ChannelTokenDeps,
  call: { req: Request; res: Response; channel: Channel; asked: Asked },
) {
  const { req, res, channel, asked } = call;
  requireOwnPage(req, deps.origins);
  requireOriginOf(req, deps.origins, channel.id);
  const session = deps.sessionCookies.current(req);
  if (!session) throw new BridgeError('NOT_SIGNED_IN', { missing: true });
  const context = contextOf(res);
  context.customerId = session.customerId;
  await deps.limits.admit(context, [
    { kind: 'session', id: deps.sessionCookies.presented(req) ?? session.sid },
  ]);
  const { requestId, address } = context;
  const traceparent = nextTraceparent(header(req, 'traceparent'));
  const input = asked.input ?? {};
  return bodyOf(await deps.mintChannelProof({ channel, session, input, requestId, traceparent, address }));
}

/** By a refresh token, as an app has it. A device counts by itself; who presents no living token, by the address. */
async function byRefreshToken(
  deps: ChannelTokenDeps,
  call: { req: Request; res: Response; channel: Channel; asked: Asked; token: string },
) {
  const { req, res, channel, asked, token } = call;
  requireOriginOf(req, deps.origins, channel.id);
  const context = contextOf(res);
  const { requestId, address } = context;
  const traceparent = nextTraceparent(header(req, 'traceparent'));
  const input = asked.input ?? {};
  const admit = (deviceId: string) => deps.limits.admit(context, [{ kind: 'session', id: deviceId }]);
  const purpose = `${channel.id} ${JSON.stringify(input)}`;
  try {
    const { made, customerId, refreshToken } = await deps.devices.redeem(
      { token, channel, purpose, requestId, address, admit },
      ({ session, endsAtMs }) => {
        const facts = { channel, session, input, requestId, traceparent, address };
        return deps.mintChannelProof({ ...facts, sessionEndsAtMs: endsAtMs });
      },
    );
    context.customerId = customerId;
    return bodyOf(made, refreshToken);
  } catch (error) {
    if (error instanceof BridgeError && error.code === 'INVALID_REFRESH_TOKEN') {
      await deps.limits.admit(context, [{ kind: 'address', id: callerNetwork(address) }]);
    }
    throw error;
  }
}

/** `POST /channels/{channel}/token`: the vendor's own proof for a channel. */
export function channelToken(deps: ChannelTokenDeps): Endpoint {
  return {
    usesSession: true,
    crossOrigin: true,
    contract: {
      listener: 'public',
      method: 'post',
      path: '/channels/{channel}/token',
      operationId: 'getChannelToken',
      tag: 'Customers',
      summary: "The chat vendor's own proof of the signed-in customer",
      description:
        'From the session cookie, with X-Symbolon-CSRF: 1 and an Origin that this channel lists, or from a refresh token in the body, which is used up. Never from a customer token: vendors hold those. What the proof looks like follows from the channel’s profile.',
      security: [['sessionCookie'], []],
      pathParameters: z.object({ channel: z.string().min(1).max(64) }),
      headers: csrfWithCookie,
      body: { schema: bodySchema, types: ['form', 'json'], required: false },
      responses: { 200: { description: 'The proof', schema: answerSchema, headers: LIMIT_HEADERS } },
      errors: [
        'INVALID_REQUEST',
        'UNKNOWN_CHANNEL',
        'NOT_SIGNED_IN',
        'INVALID_REFRESH_TOKEN',
        'CSRF_REJECTED',
        'ORIGIN_NOT_ALLOWED',
        'CHANNEL_NOT_ALLOWED',
        'CHANNEL_HAS_NO_PROFILE',
        'CHANNEL_ATTRIBUTE_MISSING',
        'CHANNEL_VALUE_NOT_ALLOWED',
        'CHANNEL_ATTRIBUTES_UNAVAILABLE',
        'CHANNEL_VENDOR_ERROR',
        'CHANNEL_VENDOR_UNAVAILABLE',
        'BODY_TOO_LARGE',
        'UNSUPPORTED_MEDIA_TYPE',
        'RATE_LIMITED',
        'STORE_UNAVAILABLE',
      ],
    },
    handle: async (req, res) => {
      const fields = await readFields(req, ['none', 'json', 'form'], MAX_BODY_BYTES);
      const given = withReadInput(fields);
      refuseProto(given);
      const asked = parseWith(bodySchema, given);
      if (Object.keys(asked.input ?? {}).length > MAX_INPUTS) {
        throw new BridgeError('INVALID_REQUEST', { message: 'Too many inputs.' });
      }
      const channel = deps.channels.find(String(req.params['channel']));
      if (!channel) throw new BridgeError('UNKNOWN_CHANNEL');
      contextOf(res).channel = channel.id;
      const { refresh_token: token, grant_type: grantType } = asked;
      if (grantType !== undefined && token === undefined) {
        throw new BridgeError('INVALID_REQUEST', {
          message: 'The member refresh_token is missing.',
          details: { member: 'refresh_token' },
        });
      }
      const call = { req, res, channel, asked };
      sendJson(
        res,
        200,
        await (token === undefined ? bySession(deps, call) : byRefreshToken(deps, { ...call, token })),
      );
    },
  };
}
