import type { Audit } from '../audit/audit.ts';
import type { Backend } from '../backends/backend-types.ts';
import { rememberAnswers } from '../backends/profile-cache.ts';
import type { Config } from '../config/config.ts';
import { createGetProfile, type GetProfile } from '../customers/profile/get-profile.ts';
import { fieldsEndpoint } from '../http/admin/fields.ts';
import type { Endpoint } from '../http/endpoint.ts';
import type { CustomerIdentifier } from '../identifiers/identifier.ts';
import type { Partner, PartnerId } from '../partners/partner.ts';
import type { Clock } from '../platform/clock.ts';
import type { Metrics } from '../platform/metrics.ts';
import type { RecurringTask } from '../platform/watch.ts';
import type { Revocations } from '../revocation/revocations.ts';
import { createProfileFields } from './profile-fields.ts';
import { withTestCustomers } from './test-customers.ts';

const SWEEP_MS = 500;

export interface ProfilesDeps {
  config: Config;
  backends: readonly Backend[];
  partners: { all(): readonly Partner[] };
  revocations: Revocations;
  clock: Clock;
  metrics: Metrics;
  audit: Audit;
}

/** What decides which answers a partner may be given; when it changes, what is remembered goes. */
const rightsOf = ({ visibleFields, fieldMasks, disabledAtMs }: Partner): string =>
  JSON.stringify([visibleFields, fieldMasks, disabledAtMs]);

/** Profiles as partners are answered: backends, each with its memory where one is configured, and who sees what. */
export function openProfiles(deps: ProfilesDeps) {
  const { config, backends, partners } = deps;
  const remembering = config.backends.flatMap((options) => {
    const backend = backends.find(({ name }) => name === options.name);
    if (!backend || options.cache_seconds === 0) return [];
    const times = { freshMs: options.cache_seconds * 1_000, staleMs: options.stale_if_error_seconds * 1_000 };
    return [rememberAnswers(backend, times, deps)];
  });
  const asked = backends.map((backend) => remembering.find(({ name }) => name === backend.name) ?? backend);
  const getProfile: GetProfile = withTestCustomers(
    createGetProfile({ backends: asked, audit: deps.audit }),
    deps,
  );
  const view = createProfileFields(deps);

  /** After a sign-out on this process; the others hear of what ends all of a customer's sessions. */
  const forgetProfiles = (customerId: CustomerIdentifier): void => {
    for (const one of remembering) one.forget(customerId);
  };

  let rights = new Map<PartnerId, string>();
  const sweep: RecurringTask = {
    name: 'profile_caches',
    everyMs: SWEEP_MS,
    run: async () => {
      const now = new Map(partners.all().map((partner) => [partner.id, rightsOf(partner)]));
      for (const [id, before] of rights) {
        if (now.get(id) !== before) for (const one of remembering) one.forgetPartner(id);
      }
      rights = now;
      for (const one of remembering) one.sweep();
    },
  };
  const adminEndpoints: Endpoint[] = [fieldsEndpoint({ fields: view.fields })];
  return {
    access: { getProfile, forgetProfiles },
    adminEndpoints,
    findings: view.findings,
    every: remembering.length === 0 ? [] : [sweep],
  };
}
