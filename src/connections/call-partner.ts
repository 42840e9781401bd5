import { BridgeError } from '../errors.ts';
import type { PartnerApi, PartnerCall, PartnerCallOptions } from './partner-api.ts';

/** A partner refused the call itself: the caller may change it and try again. */
export class PartnerRefusal extends Error {
  readonly status: number;
  /** The partner's own code. */
  readonly code: string | undefined;

  constructor(status: number, code: string | undefined) {
    super(`the partner API refused the call (${code ?? status})`);
    this.name = 'PartnerRefusal';
    this.status = status;
    this.code = code;
  }
}

/** What says whether an answer has the expected shape: a schema of zod, in any version, or anything that is read alike. */
export interface AnswerSchema<Value> {
  safeParse(value: unknown): { success: true; data: Value } | { success: false };
}

/**
 * A typed call for code: what the partner answers is checked against `schema` (`z.undefined()` for an answer without
 * a body). Throws `PartnerRefusal` for a 4xx that concerns the call, `PARTNER_API_ERROR` for an answer of another
 * shape, and what `PartnerApi.call` throws.
 */
export async function callPartner<Value>(
  api: Pick<PartnerApi, 'call'>,
  request: PartnerCall & PartnerCallOptions,
  schema: AnswerSchema<Value>,
): Promise<Value> {
  const { lane, deadlineMs, ...call } = request;
  const answer = await api.call(call, { lane, ...(deadlineMs === undefined ? {} : { deadlineMs }) });
  if (answer.status >= 400) throw new PartnerRefusal(answer.status, answer.code);
  const value: unknown = answer.body === undefined ? undefined : JSON.parse(answer.body.toString('utf8'));
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw new BridgeError('PARTNER_API_ERROR');
  return parsed.data;
}
