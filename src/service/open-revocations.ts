import type { Keyring } from '../keyring/keyring.ts';
import type { Clock } from '../platform/clock.ts';
import { createRevocations } from '../revocation/revocations.ts';
import { createStandings, withStandings } from '../revocation/standings.ts';
import { createFindSurvivor } from '../sessions/present-customer.ts';
import type { SqlStores } from '../stores/sql/sql-stores.ts';

/** Everything that was taken back, and what became of identifiers, read before the first request comes. */
export async function openRevocations(deps: {
  stores: Pick<SqlStores, 'revocations' | 'standings'>;
  keyring: Keyring;
  clock: Clock;
}) {
  const { stores, keyring, clock } = deps;
  const standings = createStandings({ store: stores.standings });
  const revocations = withStandings(createRevocations({ store: stores.revocations, clock }), standings);
  await revocations.refresh();
  return { revocations, standings, survivorOf: createFindSurvivor({ standings, keyring }) };
}
