import type { Audit } from '../audit/audit.ts';
import type { Config } from '../config/config.ts';
import { createConnectGrant } from '../connections/connect-grant.ts';
import { type Connection, createConnection } from '../connections/connection.ts';
import { registerConnectionMetrics } from '../connections/connection-metrics.ts';
import { connectionWarnings } from '../connections/preset-warnings.ts';
import { connectionEndpoints } from '../http/admin/connections.ts';
import type { Finding } from '../http/admin/status.ts';
import type { Keyring } from '../keyring/keyring.ts';
import { grantAdvice } from '../outbound/grant-keeper.ts';
import { createHttpClient, type HttpClientDeps } from '../outbound/http-client.ts';
import type { OutboundVault } from '../outbound/token-share.ts';
import type { Clock } from '../platform/clock.ts';
import type { Logger } from '../platform/logger.ts';
import type { Metrics } from '../platform/metrics.ts';
import type { Tracing } from '../platform/tracing.ts';
import type { ReplayStore } from '../replay/replay.ts';
import { createRedisTokenShare } from '../stores/redis-token-share.ts';
import type { RedisConnection } from '../stores/redis.ts';
import type { SqlStores } from '../stores/sql/sql-stores.ts';
import type { Closer } from './open-stores.ts';

export interface OutboundCallsDeps {
  config: Pick<Config, 'connections' | 'public_url'>;
  clock: Clock;
  logger: Logger;
  metrics: Metrics;
  tracing: Tracing | undefined;
  audit: Audit;
  keyring: Keyring;
  /** Where several processes share their tokens. */
  redis: RedisConnection | undefined;
  stores: Pick<SqlStores, 'outboundGrants'>;
  replays: Pick<ReplayStore, 'consume'>;
  /** Default: the system's own. */
  resolveHost: HttpClientDeps['resolveHost'];
}

const DAY_MS = 86_400_000;
const CERTIFICATE_WARNING_DAYS = 30;

/** What somebody has to do about a connection before it stops working, or because it has. */
async function careOf(connection: Connection, nowMs: number): Promise<Finding[]> {
  const subject = `connection ${connection.name}`;
  const findings: Finding[] = [];
  const endsAtMs = connection.status().certificateEndsAtMs;
  if (endsAtMs !== undefined && endsAtMs - nowMs < CERTIFICATE_WARNING_DAYS * DAY_MS) {
    const ended = endsAtMs <= nowMs;
    const message = `Our client certificate ${ended ? 'ended' : 'ends'} at ${new Date(endsAtMs).toISOString()}. Replace it, and restart.`;
    findings.push({ subject, ok: !ended, ...(ended ? {} : { warning: true }), message });
  }
  const state = await connection.connector?.state().catch(() => undefined);
  if (state === 'missing' || state === 'dead') {
    findings.push({
      subject,
      ok: false,
      message: `It does not work: ${grantAdvice(connection.name, state)}.`,
    });
  }
  return findings;
}

/** The one way out and the connections of the configuration. */
export function openOutboundCalls(deps: OutboundCallsDeps, opened: Closer[]) {
  const { config, clock, logger, metrics, keyring, audit, replays, redis } = deps;
  const httpClient = createHttpClient({
    clock,
    logger,
    tracing: deps.tracing,
    ...(deps.resolveHost ? { resolveHost: deps.resolveHost } : {}),
  });
  opened.push(() => httpClient.close());
  const vault: OutboundVault = {
    seal: (text, context) => keyring.seal('outbound', Buffer.from(text, 'utf8'), context),
    open: (sealed, context) => keyring.open('outbound', sealed, context)?.toString('utf8'),
  };
  const tokenShare = redis && createRedisTokenShare(redis);
  const grants = deps.stores.outboundGrants;
  const connectionDeps = { httpClient, clock, metrics, logger, vault, tokenShare, grants };
  const connections = new Map(
    Object.entries(config.connections).map(([name, options]) => [
      name,
      createConnection(name, options, connectionDeps),
    ]),
  );
  registerConnectionMetrics({ metrics, destinations: httpClient.destinations, connections });
  const publicUrl = config.public_url;
  const connectGrant = createConnectGrant({ connections, vault, replays, clock, audit, publicUrl });
  return {
    httpClient,
    connections,
    connectGrant,
    adminEndpoints: connectionEndpoints({
      connections,
      connectGrant,
      warningsOf: (name) => {
        const setting = config.connections[name];
        return setting ? connectionWarnings(setting, clock.nowMs()) : [];
      },
    }),
    /** Grants that are missing and certificates near their end. */
    examineConnections: async (): Promise<Finding[]> => {
      const found = await Promise.all([...connections.values()].map((one) => careOf(one, clock.nowMs())));
      return found.flat();
    },
  };
}
