import type { Request, Response } from 'express';
import { z } from 'zod';
import type { Channels } from '../../channels/channel.ts';
import { type CallOnBehalfOf, findOpenedCall } from '../../customers/partner-calls/call-on-behalf.ts';
import type { PartnerApis } from '../../customers/partner-calls/call-partner-api.ts';
import type { createIssueCustomerToken } from '../../customers/sessions/issue-customer-token.ts';
import { BridgeError } from '../../errors.ts';
import { keepsNumbers } from '../../platform/json-numbers.ts';
import { nameSetting } from '../../platform/settings.ts';
import { sendBytes, sendEmpty } from '../answer.ts';
import { bodyType, MAX_BODY_BYTES, parseFields, readBody } from '../body.ts';
import type { CustomerProof, GivenProof, ProveCustomer } from '../customer-proof.ts';
import type { Endpoint, EndpointContract } from '../endpoint.ts';
import type { LimitGuard } from '../limit-guard.ts';
import { LIMIT_HEADERS } from '../limit-headers.ts';
import { PARTNER_PROOF_ERRORS, type PartnerProof, type ProvePartner } from '../partner-proof.ts';
import { header } from '../raw-headers.ts';
import { contextOf, type RequestContext } from '../request-context.ts';

/** Tells an answer of the partner API from one of ours. */
const ANSWERED_BY = 'x-answered-by';

const LOSSY_NUMBER =
  'A number has more digits than can be passed on unchanged. Send it as text, or with at most 15 digits.';

const bodySchema = z
  .object({})
  .catchall(z.unknown())
  .meta({
    id: 'PartnerCall',
    examples: [{ to: '+15550100', type: 'text', text: { body: 'Your parcel is on its way.' } }],
    description:
      'What the partner API takes. Leave out the members that say who the customer is: they are added here. The member `customer_auth` (its name is configurable) is the customer proof and is not passed on.',
  });

const answerSchema = z.unknown().meta({ description: 'What the partner API answered, unchanged.' });
const answered = (description: string) => ({
  description,
  schema: answerSchema,
  headers: {
    ...LIMIT_HEADERS,
    'X-Answered-By': 'Name of the connection: the answer is the partner API’s own.',
  },
});

export interface PartnerCallDeps {
  partnerApis: PartnerApis;
  callOnBehalf: CallOnBehalfOf;
  provePartner: ProvePartner;
  proveCustomer: ProveCustomer;
  issueCustomerToken: ReturnType<typeof createIssueCustomerToken>;
  channels: Channels;
  limits: LimitGuard;
  customerAuthHeader: string;
  customerAuthField: string;
}

/** Connection and path as they were sent, before anybody decoded them. */
function addressOf(req: Request): { connection: string; path: string } {
  const [, connection = '', path = ''] =
    /^\/partners\/([a-z0-9][a-z0-9._-]{0,63})(\/.*)$/s.exec(req.url) ?? [];
  return { connection, path };
}

/** The proof from the header or the body; the body's member is taken out, because it is not the partner API's. */
function takeProof(
  req: Request,
  members: Record<string, unknown>,
  names: Pick<PartnerCallDeps, 'customerAuthHeader' | 'customerAuthField'>,
): GivenProof | undefined {
  const inHeader = header(req, names.customerAuthHeader);
  const field = names.customerAuthField;
  const inBody = Object.hasOwn(members, field) ? members[field] : undefined;
  delete members[field];
  if (inHeader !== undefined && inBody !== undefined) throw new BridgeError('INVALID_CUSTOMER_TOKEN');
  if (inHeader !== undefined) return { text: inHeader, bare: false };
  if (inBody === undefined) return undefined;
  if (typeof inBody !== 'string') throw new BridgeError('INVALID_CUSTOMER_TOKEN');
  return { text: inBody, bare: true };
}

