import type { Standings } from '../revocation/standings.ts';
import type { RefreshFamilies } from './refresh-families.ts';

/** Families that were begun under another name of a customer, before a merge, are listed and ended with the rest. */
export function withOtherNames<Payload extends object>(
  families: RefreshFamilies<Payload>,
  standings: Pick<Standings, 'aliasesOf'>,
): RefreshFamilies<Payload> {
  const namesOf = (customerId: string) => [customerId, ...standings.aliasesOf(customerId)];
  return {
    ...families,
    list: async (customerId) =>
      (await Promise.all(namesOf(customerId).map((name) => families.list(name)))).flat(),
    endAllOf: async (customerId, holder) => {
      for (const name of namesOf(customerId)) await families.endAllOf(name, holder);
    },
  };
}
