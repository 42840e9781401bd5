import type { Request } from 'express';
import { z } from 'zod';
import type { Audit } from '../../audit/audit.ts';
import type { createGetProfile } from '../../customers/get-profile.ts';
import { BridgeError } from '../../errors.ts';
import { sendJson } from '../answer.ts';
import { bodyType, MAX_BODY_BYTES, parseFields, readBody } from '../body.ts';
import type { ProveCustomer } from '../customer-proof.ts';
import type { Endpoint } from '../endpoint.ts';
import type { ProvePartner } from '../partner-proof.ts';
import { header } from '../raw-headers.ts';
import { contextOf, type RequestContext } from '../request-context.ts';
import { customerIdSchema } from '../schemas.ts';
import { nextTraceparent } from '../trace-context.ts';

const MAX_FIELDS = 100;

const bodySchema = z
  .object({
    fields: z
      .array(z.string())
      .max(MAX_FIELDS)
      .optional()
      .meta({ description: 'Narrows the answer to these fields.' }),
    customer_auth: z
      .string()
      .optional()
      .meta({ description: 'The customer token, when it does not come in the header.' }),
  })
  .meta({ id: 'ProfileRequest', description: 'May be empty; other members are ignored.' });

const answerSchema = z
  .strictObject({
    customer_id: customerIdSchema,
    profile: z
      .record(z.string(), z.unknown())
      .meta({ description: 'Only the fields that this partner may see.' }),
    sources: z
      .record(z.string(), z.enum(['ok', 'not_found', 'timeout', 'unavailable', 'error']))
      .meta({ description: 'What became of each backend that was asked.' }),
  })
  .meta({ id: 'Profile' });

export interface GetProfileDeps {
  provePartner: ProvePartner;
  proveCustomer: ProveCustomer;
  getProfile: ReturnType<typeof createGetProfile>;
  audit: Audit;
  /** Lower-case name of the header that carries the customer proof. */
  customerAuthHeader: string;
  customerAuthField: string;
}

function parseBody(req: Request, body: Buffer): Record<string, unknown> {
  return body.length === 0 ? {} : parseFields(body, bodyType(req, body, ['json']));
}

/** The wanted fields; checked by hand, because this is the hot path. */
function wantedFields(value: unknown): string[] | undefined {
  if (value === undefined) return undefined;
  if (
    !Array.isArray(value) ||
    value.length > MAX_FIELDS ||
    value.some((field) => typeof field !== 'string')
  ) {
    throw new BridgeError('INVALID_REQUEST', {
      message: `The member fields must be a list of at most ${MAX_FIELDS} strings.`,
      details: { member: 'fields' },
    });
  }
  return value as string[];
}

/** `POST /getprofile`. */
export function getprofile(deps: GetProfileDeps): Endpoint {
  const { provePartner, proveCustomer, getProfile, audit, customerAuthHeader, customerAuthField } = deps;

  const proofOf = (req: Request, members: Record<string, unknown>): { text: string; bare: boolean } => {
    const inHeader = header(req, customerAuthHeader);
    const inBody = Object.hasOwn(members, customerAuthField) ? members[customerAuthField] : undefined;
    if (inHeader !== undefined && inBody !== undefined) throw new BridgeError('INVALID_CUSTOMER_TOKEN');
    if (inHeader !== undefined) return { text: inHeader, bare: false };
    if (typeof inBody === 'string') return { text: inBody, bare: true };
    throw new BridgeError('INVALID_CUSTOMER_TOKEN', { missing: inBody === undefined });
  };

  const answer = async (req: Request, context: RequestContext) => {
    const body = await readBody(req, MAX_BODY_BYTES);
    const { partner, key, clientId } = await provePartner(req, 'profile:read');
    context.partner = partner.id;
    context.keyPrefix = key.publicPrefix;
    if (clientId !== undefined) context.clientId = clientId;
    const members = parseBody(req, body);
    const { text, bare } = proofOf(req, members);
    const proven = proveCustomer(text, bare, partner);
    const customer = proven instanceof Promise ? await proven : proven;
    context.customerId = customer.customerId;
    context.channel = customer.channel;
    return getProfile({
      partner,
      customerId: customer.customerId,
      reference: customer.reference,
      wanted: wantedFields(Object.hasOwn(members, 'fields') ? members.fields : undefined),
      requestId: context.requestId,
      traceparent: nextTraceparent(header(req, 'traceparent')),
      address: context.address,
      clientId,
      keyPrefix: key.publicPrefix,
    });
  };

  const recordDenial = (error: unknown, context: RequestContext) => {
    if (!(error instanceof BridgeError) || (error.kind !== 'unauthenticated' && error.kind !== 'forbidden'))
      return;
    audit.event('access.denied', {
      outcome: 'refused',
      actor: 'partner',
      partner: context.partner,
      clientId: context.clientId,
      keyPrefix: context.keyPrefix,
      address: context.address,
      requestId: context.requestId,
      reason: error.code,
    });
  };

  return {
    contract: {
      listener: 'public',
      method: 'post',
      path: '/getprofile',
      operationId: 'getProfile',
      tag: 'Partners',
      summary: 'Answer about a customer who is in one of the partner’s chats',
      description:
        'Needs a customer proof and a partner: an access token with scope profile:read and an API key of the same partner, or the secret of a bearer-use key with that scope. An expired or bad customer proof is 401, so that the caller knows to ask for a new one.',
      security: [
        ['accessToken', 'apiKey', 'customerAuth'],
        ['keySecret', 'customerAuth'],
      ],
      body: { schema: bodySchema, types: ['json'], required: false },
      responses: { 200: { description: 'The profile', schema: answerSchema } },
      errors: [
        'INVALID_REQUEST',
        'INVALID_ACCESS_TOKEN',
        'INVALID_API_KEY',
        'EXPIRED_API_KEY',
        'INVALID_SIGNATURE',
        'INSUFFICIENT_SCOPE',
        'INVALID_CUSTOMER_TOKEN',
        'CUSTOMER_TOKEN_EXPIRED',
        'PROFILE_NOT_FOUND',
        'BODY_TOO_LARGE',
        'UNSUPPORTED_MEDIA_TYPE',
        'BACKEND_ERROR',
        'BACKEND_UNAVAILABLE',
        'BACKEND_TIMEOUT',
        'STORE_UNAVAILABLE',
      ],
    },
    handle: async (req, res) => {
      const context = contextOf(res);
      try {
        sendJson(res, 200, await answer(req, context));
      } catch (error) {
        recordDenial(error, context);
        throw error;
      }
    },
  };
}
