/**
 * The sample company's profile APIs, as a company would run them behind its firewall: a customer register and a
 * billing system on one port. Every call must bring an access token of this server's own token endpoint, the API
 * key, and the customer it is about; anything less is refused.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { CallLog } from './call-log.ts';
import type { CustomerRecord } from './demo-customers.ts';
import { parseJsonObject } from './json.ts';
import {
  type LoopbackAnswer,
  type LoopbackRequest,
  type LoopbackServer,
  listenOnLoopback,
} from './loopback-server.ts';

/** What the bridge must present here. */
export interface BackendCredentials {
  clientId: string;
  clientSecret: string;
  apiKey: string;
}

const TOKEN_LIFETIME_SECONDS = 300;
const MAX_LIVE_TOKENS = 1_000;

const digest = (text: string) => createHash('sha256').update(text).digest();
const same = (a: string, b: string) => timingSafeEqual(digest(a), digest(b));
const header = (request: LoopbackRequest, name: string) => {
  const value = request.headers[name];
  return typeof value === 'string' ? value : '';
};
const refuse = (status: number, error: string): LoopbackAnswer => ({ status, body: { error } });

function createTokenEndpoint(credentials: BackendCredentials, nowMs: () => number) {
  const live = new Map<string, number>();
  const expected = Buffer.from(`${credentials.clientId}:${credentials.clientSecret}`).toString('base64');
  return {
    issue(request: LoopbackRequest): LoopbackAnswer {
      if (!same(header(request, 'authorization'), `Basic ${expected}`)) return refuse(401, 'invalid_client');
      if (new URLSearchParams(request.body).get('grant_type') !== 'client_credentials') {
        return refuse(400, 'unsupported_grant_type');
      }
      for (const [token, expiresAtMs] of live) {
        if (expiresAtMs <= nowMs() || live.size >= MAX_LIVE_TOKENS) live.delete(token);
      }
      const access_token = `at_${randomBytes(24).toString('base64url')}`;
      live.set(access_token, nowMs() + TOKEN_LIFETIME_SECONDS * 1000);
      return {
        status: 200,
        body: { access_token, token_type: 'Bearer', expires_in: TOKEN_LIFETIME_SECONDS },
      };
    },
    accepts(request: LoopbackRequest): boolean {
      const [scheme, token] = header(request, 'authorization').split(' ');
      return scheme === 'Bearer' && (live.get(token ?? '') ?? 0) > nowMs();
    },
  };
}

const EXPLANATIONS: Record<string, string> = {
  '/oauth/token': 'The bridge gets an access token of the company’s own backend. It is kept for later calls.',
  '/crm/customer':
    'The bridge asks the customer register, with its own token and API key and the company’s account number in a header.',
  '/billing/account': 'The bridge asks the billing system; here the account number travels in the body.',
};

/** Starts the two profile APIs on `port`. */
export async function startProfileBackend(options: {
  port: number;
  credentials: BackendCredentials;
  customers: readonly CustomerRecord[];
  callLog: CallLog;
  nowMs: () => number;
}): Promise<LoopbackServer> {
  const { credentials, callLog } = options;
  const tokens = createTokenEndpoint(credentials, options.nowMs);
  const byReference = new Map(options.customers.map((customer) => [customer.reference, customer]));

  /** Refuses unless token, API key and customer are all there; `reference` is what the caller named the customer by. */
  function customerFor(request: LoopbackRequest, reference: unknown): CustomerRecord | LoopbackAnswer {
    if (!tokens.accepts(request)) return refuse(401, 'invalid_token');
    if (!same(header(request, 'x-api-key'), credentials.apiKey)) return refuse(401, 'invalid_api_key');
    if (typeof reference !== 'string' || reference === '') return refuse(400, 'customer_missing');
    return byReference.get(reference) ?? refuse(404, 'no_such_customer');
  }

  function route(request: LoopbackRequest): LoopbackAnswer {
    const at = `${request.method} ${request.path}`;
    if (at === 'POST /oauth/token') return tokens.issue(request);
    if (at === 'GET /crm/customer') {
      const found = customerFor(request, request.headers['x-customer-reference']);
      if ('status' in found) return found;
      return { status: 200, body: { account: found.reference, contact: found.crm } };
    }
    if (at === 'POST /billing/account') {
      const found = customerFor(request, parseJsonObject(request.body).account);
      if ('status' in found) return found;
      return { status: 200, body: { account: found.reference, ...found.billing } };
    }
    return refuse(404, 'not_found');
  }

  return listenOnLoopback(options.port, (request) => {
    const form = header(request, 'content-type').startsWith('application/x-www-form-urlencoded');
    const end = callLog.begin({
      from: 'bridge',
      to: 'backend',
      method: request.method,
      path: request.path,
      headers: request.headers,
      body: form
        ? Object.fromEntries(new URLSearchParams(request.body))
        : request.body === ''
          ? undefined
          : parseJsonObject(request.body),
      explanation: EXPLANATIONS[request.path] ?? 'An address that this backend does not have.',
    });
    const answer = route(request);
    end({ status: answer.status, headers: {}, body: answer.body });
    return answer;
  });
}