const contract: EndpointContract = {
  listener: 'public',
  method: 'post',
  path: '/partners/{connection}/{path}',
  operationId: 'callPartnerApi',
  tag: 'Partners',
  summary: 'Call a partner API on behalf of a customer',
  description:
    'Passes a call on to a connection that is opened to this partner, with our credentials for it and within its limits; `path` may have several segments and must be one of the open ones (docs/partner-apis.md). The partner proves itself as at /getprofile, with the scope partner:call, and the customer is proven in the same header. No header of the request is passed on, and no query is taken. A success, and a refusal that concerns the call itself (any 4xx but 401, 403, 407, 408 and 429), comes back with its status and body and the header `X-Answered-By`; without that header the answer is this service’s own.',
  security: [
    ['accessToken', 'apiKey', 'customerAuth'],
    ['keySecret', 'customerAuth'],
    ['apiKey', 'requestSignature', 'customerAuth'],
    ['accessToken'],
  ],
  pathParameters: z.object({
    connection: nameSetting.meta({ example: 'whatsapp' }),
    path: z.string().meta({ example: 'v1/messages' }),
  }),
  body: { schema: bodySchema, types: ['json'], required: false },
  responses: {
    200: answered('The partner API answered'),
    201: answered('The partner API made something'),
    202: answered('The partner API took the call in'),
    204: { description: 'The partner API answered without a body' },
  },
  errors: [
    'INVALID_REQUEST',
    ...PARTNER_PROOF_ERRORS,
    'ENVIRONMENT_NOT_ALLOWED',
    'PARTNER_PATH_NOT_OPEN',
    'INVALID_CUSTOMER_TOKEN',
    'CUSTOMER_TOKEN_EXPIRED',
    'NOT_SIGNED_IN',
    'NOT_FOUND',
    'BODY_TOO_LARGE',
    'UNSUPPORTED_MEDIA_TYPE',
    'RATE_LIMITED',
    'PARTNER_LIMIT_REACHED',
    'PARTNER_API_ERROR',
    'PARTNER_API_UNAVAILABLE',
    'PARTNER_API_TIMEOUT',
    'STORE_UNAVAILABLE',
  ],
};

/** `POST /partners/{connection}/{path}`: a call to a partner API, passed on for another partner. */
export function partnerCall(deps: PartnerCallDeps): Endpoint {
  const { provePartner, proveCustomer, callOnBehalf, limits } = deps;

  /** The token that the partner API is to pass on: the one that was shown, or a new one for the session shown. */
  const tokenOf = (proof: CustomerProof, context: RequestContext): string => {
    if (proof.token !== undefined) return proof.token;
    const channel = deps.channels.find(proof.channel);
    if (!proof.session || !channel) throw new BridgeError('INVALID_CUSTOMER_TOKEN');
    return deps.issueCustomerToken(proof.session, channel, context).token;
  };

  const proven = async (given: GivenProof | undefined, partner: PartnerProof, needed: boolean) => {
    const named = partner.token?.customer !== undefined;
    if (!given && !named && !needed) return undefined;
    return proveCustomer(given, partner.partner, partner.token);
  };

  const answer = async (req: Request, context: RequestContext) => {
    const body = await readBody(req, MAX_BODY_BYTES);
    const proof = await provePartner({ req, body, context, scope: 'partner:call', needsKey: true, limits });
    const address = addressOf(req);
    const opened = findOpenedCall(deps.partnerApis, proof, address);
    const members = body.length === 0 ? {} : parseFields(body, bodyType(req, body, ['json']));
    if (!keepsNumbers(body.toString('utf8')))
      throw new BridgeError('INVALID_REQUEST', { message: LOSSY_NUMBER });
    const customer = await proven(takeProof(req, members, deps), proof, opened.needsCustomer);
    if (customer) {
      context.customerId = customer.customerId;
      context.channel = customer.channel;
    }
    const result = await callOnBehalf({
      opened,
      partner: proof.partner,
      path: address.path,
      body: members,
      customer: customer && {
        customerId: customer.customerId,
        channel: customer.channel,
        token: opened.open.token ? tokenOf(customer, context) : undefined,
      },
      requestId: context.requestId,
      address: context.address,
      clientId: proof.clientId,
      keyPrefix: proof.key?.publicPrefix,
    });
    return { ...result, connection: opened.api.name };
  };

  return {
    countsFailures: true,
    contract,
    handle: async (req: Request, res: Response) => {
      const context = contextOf(res);
      const { status, body, connection } = await answer(req, context);
      const headers = { ...context.limitHeaders, [ANSWERED_BY]: connection };
      if (body) sendBytes(res, status, { type: 'application/json; charset=utf-8', body }, headers);
      else sendEmpty(res, status === 200 ? 204 : status, headers);
    },
  };
}
