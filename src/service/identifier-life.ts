import type { Channels } from '../channels/channel.ts';
import type { Config } from '../config/config.ts';
import {
  type ChangeCustomersDeps,
  createChangeCustomers,
} from '../customers/identifier-life/change-customers.ts';
import { createDisableCustomer } from '../customers/identifier-life/disable-customer.ts';
import { createEraseCustomer, type EraseCustomerDeps } from '../customers/identifier-life/erase-customer.ts';
import { createErasureCertificates } from '../customers/identifier-life/erasure-certificate.ts';
import { createImportIdentifiers } from '../customers/identifier-life/import-identifiers.ts';
import { createMergeCustomers } from '../customers/identifier-life/merge-customers.ts';
import { createPartnerNotices } from '../customers/identifier-life/partner-notices.ts';
import { createPersons } from '../customers/persons.ts';
import { createSplitCustomer } from '../customers/identifier-life/split-customer.ts';
import { createTraceCustomers } from '../customers/identifier-life/trace-customers.ts';
import { identifierFileEndpoints } from '../http/admin/identifier-files.ts';
import { identifierLifeEndpoints } from '../http/admin/identifier-life.ts';
import type { HttpClient } from '../outbound/outbound-types.ts';
import { createWebhookAttempt } from '../outbound/webhook-attempt.ts';
import type { Clock } from '../platform/clock.ts';
import type { Logger } from '../platform/logger.ts';
import type { RecurringTask } from '../platform/watch.ts';
import type { SqlStores } from '../stores/sql/sql-stores.ts';
import { LONGEST_SHOWN_SECONDS } from '../tokens/customer-token.ts';

const NOTICES_MS = 1_000;

/** What the life of identifiers needs. */
export type IdentifierLifeDeps = Omit<
  ChangeCustomersDeps,
  'registry' | 'persons' | 'receivers' | 'rememberSeconds'
> &
  Pick<EraseCustomerDeps, 'endedReferences'> & {
    config: Config;
    stores: Pick<SqlStores, 'registry' | 'customers' | 'notices'>;
    channels: Channels;
    httpClient: HttpClient;
    logger: Logger;
    /** Only a process that serves tells partners: one that was opened for a command may end before they answer. */
    isServing(): boolean;
  };

/** The address at which each partner is told. Throws `StartRefused` for one that we may not call. */
function openReceivers({
  config,
  httpClient,
  clock,
}: Pick<IdentifierLifeDeps, 'config' | 'httpClient'> & { clock: Clock }) {
  return new Map(
    config.identifiers.receivers.map(({ partner, url, secret }, i) => {
      const { origin, pathname, search } = new URL(url);
      const setting = `identifiers.receivers[${i}].url`;
      const destination = httpClient.destination(origin, { setting, maxConnections: 2 });
      const attempt = createWebhookAttempt({
        path: pathname + search,
        request: (request) => httpClient.request(destination, request),
        secret,
        clock,
      });
      return [partner, attempt] as const;
    }),
  );
}

/** Import, merge, split, erase, disable and report: the life of an identifier, wired to its stores. */
export function createIdentifierLife(deps: IdentifierLifeDeps) {
  const { config, stores, channels } = deps;
  const { registry } = stores;
  const persons = createPersons({ ...deps, registry });
  const receivers = openReceivers(deps);
  const change = createChangeCustomers({
    ...deps,
    registry,
    persons,
    receivers: new Set(receivers.keys()),
    rememberSeconds: config.sessions.absolute_seconds + LONGEST_SHOWN_SECONDS,
  });
  const certificates = createErasureCertificates(deps);
  const partnerNotices = createPartnerNotices({ ...deps, store: stores.notices, receivers });
  const every: RecurringTask[] = [
    {
      name: 'partner_notices',
      everyMs: NOTICES_MS,
      run: async () => {
        if (deps.isServing()) await partnerNotices.run();
      },
    },
  ];
  return {
    every,
    endpoints: [
      ...identifierFileEndpoints({
        importIdentifiers: createImportIdentifiers({
          ...deps,
          change,
          persons,
          registry,
          groups: new Set(channels.all().map(({ group }) => group)),
          spaces: new Set(config.authenticators.map((one) => one.reference_space)),
        }),
        traceCustomers: createTraceCustomers({ ...deps, registry, persons, store: stores.customers }),
      }),
      ...identifierLifeEndpoints({
        mergeCustomers: createMergeCustomers(change),
        splitCustomer: createSplitCustomer(change),
        eraseCustomer: createEraseCustomer({ ...deps, change, certificates, issuer: config.public_url }),
        disableCustomer: createDisableCustomer({ ...deps, change }),
        certificates,
        partnerNotices,
        partnersWithoutReceiver: () =>
          deps.partners
            .all()
            .filter(({ id, channelGroups }) => channelGroups.length > 0 && !receivers.has(id))
            .map(({ id }) => id),
      }),
    ],
  };
}
