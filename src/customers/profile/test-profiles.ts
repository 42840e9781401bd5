import type { Audit } from '../../audit/audit.ts';
import { type CustomerReference, isTestIdentifier } from '../../identifiers/identifier.ts';
import { maskedValue } from '../../partners/field-mask.ts';
import type {
  AttributeQuestion,
  CollectAttributes,
  CollectedFields,
} from '../channel-proofs/collect-attributes.ts';
import type { GetProfile, Profile, ProfileRequest } from './get-profile.ts';

/** What is known of made-up people without asking anybody: profile fields by reference. */
export type TestProfiles = ReadonlyMap<CustomerReference, Readonly<Record<string, unknown>>>;

/** A field of every test customer and of nobody else, for vendors whose proof has room for a mark. */
export const TEST_MARK_FIELD = 'test_customer';

function fixedAnswer(request: ProfileRequest, fields: Readonly<Record<string, unknown>>): Profile {
  const { partner, customerId, wanted, agreedTo } = request;
  const shown = partner.visibleFields.filter(
    (field) =>
      Object.hasOwn(fields, field) && (wanted?.includes(field) ?? true) && (agreedTo?.(field) ?? true),
  );
  const { fieldMasks } = partner;
  const profile = Object.fromEntries(
    shown.flatMap((field) => {
      const mask = Object.hasOwn(fieldMasks, field) ? fieldMasks[field] : undefined;
      const value = mask === undefined ? fields[field] : maskedValue(mask, fields[field]);
      return value === undefined ? [] : [[field, value]];
    }),
  );
  return { customer_id: customerId, profile, sources: {}, test: true };
}

/**
 * Keeps made-up people away from real data: about them only their fixed profile is told, or what a backend with test
 * data answers, whatever key the partner shows; and every answer says that it is about a test customer.
 */
export function fenceProfiles(deps: {
  getProfile: GetProfile;
  profiles: TestProfiles;
  audit: Pick<Audit, 'event'>;
}): GetProfile {
  const { getProfile, profiles, audit } = deps;

  const ofTestCustomer = async (request: ProfileRequest): Promise<Profile> => {
    const fields = profiles.get(request.reference);
    if (!fields) return { ...(await getProfile({ ...request, environment: 'test' })), test: true };
    const answer = fixedAnswer(request, fields);
    audit.event('profile.read', {
      outcome: 'success',
      actor: 'partner',
      partner: request.partner.id,
      clientId: request.clientId,
      keyPrefix: request.keyPrefix,
      customerId: request.customerId,
      address: request.address,
      requestId: request.requestId,
      details: { fields: Object.keys(answer.profile).length },
    });
    return answer;
  };

  return (request) => (isTestIdentifier(request.customerId) ? ofTestCustomer(request) : getProfile(request));
}

/** The same for the attributes of vendors' proofs: `live` and `test` ask backends with data of that kind. */
export function fenceAttributes(deps: {
  live: CollectAttributes;
  test: CollectAttributes;
  profiles: TestProfiles;
}): CollectAttributes {
  const ofTestCustomer = async (question: AttributeQuestion): Promise<CollectedFields> => {
    const fixed = deps.profiles.get(question.reference);
    const collected = fixed
      ? { values: new Map(Object.entries(fixed)), unknown: new Set<string>() }
      : await deps.test(question);
    const values = new Map([...collected.values, [TEST_MARK_FIELD, true]]);
    return { values, unknown: collected.unknown };
  };
  return (question) =>
    isTestIdentifier(question.customerId) ? ofTestCustomer(question) : deps.live(question);
}
