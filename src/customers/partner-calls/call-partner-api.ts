import type { Audit, AuditFacts } from '../../audit/audit.ts';
import { type CallBody, completeCall, isShallow } from '../../connections/call-body.ts';
import { findOpenPath } from '../../connections/open-path.ts';
import { type PartnerAnswer, type PartnerApi, partnerLane } from '../../connections/partner-api.ts';
import { troubleOf } from '../../connections/partner-answer.ts';
import type { OpenPath } from '../../connections/presets/preset.ts';
import { BridgeError } from '../../errors.ts';
import type { CustomerIdentifier } from '../../identifiers/identifier.ts';
import type { ReportFailure } from '../../outbound/failure-reason.ts';
import type { Partner } from '../../partners/partner.ts';

export type PartnerApis = ReadonlyMap<string, PartnerApi>;

/** A path of a partner API that the calling partner may use. */
export interface OpenedCall {
  api: PartnerApi;
  open: OpenPath;
  /** A customer must be proven before the call is made. */
  needsCustomer: boolean;
}

/** Whose credentials ask. */
export interface CallingPartner {
  partner: Partner;
  environment: 'live' | 'test';
}

/**
 * Finds what a partner may call. Throws `NOT_FOUND` for a connection that is not opened to this partner, as for one
 * that does not exist; `ENVIRONMENT_NOT_ALLOWED` for a test key; `PARTNER_PATH_NOT_OPEN` for any other path.
 */
export function findOpenedCall(
  apis: PartnerApis,
  { partner, environment }: CallingPartner,
  { connection, path }: { connection: string; path: string },
): OpenedCall {
  const api = apis.get(connection);
  if (!api?.openTo.has(partner.id)) throw new BridgeError('NOT_FOUND');
  if (!api.environments.has(environment)) throw new BridgeError('ENVIRONMENT_NOT_ALLOWED');
  const open = findOpenPath(api.openPaths, path);
  if (!open) {
    const paths = api.openPaths.map((one) => one.path).join(', ');
    throw new BridgeError('PARTNER_PATH_NOT_OPEN', { auditDetails: { open_paths: paths || 'none' } });
  }
  return { api, open, needsCustomer: api.needsCustomerProof || open.token !== undefined };
}

export interface CallOnBehalf {
  opened: OpenedCall;
  partner: Partner;
  path: string;
  body: CallBody;
  /** `undefined` where none is needed and none was proven. */
  customer: { customerId: CustomerIdentifier; channel: string; token: string | undefined } | undefined;
  requestId: string;
  address: string;
  clientId: string | undefined;
  keyPrefix: string | undefined;
}

interface CallFacts {
  reason?: string;
  status?: number;
  attempts?: number;
  trouble?: ReturnType<typeof troubleOf>;
}

/** The audit record of a call: who, for whom, which path, and how it ended; never what was said. */
function recordOf(request: CallOnBehalf, outcome: 'success' | 'failed', facts: CallFacts): AuditFacts {
  const { customer, partner } = request;
  const { api, open } = request.opened;
  const { status, attempts, trouble } = facts;
  return {
    outcome,
    actor: 'partner',
    partner: partner.id,
    clientId: request.clientId,
    keyPrefix: request.keyPrefix,
    customerId: customer?.customerId,
    channel: customer?.channel,
    address: request.address,
    requestId: request.requestId,
    reason: facts.reason,
    details: {
      connection: api.name,
      path: open.path,
      ...(status === undefined ? {} : { status }),
      ...(attempts === undefined ? {} : { attempts }),
      ...(trouble === undefined ? {} : { [`${api.name}:reason`]: trouble.reason }),
      ...(trouble?.code === undefined ? {} : { partner_code: trouble.code }),
    },
  };
}

/**
 * Makes a call to a partner API for another partner, on behalf of a proven customer. Throws `INVALID_REQUEST` when the
 * body holds something else where the customer belongs, and what `PartnerApi.call` throws. Every call is recorded,
 * with the pattern of its path and without its contents.
 */
export function createCallOnBehalf({ audit, reportFailure }: { audit: Audit; reportFailure: ReportFailure }) {
  return async (request: CallOnBehalf): Promise<PartnerAnswer> => {
    const { customer, partner, path } = request;
    const { api, open } = request.opened;
    const record = (outcome: 'success' | 'failed', facts: CallFacts) =>
      audit.event('partner_api.called', recordOf(request, outcome, facts));
    if (!isShallow(request.body)) {
      throw new BridgeError('INVALID_REQUEST', { message: 'The body is nested too deep.' });
    }
    const completed = completeCall(open, {
      body: request.body,
      customer: customer && { identifier: customer.customerId, token: customer.token },
    });
    if ('member' in completed) {
      throw new BridgeError('INVALID_REQUEST', {
        message:
          customer === undefined
            ? 'The body names a customer whom nobody has proven. Send the customer proof, or leave the member out.'
            : 'A member that says who the customer is holds something else, or stands there in two spellings. Leave it out: it is added here.',
        details: { member: completed.member },
      });
    }
    try {
      const answer = await api.call(
        { method: 'POST', path, ...completed },
        { lane: partnerLane(partner.id) },
      );
      record(answer.status < 400 ? 'success' : 'failed', {
        status: answer.status,
        attempts: answer.attempts,
        ...(answer.code === undefined ? {} : { reason: answer.code }),
      });
      return answer;
    } catch (error) {
      if (error instanceof BridgeError) {
        const trouble = troubleOf(error.cause);
        record('failed', { reason: error.code, trouble });
        // A partner's server that gives our credentials away is for the operator to look at, at once.
        if (trouble?.reason === 'credentials_echoed') {
          const { requestId } = request;
          reportFailure({ event: 'partner_api.failed', name: api.name, reason: trouble.reason, requestId });
        }
        error.recorded = true;
      }
      throw error;
    }
  };
}

export type CallOnBehalfOf = ReturnType<typeof createCallOnBehalf>;
