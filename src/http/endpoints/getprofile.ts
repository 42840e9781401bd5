import type { Request } from 'express';
import { z } from 'zod';
import type { createGetProfile, RememberedParts } from '../../customers/profile/get-profile.ts';
import type {
  AdmittedCustomer,
  AskingFacts,
  UnprovenCustomer,
} from '../../customers/profile/unproven-customer.ts';
import { BridgeError } from '../../errors.ts';
import { sendJson } from '../answer.ts';
import { bodyType, MAX_BODY_BYTES, parseFields, readBody } from '../body.ts';
import type { CustomerProof, GivenProof, ProveCustomer } from '../customer-proof.ts';
import type { Endpoint } from '../endpoint.ts';
import type { LimitGuard } from '../limit-guard.ts';
import { LIMIT_HEADERS } from '../limit-headers.ts';
import { PARTNER_PROOF_ERRORS, type PartnerProof, type ProvePartner } from '../partner-proof.ts';
import { header } from '../raw-headers.ts';
import { contextOf, type RequestContext } from '../request-context.ts';
import { customerIdSchema, EXAMPLE_CUSTOMER_ID } from '../schemas.ts';
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
    customer_id: z.string().optional().meta({
      description:
        'Names the customer without proof, for channels whose enforcement allows that (docs/channels.md).',
    }),
    channel: z.string().optional().meta({ description: 'The channel of customer_id.' }),
  })
  .meta({
    id: 'ProfileRequest',
    examples: [{ fields: ['plan', 'balance'] }],
    description: 'May be empty; other members are ignored.',
  });

const answerSchema = z
  .strictObject({
    customer_id: customerIdSchema,
    profile: z
      .record(z.string(), z.unknown())
      .meta({ description: 'Only the fields that this partner may see.' }),
    sources: z
      .record(z.string(), z.enum(['ok', 'not_found', 'timeout', 'unavailable', 'error']))
      .meta({ description: 'What became of each backend that was asked.' }),
    test: z
      .literal(true)
      .optional()
      .meta({ description: 'Only in answers about test customers (docs/test-customers.md).' }),
  })
  .meta({
    id: 'Profile',
    examples: [
      {
        customer_id: EXAMPLE_CUSTOMER_ID,
        profile: { plan: 'gold', balance: { amount: 12.5, currency: 'EUR' } },
        sources: { crm: 'ok', billing: 'ok' },
      },
    ],
  });

