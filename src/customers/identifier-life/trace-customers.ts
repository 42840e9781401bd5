import type { Audit } from '../../audit/audit.ts';
import {
  type CustomerIdentifier,
  type CustomerReference,
  parseIdentifier,
} from '../../identifiers/identifier.ts';
import type { AdminActor } from '../../partners/partners.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Logger } from '../../platform/logger.ts';
import type { CustomerStore, RegistryStore } from '../customer-registry.ts';
import { createLookupAllowance } from '../lookup-allowance.ts';
import type { Persons } from '../persons.ts';

/** A month's report of a large company, and some of the next. */
const LOOKUPS_PER_HOUR = 100_000;

/** What is behind an identifier of a vendor's report. */
export interface TracedLine {
  customerId: string;
  state: 'living' | 'merged' | 'erased' | 'unknown';
  /** The identifier that the customer goes by today. */
  presentId: CustomerIdentifier | undefined;
  reference: CustomerReference | undefined;
  space: string | undefined;
}

/**
 * Who is behind many identifiers at once. An audit record for each that was found, with the operator's reason, is
 * written before anything is answered; those that nobody has are counted in one. Throws `RATE_LIMITED` beyond 100,000
 * identifiers in an hour.
 */
export function createTraceCustomers(deps: {
  registry: RegistryStore;
  store: Pick<CustomerStore, 'recordLookup'>;
  persons: Pick<Persons, 'open'>;
  audit: Audit;
  clock: Pick<Clock, 'monotonicMs'>;
  logger?: Logger | undefined;
}) {
  const { registry, store, persons, audit } = deps;
  const allowance = createLookupAllowance({ ...deps, perHour: LOOKUPS_PER_HOUR });
  return async (texts: readonly string[], reason: string, by: AdminActor): Promise<TracedLine[]> => {
    const asked = [...new Set(texts)];
    allowance.take(asked.length, by);
    const customerIds = asked.flatMap((text) => parseIdentifier(text) ?? []);
    const { identifiers, references } = await registry.load({ customerIds });
    const lines = asked.map((customerId): TracedLine => {
      const named = identifiers.find((record) => record.customerId === customerId);
      const presentId = named?.state === 'erased' ? undefined : (named?.mergedInto ?? named?.customerId);
      const leading = references.find((record) => record.customerId === presentId && record.isPrimary);
      return {
        customerId,
        state: named?.state ?? 'unknown',
        presentId,
        reference: leading && persons.open(leading),
        space: leading?.space,
      };
    });
    const found = lines.filter(({ state }) => state !== 'unknown');
    const facts = { ...by, reason } as const;
    const records = found.map(({ customerId, state }) =>
      audit.record('customer.traced', {
        ...facts,
        outcome: state === 'erased' ? 'refused' : 'success',
        customerId,
        details: { report: true },
      }),
    );
    if (found.length < asked.length) {
      const unknown = asked.length - found.length;
      records.push(
        audit.record('customer.traced', { ...facts, outcome: 'refused', details: { report: true, unknown } }),
      );
    }
    if (records.length > 0) await store.recordLookup(records);
    return lines;
  };
}

export type TraceCustomers = ReturnType<typeof createTraceCustomers>;
