import type { Request } from 'express';
import { z } from 'zod';
import type { Clients } from '../../clients/clients.ts';
import { BridgeError } from '../../errors.ts';
import type { OpenIdAnswers } from '../../oauth/openid-answers.ts';
import { sendJson } from '../answer.ts';
import { MAX_BODY_BYTES, readBody } from '../body.ts';
import type { ProveCustomer } from '../customer-proof.ts';
import type { Endpoint } from '../endpoint.ts';
import type { LimitGuard } from '../limit-guard.ts';
import { LIMIT_HEADERS } from '../limit-headers.ts';
import type { ProvePartner } from '../partner-proof.ts';
import { header } from '../raw-headers.ts';
import { contextOf, type RequestContext } from '../request-context.ts';
import { customerIdSchema, EXAMPLE_CUSTOMER_ID } from '../schemas.ts';
import { nextTraceparent } from '../trace-context.ts';

const answerSchema = z.looseObject({ sub: customerIdSchema }).meta({
  id: 'UserInfo',
  examples: [{ sub: EXAMPLE_CUSTOMER_ID }],
  description: 'The identifier, and the claims that this client’s registration names.',
});

export interface UserInfoDeps {
  provePartner: ProvePartner;
  proveCustomer: ProveCustomer;
  clients: Pick<Clients, 'usable'>;
  openIdAnswers: Pick<OpenIdAnswers, 'userInfo'>;
  limits: LimitGuard;
}

/** `GET` and `POST /oauth/userinfo` (OpenID Connect Core 1.0 section 5.3): the access token stands in the header. */
export function userInfo(deps: UserInfoDeps): Endpoint[] {
  const answer = async (req: Request, context: RequestContext) => {
    const body = await readBody(req, MAX_BODY_BYTES);
    const { partner, token } = await deps.provePartner({
      req,
      body,
      context,
      scope: 'openid',
      needsKey: false,
      bearerAlone: true,
      limits: deps.limits,
    });
    if (!token?.customer) throw new BridgeError('INVALID_ACCESS_TOKEN');
    const customer = await deps.proveCustomer(undefined, partner, token);
    const client = await deps.clients.usable(token.clientId);
    if (!client?.openid) throw new BridgeError('INVALID_ACCESS_TOKEN');
    context.customerId = customer.customerId;
    context.channel = customer.channel;
    // By the name in the ID token, also when the customer was merged meanwhile (Core 1.0 section 5.3.4).
    const { customerId } = token.customer;
    const subject = { agreedTo: () => true, ...customer, customerId };
    return deps.openIdAnswers.userInfo(client, subject, {
      requestId: context.requestId,
      address: context.address,
      traceparent: nextTraceparent(header(req, 'traceparent')),
    });
  };

  return (['get', 'post'] as const).map((method) => ({
    crossOrigin: 'apps',
    countsFailures: true,
    contract: {
      listener: 'public',
      method,
      path: '/oauth/userinfo',
      operationId: method === 'get' ? 'getUserInfo' : 'postUserInfo',
      tag: 'OAuth 2.0',
      summary: 'Claims about the customer that an access token of OpenID Connect names',
      description: 'Needs an access token with the scope openid, in the header. A body is not looked at.',
      security: [['accessToken']],
      responses: { 200: { description: 'The claims', schema: answerSchema, headers: LIMIT_HEADERS } },
      errors: [
        'INVALID_ACCESS_TOKEN',
        'INSUFFICIENT_SCOPE',
        'ENVIRONMENT_NOT_ALLOWED',
        'BODY_TOO_LARGE',
        'RATE_LIMITED',
        'BACKEND_ERROR',
        'BACKEND_UNAVAILABLE',
        'BACKEND_TIMEOUT',
        'STORE_UNAVAILABLE',
      ],
    },
    handle: async (req, res) => {
      sendJson(res, 200, await answer(req, contextOf(res)));
    },
  }));
}