export interface GetProfileDeps {
  provePartner: ProvePartner;
  proveCustomer: ProveCustomer;
  unproven: UnprovenCustomer;
  getProfile: ReturnType<typeof createGetProfile>;
  limits: LimitGuard;
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

/** What is to be said of an answer beside it; warnings are a list of RFC 9651, ages as in RFC 9111 section 5.1. */
function answerHeaders(
  proofWarning: string | undefined,
  remembered: RememberedParts | undefined,
): Record<string, string> | undefined {
  if (proofWarning === undefined && !remembered) return undefined;
  const warnings = [
    ...(proofWarning === undefined ? [] : [`customer-proof;${proofWarning}`]),
    ...(remembered?.stale ?? []).map((name) => `profile;stale;source="${name}"`),
  ];
  return {
    ...(remembered && { age: String(Math.floor(remembered.ageMs / 1_000)) }),
    ...(warnings.length > 0 && { 'symbolon-warning': warnings.join(', ') }),
  };
}

/** `POST /getprofile`. */
export function getprofile(deps: GetProfileDeps): Endpoint {
  const { provePartner, proveCustomer, unproven, getProfile, limits } = deps;
  const { customerAuthHeader, customerAuthField } = deps;

  const proofOf = (req: Request, members: Record<string, unknown>): GivenProof | undefined => {
    const inHeader = header(req, customerAuthHeader);
    const inBody = Object.hasOwn(members, customerAuthField) ? members[customerAuthField] : undefined;
    if (inHeader !== undefined && inBody !== undefined) throw new BridgeError('INVALID_CUSTOMER_TOKEN');
    if (inHeader !== undefined) return { text: inHeader, bare: false };
    if (typeof inBody === 'string') return { text: inBody, bare: true };
    if (inBody === undefined) return undefined;
    throw new BridgeError('INVALID_CUSTOMER_TOKEN');
  };

  /** Whom a call without a sound proof is about, if the stage of the channel lets it through; else its refusal. */
  const admitUnproven = async (
    refusal: unknown,
    call: { given: GivenProof | undefined; members: Record<string, unknown>; facts: () => AskingFacts },
  ): Promise<CustomerProof & { warning?: string | undefined }> => {
    const { given, members, facts } = call;
    const { customer_id: customerId, channel } = members;
    const isNamed = typeof customerId === 'string' && typeof channel === 'string';
    const token = given && (/^jwt +(\S+)$/i.exec(given.text)?.[1] ?? (given.bare ? given.text : undefined));
    let admitted: AdmittedCustomer | undefined;
    if (token !== undefined) admitted = unproven.byToken(token, facts());
    else if (!given && isNamed) admitted = await unproven.byName({ customerId, channel }, facts());
    if (!admitted) throw refusal;
    return admitted;
  };

  /** The customer of a call. What is refused is looked at again only when nothing else names the customer. */
  const customerOf = (
    proof: PartnerProof,
    call: { given: GivenProof | undefined; members: Record<string, unknown>; facts: () => AskingFacts },
  ):
    | (CustomerProof & { warning?: string | undefined })
    | Promise<CustomerProof & { warning?: string | undefined }> => {
    try {
      return proveCustomer(call.given, proof.partner, proof.token);
    } catch (error) {
      const isProofRefused =
        error instanceof BridgeError &&
        (error.code === 'INVALID_CUSTOMER_TOKEN' || error.code === 'CUSTOMER_TOKEN_EXPIRED');
      if (!isProofRefused || proof.token?.customer) throw error;
      return admitUnproven(error, call);
    }
  };

  const answer = async (req: Request, context: RequestContext) => {
    const body = await readBody(req, MAX_BODY_BYTES);
    const proving = provePartner({ req, body, context, scope: 'profile:read', needsKey: true, limits });
    const proof = proving instanceof Promise ? await proving : proving;
    const { partner, key, clientId } = proof;
    const members = parseBody(req, body);
    const { requestId, address } = context;
    const keyPrefix = key?.publicPrefix;
    const facts = () => ({ partner, clientId, keyPrefix, requestId, address });
    const proven = customerOf(proof, { given: proofOf(req, members), members, facts });
    const customer = proven instanceof Promise ? await proven : proven;
    if (customer.token !== undefined) unproven.proven(customer.channel);
    context.customerId = customer.customerId;
    context.channel = customer.channel;
    let remembered: RememberedParts | undefined;
    const profile = await getProfile({
      partner,
      environment: proof.environment,
      customerId: customer.customerId,
      reference: customer.reference,
      agreedTo: customer.agreedTo,
      wanted: wantedFields(Object.hasOwn(members, 'fields') ? members.fields : undefined),
      requestId: context.requestId,
      traceparent: nextTraceparent(header(req, 'traceparent')),
      address: context.address,
      clientId,
      keyPrefix,
      onRemembered: (parts) => {
        remembered = parts;
      },
    });
    return { profile, headers: answerHeaders(customer.warning, remembered) };
  };

  return {
    crossOrigin: 'apps',
    countsFailures: true,
    contract: {
      listener: 'public',
      method: 'post',
      path: '/getprofile',
      operationId: 'getProfile',
      tag: 'Partners',
      summary: 'Answer about a customer who is in one of the partner’s chats',
      description:
        'Needs a customer proof and a partner: an access token with scope profile:read and an API key of the same partner, or the secret of a bearer-use key with that scope, or a request signed with a signing-use key (docs/signatures.md). An access token from the authorization code flow or from token exchange names the customer itself and needs nothing else. An expired or bad customer proof is 401, so that the caller knows to ask for a new one.',
      security: [
        ['accessToken', 'apiKey', 'customerAuth'],
        ['keySecret', 'customerAuth'],
        ['apiKey', 'requestSignature', 'customerAuth'],
        ['accessToken'],
      ],
      body: { schema: bodySchema, types: ['json'], required: false },
      responses: {
        200: {
          description: 'The profile',
          schema: answerSchema,
          headers: {
            ...LIMIT_HEADERS,
            Age: 'Seconds since the oldest remembered part of the answer was given; absent when all of it is fresh.',
            'Symbolon-Warning':
              'customer-proof;expired or customer-proof;unsigned: refused once the channel enforces proofs. profile;stale;source="crm": the backend failed, and its part is an older answer. Several are separated by commas.',
          },
        },
      },
      errors: [
        'INVALID_REQUEST',
        ...PARTNER_PROOF_ERRORS,
        'ENVIRONMENT_NOT_ALLOWED',
        'INVALID_CUSTOMER_TOKEN',
        'CUSTOMER_TOKEN_EXPIRED',
        'PROFILE_NOT_FOUND',
        'BODY_TOO_LARGE',
        'UNSUPPORTED_MEDIA_TYPE',
        'RATE_LIMITED',
        'BACKEND_ERROR',
        'BACKEND_UNAVAILABLE',
        'BACKEND_TIMEOUT',
        'STORE_UNAVAILABLE',
      ],
    },
    handle: async (req, res) => {
      const { profile, headers } = await answer(req, contextOf(res));
      sendJson(res, 200, profile, headers);
    },
  };
}
