import type { IncomingMessage } from 'node:http';
import type { Audit } from '../audit/audit.ts';
import { BridgeError, type OAuthError } from '../errors.ts';
import type { EndpointContract } from './endpoint.ts';
import { statusOf } from './error-response.ts';
import { header } from './raw-headers.ts';
import type { RequestContext } from './request-context.ts';

const DENIALS: ReadonlySet<string> = new Set(['unauthenticated', 'forbidden', 'rate_limited']);

/** Who calls an endpoint, in the words of the audit log. */
export function actorOf({ listener, tag }: EndpointContract): string {
  if (listener === 'admin') return 'admin';
  return tag === 'Customers' ? 'customer' : 'partner';
}

/** "Who am I?" without any session is answered with 401 and denies nothing: pages ask it for every visitor. */
function isPlainQuestion(error: BridgeError | OAuthError, req: IncomingMessage): boolean {
  return error.code === 'NOT_SIGNED_IN' && req.method === 'GET' && req.headers.cookie === undefined;
}

/** What a caller without rights is answered with: it counts against the address that it came from. */
export function isFailure(error: BridgeError | OAuthError, req: IncomingMessage): boolean {
  if (error.code === 'ORIGIN_NOT_ALLOWED' || error.code === 'CSRF_REJECTED') return true;
  // A visitor of the company's site who is not signed in there: pages ask it for everybody.
  if (error instanceof BridgeError && error.missing && error.recorded) return false;
  return error.kind === 'unauthenticated' && !isPlainQuestion(error, req);
}

/** The first characters of a public key id that the caller showed; enough to find the key, not to use it. */
function claimedKey(req: IncomingMessage): string | undefined {
  const shown = header(req, 'api-key') ?? header(req, 'x-api-key') ?? '';
  return /^pk_(?:live|test)_[0-9A-Za-z]{6}/.exec(shown)?.[0];
}

function plainDetails(error: BridgeError | OAuthError): Record<string, string | number | boolean> {
  const details = error instanceof BridgeError ? Object.entries(error.details ?? {}) : [];
  const plain = details.filter((entry): entry is [string, string | number | boolean] =>
    ['string', 'number', 'boolean'].includes(typeof entry[1]),
  );
  return Object.fromEntries(plain);
}

/** Writes the audit record of a refusal, unless whoever refused has written it: every denied request leaves one. */
export function recordDenial(
  request: { req: IncomingMessage; context: RequestContext },
  error: BridgeError | OAuthError,
  audit: Audit,
): void {
  const { req, context } = request;
  if (error.recorded || !DENIALS.has(error.kind) || isPlainQuestion(error, req)) return;
  const claimed = context.keyPrefix === undefined ? claimedKey(req) : undefined;
  audit.event('access.denied', {
    outcome: 'refused',
    actor: context.actor ?? 'unknown',
    partner: context.partner,
    clientId: context.clientId,
    keyPrefix: context.keyPrefix,
    customerId: context.customerId,
    channel: context.channel,
    address: context.address,
    requestId: context.requestId,
    reason: error.code,
    details: {
      ...plainDetails(error),
      ...(error instanceof BridgeError ? error.auditDetails : undefined),
      ...(claimed === undefined ? {} : { claimed_key: claimed }),
      ...(error.retryAfterSeconds === undefined ? {} : { retry_after: error.retryAfterSeconds }),
      endpoint: `${req.method ?? ''} ${context.route}`,
      status: statusOf(error.code),
    },
  });
}
