import { deviceLifetimes, type DevicePayload } from '../customers/sessions/device.ts';
import { createDevices, type DevicesDeps } from '../customers/sessions/devices.ts';
import { createEndEverywhere, type EndSessionsOfDeps } from '../customers/sessions/end-sessions.ts';
import type { Keyring } from '../keyring/keyring.ts';
import type { Clock } from '../platform/clock.ts';
import type { Revocations } from '../revocation/revocations.ts';
import type { Standings } from '../revocation/standings.ts';
import type { SqlStores } from '../stores/sql/sql-stores.ts';
import { LONGEST_SHOWN_SECONDS } from '../tokens/customer-token.ts';
import { withOtherNames } from '../tokens/families-of-merged.ts';
import { createRefreshFamilies } from '../tokens/refresh-families.ts';

/** Customers' devices over the refresh families of their channels, wired to their stores. */
export function openCustomerDevices(
  deps: Omit<DevicesDeps, 'families' | 'store' | 'endEverywhere'> & {
    identities: EndSessionsOfDeps['identities'];
    endedReferences: EndSessionsOfDeps['endedReferences'];
    stores: Pick<SqlStores, 'customers' | 'refreshFamilies'>;
    keyring: Keyring;
    clock: Clock;
    revocations: Revocations;
    standings: Pick<Standings, 'aliasesOf'>;
  },
) {
  const families = createRefreshFamilies<DevicePayload>({
    ...deps,
    store: deps.stores.refreshFamilies,
    lifetimes: deviceLifetimes(deps.channels),
    revokedAs: 'session',
    maxTokenLifetimeSeconds: LONGEST_SHOWN_SECONDS,
  });
  const all = withOtherNames(families, deps.standings);
  const endEverywhere = createEndEverywhere({ ...deps, families: all });
  return createDevices({ ...deps, families: all, endEverywhere, store: deps.stores.customers });
}
