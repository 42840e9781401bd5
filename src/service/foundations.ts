import { createAuditLink } from '../audit/audit-chain.ts';
import type { LinkAuditRecord } from '../audit/audit-record.ts';
import type { Config } from '../config/config.ts';
import { loadSecrets, type Secrets } from '../config/secrets.ts';
import { openKeyring } from '../keyring/keyring.ts';
import type { HttpClientDeps } from '../outbound/http-client.ts';
import { type Clock, systemClock } from '../platform/clock.ts';
import { createLogger, gatheringSink, type Logger } from '../platform/logger.ts';
import { addProcessMetrics, createMetrics } from '../platform/metrics.ts';
import { openTracing } from '../platform/tracing.ts';
import type { RedisConnection } from '../stores/redis.ts';
import { openAudit } from './open-audit.ts';
import { openRevocations } from './open-revocations.ts';
import { type Closer, openStores } from './open-stores.ts';
import { watchStores } from './watch-stores.ts';

/** What a test or an embedding program replaces. */
export interface ServiceOverrides {
  clock?: Clock;
  logger?: Logger;
  /** Default: configured, or generated in the data directory. */
  secrets?: Pick<Secrets, 'encryptionKeys' | 'adminToken'>;
  resolveHost?: HttpClientDeps['resolveHost'];
  /** Another process took the database while the connection of our lock was lost: this one must end. */
  onLost?: () => void;
}

async function openRedis({ storage }: Config, logger: Logger): Promise<RedisConnection | undefined> {
  if (storage.redis_url === undefined) return undefined;
  // Loaded only where it is used: the client is the largest package of all.
  const { createRedis } = await import('../stores/redis.ts');
  return createRedis({
    url: storage.redis_url,
    onError: (error) => logger.unexpected('redis.connection_failed', error),
  });
}

/**
 * What every room stands on: time, log, stores, keys, the audit log, and everything that was taken back, read before
 * the first request comes. Throws `StartRefused`.
 */
export async function openFoundations(config: Config, overrides: ServiceOverrides, opened: Closer[]) {
  const clock = overrides.clock ?? systemClock;
  const startedAtMs = clock.nowMs();
  const logger = overrides.logger ?? createLogger(config.log.level, gatheringSink(process.stdout));
  const metrics = createMetrics();
  addProcessMetrics(metrics);
  const secrets = overrides.secrets ?? loadSecrets(config);
  const tracing = await openTracing();

  let link: LinkAuditRecord | undefined;
  const linkAudit: LinkAuditRecord = (...record) => {
    if (!link) throw new Error('the audit chain is not open yet');
    return link(...record);
  };
  const opening = openStores(config, { clock, linkAudit, logger, onLost: overrides.onLost }, opened);
  const stores = watchStores(await opening, { metrics, tracing });
  const redis = await openRedis(config, logger);
  opened.push(() => redis?.close());

  const keyring = await openKeyring({
    store: stores.keys,
    clock,
    encryptionKeys: secrets.encryptionKeys,
    hasCustomers: async () => (await stores.customers.count()) > 0,
  });
  link = createAuditLink(keyring.current('audit').key);
  const { audit, log } = openAudit({ config, stores, linkAudit, clock, logger, metrics }, opened);

  const taken = await openRevocations({ stores, keyring, clock });

  return {
    secrets,
    startedAtMs,
    linkAudit,
    auditLog: log,
    /** What rooms take as they are. */
    shared: {
      config,
      clock,
      logger,
      metrics,
      tracing,
      stores,
      redis,
      keyring,
      audit,
      ...taken,
      resolveHost: overrides.resolveHost,
      issuer: config.public_url,
      /** Of a session, in seconds. */
      lifetimes: {
        idleSeconds: config.sessions.idle_seconds,
        absoluteSeconds: config.sessions.absolute_seconds,
      },
    },
  };
}

export type Foundations = Awaited<ReturnType<typeof openFoundations>>;
