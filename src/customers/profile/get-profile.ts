import type { Audit } from '../../audit/audit.ts';
import type {
  Backend,
  BackendAnswer,
  BackendEnvironment,
  SourceStatus,
} from '../../backends/backend-types.ts';
import { BridgeError } from '../../errors.ts';
import type { CustomerIdentifier, CustomerReference } from '../../identifiers/identifier.ts';
import { maskedValue } from '../../partners/field-mask.ts';
import type { FieldMasks, Partner } from '../../partners/partner.ts';

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
  /** Hears of an answer that is not all fresh. */
  onRemembered?: ((remembered: RememberedParts) => void) | undefined;
}

/** What of an answer was remembered. */
export interface RememberedParts {
  /** Age of the oldest part. */
  ageMs: number;
  /** Backends that failed, and whose part is an older answer of theirs. */
  stale: string[];
}

export interface Profile {
  customer_id: CustomerIdentifier;
  profile: Record<string, unknown>;
  sources: Record<string, SourceStatus>;
  /** Only about a made-up person. */
  test?: true;
}

/** Which fields an answer may have, and who is asked for them. */
interface Plan {
  fields: ReadonlySet<string>;
  asked: readonly Backend[];
}

/** What the partner may see of what it asked for, and no more than the customer agreed to. */
function visibleFields({ partner, wanted, agreedTo }: ProfileRequest): Set<string> {
  const asked = wanted && new Set(wanted);
  return new Set(
    partner.visibleFields.filter((field) => (asked?.has(field) ?? true) && (agreedTo?.(field) ?? true)),
  );
}

/** Makes the plan of a request. That of all that a partner may see is made once for each state of the partner. */
function createPlanner(backends: readonly Backend[]) {
  const openTo = (environment: BackendEnvironment) =>
    backends.filter(({ environments }) => environments.has(environment));
  const open: Readonly<Record<BackendEnvironment, readonly Backend[]>> = {
    live: openTo('live'),
    test: openTo('test'),
  };
  const known = { live: new WeakMap<Partner, Plan>(), test: new WeakMap<Partner, Plan>() };
  const make = (request: ProfileRequest): Plan => {
    const fields = visibleFields(request);
    const wantsOf = (backend: Backend) => backend.fields.some((field) => fields.has(field));
    return { fields, asked: open[request.environment].filter(wantsOf) };
  };
  return (request: ProfileRequest): Plan => {
    const { partner, environment, wanted, agreedTo } = request;
    if (open[environment].length === 0 && backends.length > 0) {
      throw new BridgeError('ENVIRONMENT_NOT_ALLOWED');
    }
    if (wanted || agreedTo) return make(request);
    let plan = known[environment].get(partner);
    if (!plan) known[environment].set(partner, (plan = make(request)));
    return plan;
  };
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

/** Which parts were remembered; `undefined` when every backend has just answered. */
function rememberedParts(
  asked: readonly Backend[],
  answers: readonly BackendAnswer[],
): RememberedParts | undefined {
  let parts: RememberedParts | undefined;
  answers.forEach(({ ageMs, stale }, i) => {
    if (ageMs === undefined) return;
    parts ??= { ageMs, stale: [] };
    parts.ageMs = Math.max(parts.ageMs, ageMs);
    if (stale) parts.stale.push((asked[i] as Backend).name);
  });
  return parts;
}

/** Puts the fields of one answer into a profile that lacks them; those that the partner sees masked, masked. */
function take(profile: Record<string, unknown>, gives: BackendAnswer['fields'], seen: SeenFields): void {
  for (const field of seen.fields) {
    // Of two backends that give a field, the one configured first wins.
    if (!Object.hasOwn(gives, field) || Object.hasOwn(profile, field)) continue;
    const mask = Object.hasOwn(seen.masks, field) ? seen.masks[field] : undefined;
    const value = mask === undefined ? gives[field] : maskedValue(mask, gives[field]);
    // What a mask does not fit is not shown.
    if (value === undefined) continue;
    // A plain assignment is many times faster, and right for every name but this.
    if (field !== '__proto__') profile[field] = value;
    else
      Object.defineProperty(profile, field, { value, enumerable: true, configurable: true, writable: true });
  }
}

/** What the audit log tells of an answer: how much it held, and what became of each backend. */
function accountOf(answer: {
  profile: object;
  asked: readonly Backend[];
  answers: readonly BackendAnswer[];
  remembered: RememberedParts | undefined;
}): Record<string, string | number> {
  const { profile, asked, answers, remembered } = answer;
  const account: Record<string, string | number> = { fields: Object.keys(profile).length };
  answers.forEach(({ status, reason }, i) => {
    const { name } = asked[i] as Backend;
    account[name] = status;
    if (reason !== undefined) account[`${name}:reason`] = reason;
  });
  if (!remembered) return account;
  account.remembered = Math.floor(remembered.ageMs / 1_000);
  account.stale = remembered.stale.length;
  return account;
}

interface SeenFields {
  fields: ReadonlySet<string>;
  masks: FieldMasks;
}

/**
 * Answers about one customer from the backends, asked in parallel. Only fields that the partner may see are asked
 * for and given; a failing backend costs its own fields alone, marked in `sources`. When nothing is left it throws
 * `PROFILE_NOT_FOUND`, `BACKEND_TIMEOUT`, `BACKEND_UNAVAILABLE` or `BACKEND_ERROR`; `ENVIRONMENT_NOT_ALLOWED` when
 * no backend answers keys of this environment.
 */
export function createGetProfile({ backends, audit }: { backends: readonly Backend[]; audit: Audit }) {
  const planFor = createPlanner(backends);
  return async (request: ProfileRequest): Promise<Profile> => {
    const { partner, customerId, reference, requestId, traceparent } = request;
    const { fields, asked } = planFor(request);
    const question = { customerId, reference, fields, partner: partner.id, requestId, traceparent };
    const [only] = asked;
    const answers: BackendAnswer[] =
      only && asked.length === 1
        ? [await only.ask(question)]
        : await Promise.all(asked.map((backend) => backend.ask(question)));

    const profile: Record<string, unknown> = {};
    const sources: Record<string, SourceStatus> = {};
    let contributed = asked.length === 0;
    answers.forEach((answer, i) => {
      const { name } = asked[i] as Backend;
      sources[name] = answer.status;
      if (answer.status !== 'ok') return;
      contributed = true;
      take(profile, answer.fields, { fields, masks: partner.fieldMasks });
    });
    const remembered = rememberedParts(asked, answers);

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
      details: accountOf({ profile, asked, answers, remembered }),
    });
    if (error) throw error;
    if (remembered) request.onRemembered?.(remembered);
    return { customer_id: customerId, profile, sources };
  };
}

export type GetProfile = ReturnType<typeof createGetProfile>;
