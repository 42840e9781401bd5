import type { AdminActor } from '../../partners/partners.ts';
import type { Clock } from '../../platform/clock.ts';
import { randomToken } from '../../platform/random.ts';
import type { EndedReferences } from '../../sessions/ended-references.ts';
import type { ChangeCustomers, PlannedChange } from './change-customers.ts';
import type { ErasureCertificate, ErasureCertificates } from './erasure-certificate.ts';
import { planErasure } from '../life-rules.ts';

export interface EraseCustomerDeps {
  change: ChangeCustomers;
  certificates: ErasureCertificates;
  endedReferences: Pick<EndedReferences, 'end'>;
  clock: Clock;
  issuer: string;
}

/**
 * Forgets a person in every channel group (GDPR Art. 17): references, sessions, tokens, refresh families and consents
 * go, identifiers stay as used up, and partners are told (Art. 19). What is left of a reference is a keyed hash that
 * no identifier is tied to. Throws `NOT_FOUND`. Returns the proof for whoever asked for the erasure.
 */
export function createEraseCustomer(deps: EraseCustomerDeps) {
  const { change, certificates, clock } = deps;
  return async (customerId: string, reason: string, by: AdminActor): Promise<ErasureCertificate> => {
    const certificateId = `er_${randomToken(18)}`;
    const plan = async () => {
      const person = await change.personOf(customerId);
      // First of all, so that a sign-in that is under way comes to nothing.
      for (const { space, reference } of person.names) await deps.endedReferences.end(space, reference);
      const erasure = planErasure(person, change.tools());
      const notices = change.noticesFor(
        'customer.erased',
        person.identifiers.map((record) => ({ group: record.group, fact: record.customerId })),
        (customerIds) => ({ customer_ids: customerIds }),
      );
      return {
        event: 'customer.erased',
        change: erasure,
        absent: person.absent,
        purged: person.identifiers.map((record) => record.customerId),
        notices,
        details: { certificate: certificateId },
        person,
      } as const satisfies PlannedChange & Record<string, unknown>;
    };
    const { person } = await change.commit(plan, { reason, by });
    const groups = person.identifiers.map((record) => record.group);
    return certificates.seal({
      type: 'symbolon.erasure',
      version: 1,
      certificate_id: certificateId,
      issuer: deps.issuer,
      erased_at: new Date(clock.nowMs()).toISOString(),
      identifiers: person.identifiers.map((record) => ({
        customer_id: record.customerId,
        channel_group: record.group,
      })),
      references: person.references.length,
      partners: change.partnersOf(groups).map((partner) => ({
        partner,
        told: change.isTold(partner) ? 'by webhook' : 'no receiver configured',
      })),
    });
  };
}

export type EraseCustomer = ReturnType<typeof createEraseCustomer>;
