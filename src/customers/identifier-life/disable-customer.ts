import { BridgeError } from '../../errors.ts';
import type { CustomerIdentifier } from '../../identifiers/identifier.ts';
import type { AdminActor } from '../../partners/partners.ts';
import type { Clock } from '../../platform/clock.ts';
import type { ChangeCustomers, PlannedChange } from './change-customers.ts';
import { planStanding } from '../life-rules.ts';

/**
 * Shuts a customer out in every channel group, or lets them in again. A disabled customer's sign-in is answered like
 * one with a wrong password (ASVS 6.3.8), and everything issued before ends at once; enabling brings none of it back.
 * Throws `NOT_FOUND`, or `CONFLICT` when that is how it is already.
 */
export function createDisableCustomer(deps: { change: ChangeCustomers; clock: Clock }) {
  const { change, clock } = deps;
  return async (
    customerId: string,
    asked: { disabled: boolean; reason: string },
    by: AdminActor,
  ): Promise<CustomerIdentifier[]> => {
    const plan = async () => {
      const person = await change.personOf(customerId);
      const standing = planStanding(person, asked.disabled ? clock.nowMs() : undefined);
      if (standing.changed.length === 0) {
        const is = asked.disabled ? 'disabled' : 'enabled';
        throw new BridgeError('CONFLICT', { message: `This customer is ${is} already.` });
      }
      return {
        event: asked.disabled ? 'customer.disabled' : 'customer.enabled',
        change: standing,
        absent: person.absent,
        ended: asked.disabled ? person.identifiers.map((record) => record.customerId) : [],
      } as const satisfies PlannedChange;
    };
    const done = await change.commit(plan, { reason: asked.reason, by });
    return done.change.events.map((event) => event.customerId);
  };
}

export type DisableCustomer = ReturnType<typeof createDisableCustomer>;
