import type { Audit } from '../audit/audit.ts';
import type { Backend, BackendAnswer, BackendEnvironment, SourceStatus } from '../backends/backend-types.ts';
import { BridgeError } from '../errors.ts';
import type { CustomerIdentifier, CustomerReference } from '../identifiers/identifier.ts';
import type { Partner } from '../partners/partner.ts';

export interface ProfileRequest {
  partner: Partner;
  /** Of the key that asks; a test key opens no live data. */
  environment: BackendEnvironment;
  customerId: CustomerIdentifier;
  reference: CustomerReference;
  /** Fields the caller asked for; `undefined` for all that it may see. */
  wanted: readonly string[] | undefined;
  /** Which fields the customer agreed to, when it was for the customer to say. */
  agreedTo?: ((field: string) => boolean) | undefined;
  requestId: string;
  traceparent: string;
  address: string;
  clientId: string | undefined;
  keyPrefix: string | undefined;
}

export interface Profile {
  customer_id: CustomerIdentifier;
  profile: Record<string, unknown>;
  sources: Record<string, SourceStatus>;
  /** Only about a made-up person. */
  test?: true;
}

/** What the partner may see of what it asked for, and no more than the customer agreed to. */
function visibleFields({ partner, wanted, agreedTo }: ProfileRequest): Set<string> {
  const asked = wanted && new Set(wanted);
  return new Set(
    partner.visibleFields.filter((field) => (asked?.has(field) ?? true) && (agreedTo?.(field) ?? true)),
  );
}

/** The error for an answer that no backend contributed to. */
function nothingLeft(statuses: readonly SourceStatus[]): BridgeError {
  if (statuses.every((status) => status === 'not_found')) return new BridgeError('PROFILE_NOT_FOUND');
  const failures = statuses.filter((status) => status !== 'not_found');
  if (failures.every((status) => status === 'timeout')) return new BridgeError('BACKEND_TIMEOUT');
  if (failures.every((status) => status === 'unavailable')) {
    return new BridgeError('BACKEND_UNAVAILABLE', { retryAfterSeconds: 5 });
  }
  return new BridgeError('BACKEND_ERROR');
}

/**
 * Answers about one customer from the backends, asked in parallel. Only fields that the partner may see are asked
 * for and given; a failing backend costs its own fields alone, marked in `sources`. When nothing is left it throws
 * `PROFILE_NOT_FOUND`, `BACKEND_TIMEOUT`, `BACKEND_UNAVAILABLE` or `BACKEND_ERROR`; `ENVIRONMENT_NOT_ALLOWED` when
 * no backend answers keys of this environment.
 */
export function createGetProfile({ backends, audit }: { backends: readonly Backend[]; audit: Audit }) {
  return async (request: ProfileRequest): Promise<Profile> => {
    const { partner, customerId, reference, requestId, traceparent } = request;
    const fields = visibleFields(request);
    const open = backends.filter(({ environments }) => environments.has(request.environment));
    if (open.length === 0 && backends.length > 0) throw new BridgeError('ENVIRONMENT_NOT_ALLOWED');
    const asked = open.filter((backend) => backend.fields.some((field) => fields.has(field)));
    const question = { customerId, reference, fields, requestId, traceparent };
    const answers: BackendAnswer[] =
      asked.length === 1 && asked[0]
        ? [await asked[0].ask(question)]
        : await Promise.all(asked.map((backend) => backend.ask(question)));

    const profile: Record<string, unknown> = {};
    const reasons: Record<string, string> = {};
    const sources: Record<string, SourceStatus> = {};
    let contributed = asked.length === 0;
    answers.forEach((answer, i) => {
      const { name } = asked[i] as Backend;
      sources[name] = answer.status;
      if (answer.reason !== undefined) reasons[`${name}:reason`] = answer.reason;
      if (answer.status !== 'ok') return;
      contributed = true;
      for (const field of fields) {
        // Of two backends that give a field, the one configured first wins.
        if (Object.hasOwn(answer.fields, field) && !Object.hasOwn(profile, field)) {
          Object.defineProperty(profile, field, {
            value: answer.fields[field],
            enumerable: true,
            configurable: true,
            writable: true,
          });
        }
      }
    });

    const error = contributed ? undefined : nothingLeft(answers.map(({ status }) => status));
    audit.event('profile.read', {
      outcome: error ? 'failed' : 'success',
      actor: 'partner',
      partner: partner.id,
      clientId: request.clientId,
      keyPrefix: request.keyPrefix,
      customerId,
      address: request.address,
      requestId,
      reason: error?.code,
      details: { fields: Object.keys(profile).length, ...sources, ...reasons },
    });
    if (error) throw error;
    return { customer_id: customerId, profile, sources };
  };
}

export type GetProfile = ReturnType<typeof createGetProfile>;
