import type { Audit, AuditFacts } from '../../audit/audit.ts';
import { type CallBody, type CallCustomer, completeCall, isShallow } from '../../connections/call-body.ts';
import type { PartnerAnswer, PartnerApi, PartnerCallOptions } from '../../connections/partner-api.ts';
import { troubleOf } from '../../connections/partner-answer.ts';
import type { OpenPath } from '../../connections/presets/preset.ts';
import { BridgeError } from '../../errors.ts';
import type { ReportFailure } from '../../outbound/failure-reason.ts';

export type PartnerApis = ReadonlyMap<string, PartnerApi>;

export interface CallToPartnerApi {
  api: PartnerApi;
  method: 'GET' | 'POST';
  path: string;
  /** Where the customer goes. */
  places: Pick<OpenPath, 'identifier' | 'token' | 'fixed'>;
  body: CallBody | undefined;
  customer: CallCustomer | undefined;
  options: PartnerCallOptions;
  /** What is told of a body that is nested too deep, and of a member that should have been left to us. */
  refusals: { tooDeep: { message: string; details?: { member: string } }; foreignMember: string };
  /** Who asks, for whom. */
  record: Omit<AuditFacts, 'outcome'>;
}

/**
 * Makes one call to a partner API, whoever asks. Throws `INVALID_REQUEST` for a body that cannot be sent, and what
 * `PartnerApi.call` throws. Every call is recorded, with how it ended and without its contents.
 */
export function createCallPartnerApi({
  audit,
  reportFailure,
}: {
  audit: Audit;
  reportFailure: ReportFailure;
}) {
  return async (call: CallToPartnerApi): Promise<PartnerAnswer> => {
    const { api, method, path, body, customer, refusals } = call;
    if (!isShallow(body)) throw new BridgeError('INVALID_REQUEST', refusals.tooDeep);
    const completed = completeCall(call.places, { body, customer });
    if ('member' in completed) {
      const { member } = completed;
      throw new BridgeError('INVALID_REQUEST', { message: refusals.foreignMember, details: { member } });
    }
    const record = (outcome: 'success' | 'failed', reason: string | undefined, details: object) =>
      audit.event('partner_api.called', {
        ...call.record,
        outcome,
        reason,
        details: { connection: api.name, ...call.record.details, ...details },
      });
    try {
      const answer = await api.call({ method, path, ...completed }, call.options);
      const { status, attempts } = answer;
      record(status < 400 ? 'success' : 'failed', answer.code, { status, attempts });
      return answer;
    } catch (error) {
      if (!(error instanceof BridgeError)) throw error;
      const trouble = troubleOf(error.cause);
      record('failed', error.code, {
        ...(trouble && { [`${api.name}:reason`]: trouble.reason }),
        ...(trouble?.code !== undefined && { partner_code: trouble.code }),
      });
      error.recorded = true;
      // A partner's server that gives our credentials away is for the operator to look at, at once.
      if (trouble?.reason === 'credentials_echoed') {
        const { requestId } = call.record;
        reportFailure({ event: 'partner_api.failed', name: api.name, reason: trouble.reason, requestId });
      }
      throw error;
    }
  };
}

export type CallPartnerApi = ReturnType<typeof createCallPartnerApi>;
