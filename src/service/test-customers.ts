import type { Audit } from '../audit/audit.ts';
import { testCustomerEndsAtMs } from '../authenticators/test-customers/test-customers.ts';
import type { Config } from '../config/config.ts';
import type { CustomerStore } from '../customers/customer-registry.ts';
import type { createEndSessionsOf } from '../customers/sessions/end-sessions.ts';
import type { GetProfile } from '../customers/profile/get-profile.ts';
import { fenceProfiles, type TestProfiles } from '../customers/profile/test-profiles.ts';
import {
  type CustomerReference,
  isTestIdentifier,
  parseReference,
  type ReferenceSpace,
} from '../identifiers/identifier.ts';
import type { Keyring } from '../keyring/keyring.ts';
import type { Clock } from '../platform/clock.ts';
import type { RecurringTask } from '../platform/watch.ts';

const LOOK_MS = 1_000;

function testCustomersOf(config: Pick<Config, 'authenticators'>) {
  return config.authenticators.flatMap((options) =>
    options.type === 'test_customers'
      ? options.customers.map((customer) => ({
          space: options.reference_space as ReferenceSpace,
          reference: customer.reference as CustomerReference,
          profile: customer.profile,
          endsAtMs: testCustomerEndsAtMs(options, customer),
        }))
      : [],
  );
}

/** The profiles that the configuration fixes for test customers. */
export function testProfiles(config: Pick<Config, 'authenticators'>): TestProfiles {
  return new Map(
    testCustomersOf(config).flatMap(({ reference, profile }) => (profile ? [[reference, profile]] : [])),
  );
}

/** Answers about customers, with test customers kept away from what is known of real ones. */
export function withTestCustomers(
  getProfile: GetProfile,
  deps: { config: Pick<Config, 'authenticators'>; audit: Audit },
): GetProfile {
  return fenceProfiles({ getProfile, profiles: testProfiles(deps.config), audit: deps.audit });
}

export interface TestCustomerEndingsDeps {
  config: Pick<Config, 'authenticators'>;
  store: Pick<CustomerStore, 'between'>;
  keyring: Pick<Keyring, 'open'>;
  clock: Clock;
  endSessionsOf: ReturnType<typeof createEndSessionsOf>;
  /** Only a process that serves ends anything: one that was opened for a command has another configuration, maybe. */
  isServing(): boolean;
}

/** Ends what test customers were issued when their day is over, or when they are in the configuration no more. */
export function testCustomerEndings(deps: TestCustomerEndingsDeps): RecurringTask {
  const { store, keyring, clock, endSessionsOf } = deps;
  const configured = testCustomersOf(deps.config);
  const ended = new Set<(typeof configured)[number]>();
  let hasLooked = false;

  /** Whoever signed in under an earlier configuration. */
  const endRemoved = async () => {
    for (const { customerId, space, sealedReference } of await store.between('t', 'u')) {
      if (!isTestIdentifier(customerId)) continue;
      const bytes = keyring.open('reference', sealedReference, customerId);
      const reference = bytes && parseReference(bytes.toString('utf8'));
      const stands = configured.some((one) => one.space === space && one.reference === reference);
      if (reference !== undefined && !stands) await endSessionsOf(space, reference);
    }
  };

  return {
    name: 'test_customers',
    everyMs: LOOK_MS,
    run: async () => {
      if (!deps.isServing()) return;
      if (!hasLooked) await endRemoved();
      hasLooked = true;
      const nowMs = clock.nowMs();
      for (const one of configured) {
        if (one.endsAtMs === undefined || nowMs < one.endsAtMs || ended.has(one)) continue;
        await endSessionsOf(one.space, one.reference);
        ended.add(one);
      }
    },
  };
}
