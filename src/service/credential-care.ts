import { createCredentialAlerts, type CredentialAlert } from '../api-keys/credential-alerts.ts';
import { type CredentialSources, reportCredentials } from '../api-keys/credential-report.ts';
import type { ApiKeys } from '../api-keys/api-keys.ts';
import type { KeyUsage } from '../api-keys/key-usage.ts';
import { createKeyRotation } from '../api-keys/rotation.ts';
import type { Audit } from '../audit/audit.ts';
import type { Clients } from '../clients/clients.ts';
import { createClientRotation } from '../clients/rotation.ts';
import type { Config } from '../config/config.ts';
import type { Connection } from '../connections/connection.ts';
import { StartRefused } from '../errors.ts';
import { rotationEndpoints, showCredentialLine } from '../http/admin/rotation.ts';
import type { Keyring } from '../keyring/keyring.ts';
import type { HttpClient } from '../outbound/outbound-types.ts';
import { createWebhook, type Webhook } from '../outbound/webhook.ts';
import type { Clock } from '../platform/clock.ts';
import type { Logger } from '../platform/logger.ts';
import type { Metrics } from '../platform/metrics.ts';
import type { RecurringTask } from '../platform/watch.ts';
import type { ReplayStore } from '../replay/replay.ts';
import type { Revocations } from '../revocation/revocations.ts';
import type { SqlStores } from '../stores/sql/sql-stores.ts';
import { MAX_ACCESS_TOKEN_SECONDS } from '../tokens/access-token.ts';
import type { SigningRings } from '../tokens/signing-rings.ts';
import type { Closer } from './open-stores.ts';

const USAGE_MS = 1_000;
const ALERTS_MS = 600_000;

export interface CredentialCareDeps {
  config: Config;
  stores: Pick<SqlStores, 'apiKeys' | 'clients'>;
  apiKeys: ApiKeys;
  clients: Clients;
  /** Notes uses of client secrets. */
  clientUsage: KeyUsage;
  rings: Pick<SigningRings, 'list'>;
  replays: ReplayStore;
  revocations: Revocations;
  keyring: Keyring;
  clock: Clock;
  audit: Audit;
  logger: Logger;
  metrics: Metrics;
  httpClient: HttpClient;
  connections: ReadonlyMap<string, Connection>;
  /** Only a process that serves sends alerts: one that was opened for a command may end before they arrive. */
  isServing(): boolean;
}

/** The receiver of alerts, if one is configured. Throws `StartRefused` for an address that we may not call. */
function configuredWebhook(deps: CredentialCareDeps): Webhook | undefined {
  const { config, clock, logger, httpClient, connections } = deps;
  const { webhook } = config.alerts;
  if (!webhook) return undefined;
  const { origin, pathname, search } = new URL(webhook.url);
  const common = { secret: webhook.secret, clock, logger };
  if (webhook.connection === undefined) {
    const destination = httpClient.destination(origin, { setting: 'alerts.webhook.url', maxConnections: 2 });
    return createWebhook({
      ...common,
      path: pathname + search,
      request: (request) => httpClient.request(destination, request),
    });
  }
  const connection = connections.get(webhook.connection);
  const base = config.connections[webhook.connection]?.base_url.replace(/\/+$/, '');
  if (!connection || base === undefined || !webhook.url.startsWith(`${base}/`)) {
    throw new StartRefused('alerts.webhook.url must lie below the base_url of alerts.webhook.connection.');
  }
  return createWebhook({
    ...common,
    path: webhook.url.slice(base.length),
    request: (request) => connection.request(request),
  });
}

const showAlert = (alert: CredentialAlert) => ({
  total: alert.total,
  credentials: alert.lines.map(showCredentialLine),
});

/** Rotation of secrets, the report on credentials and its alerts, wired to their stores. */
export function createCredentialCare(deps: CredentialCareDeps, opened: Closer[]) {
  const { stores, apiKeys, clients, clientUsage, rings, clock } = deps;
  const keyRotation = createKeyRotation({ ...deps, store: stores.apiKeys });
  const clientRotation = createClientRotation({
    ...deps,
    store: stores.clients,
    maxTokenLifetimeSeconds: MAX_ACCESS_TOKEN_SECONDS,
  });
  const sources = async (): Promise<CredentialSources> => ({
    apiKeys: await apiKeys.list(),
    clients: await clients.list(),
    signingKeys: rings.list(),
  });
  const webhook = configuredWebhook(deps);
  const alerts = createCredentialAlerts({
    ...deps,
    sources,
    deliver: webhook && ((alert) => webhook.send(alert.type, showAlert(alert))),
  });
  opened.push(async () => {
    await clientUsage.flush().catch(() => {});
    await webhook?.close();
  });

  const settleUses = async () => {
    await clientUsage.flush();
    await keyRotation.startGraces();
    await clientRotation.startGraces();
  };
  let nextAlertsAtMs = 0;
  const every: RecurringTask[] = [
    { name: 'secret_rotations', everyMs: USAGE_MS, run: settleUses },
    {
      name: 'credential_alerts',
      everyMs: USAGE_MS,
      run: async () => {
        if (!deps.isServing() || clock.monotonicMs() < nextAlertsAtMs) return;
        await alerts.run(clock.nowMs());
        nextAlertsAtMs = clock.monotonicMs() + ALERTS_MS;
      },
    },
  ];
  return {
    endpoints: rotationEndpoints({
      keyRotation,
      clientRotation,
      clock,
      report: async () => {
        await Promise.all([apiKeys.flush(), clientUsage.flush()]);
        return reportCredentials(await sources(), clock.nowMs());
      },
    }),
    every,
  };
}
