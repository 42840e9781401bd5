import { Counter, Gauge } from 'prom-client';
import type { Audit } from '../audit/audit.ts';
import type { LinkAuditRecord } from '../audit/audit-record.ts';
import { createAuditRetention, PAUSE_MS, type RetentionRun } from '../audit/audit-retention.ts';
import type { Config } from '../config/config.ts';
import { auditRetentionEndpoints } from '../http/admin/audit-retention.ts';
import type { Finding } from '../http/admin/status.ts';
import type { Clock } from '../platform/clock.ts';
import type { Logger } from '../platform/logger.ts';
import type { Metrics } from '../platform/metrics.ts';
import type { RecurringTask } from '../platform/watch.ts';
import type { SqlStores } from '../stores/sql/sql-stores.ts';
import type { Closer } from './open-stores.ts';

const LOOK_EVERY_MS = 60_000;

export interface AuditRetentionDeps {
  config: Pick<Config, 'audit'>;
  stores: Pick<SqlStores, 'audit' | 'auditRetention'>;
  audit: Audit;
  linkAudit: LinkAuditRecord;
  clock: Clock;
  logger: Logger;
  metrics: Pick<Metrics, 'registry'>;
}

function createRetentionMetrics({ registry }: Pick<Metrics, 'registry'>) {
  const registers = [registry];
  return {
    pruned: new Counter({
      name: 'symbolon_audit_records_pruned_total',
      help: 'Audit records that were taken away because they were older than the log is kept',
      registers,
    }),
    oldest: new Gauge({
      name: 'symbolon_audit_oldest_record_seconds',
      help: 'Age of the oldest audit record that was kept when retention last looked',
      registers,
    }),
    held: new Gauge({
      name: 'symbolon_audit_pruning_held',
      help: '1 while old audit records stay: the clock is doubted (clock), or they were altered (altered)',
      labelNames: ['reason'],
      registers,
    }),
  };
}

function findingOf(
  days: number,
  oldestMs: number | undefined,
  last: Pick<RetentionRun, 'held' | 'refused'> | undefined,
): Finding {
  const subject = 'audit log';
  if (last && last.refused.length > 0) {
    const chains = last.refused.slice(0, 3).join(', ');
    const message = `Old records of ${chains} are not as they were written, so they stay. Run: symbolon audit verify`;
    return { subject, ok: false, message };
  }
  if (last?.held) {
    const message =
      'Old records stay for now: some week of the last five left no record. After a stop it goes on within five weeks by itself; otherwise set the clock right.';
    return { subject, ok: true, warning: true, message };
  }
  const since =
    oldestMs === undefined ? 'empty' : `goes back to ${new Date(oldestMs).toISOString().slice(0, 10)}`;
  return { subject, ok: true, message: `${since}, kept for ${days} days` };
}

/** Retention of the audit log: at most seven days of it in an hour by itself, however many processes look. */
export function openAuditRetention(deps: AuditRetentionDeps, opened: Closer[]) {
  const { stores, clock, logger } = deps;
  const { retention_days: retentionDays } = deps.config.audit;
  const retention = createAuditRetention({
    ...deps,
    store: stores.auditRetention,
    append: stores.audit.append,
    link: deps.linkAudit,
    retentionDays,
  });
  const metrics = createRetentionMetrics(deps.metrics);
  let last: RetentionRun | undefined;
  let nextAtMs = 0;
  opened.push(() => retention.stop());

  const tell = async (run: Promise<RetentionRun>): Promise<RetentionRun> => {
    const result = await run;
    const { records, oldestMs, waitsUntilMs, held, refused } = result;
    const pauseMs = waitsUntilMs === undefined ? PAUSE_MS : waitsUntilMs - clock.nowMs();
    nextAtMs = clock.monotonicMs() + Math.min(pauseMs, PAUSE_MS);
    last = result;
    metrics.pruned.inc(records);
    metrics.oldest.set(oldestMs === undefined ? 0 : Math.max(0, clock.nowMs() - oldestMs) / 1_000);
    metrics.held.set({ reason: 'clock' }, held ? 1 : 0);
    metrics.held.set({ reason: 'altered' }, refused.length > 0 ? 1 : 0);
    if (held) logger.log('warn', { event: 'audit.pruning_held' });
    for (const reason of refused) logger.log('error', { event: 'audit.pruning_refused', reason });
    return result;
  };
  const every: RecurringTask[] = [
    {
      name: 'audit_retention',
      everyMs: LOOK_EVERY_MS,
      run: async () => {
        if (clock.monotonicMs() >= nextAtMs) await tell(retention.run());
      },
    },
  ];
  return {
    every,
    adminEndpoints: auditRetentionEndpoints({ prune: () => tell(retention.runNow()) }),
    finding: async (): Promise<Finding> => {
      const [oldest] = await stores.auditRetention.firstRecords();
      return findingOf(retentionDays, oldest?.atMs, last);
    },
  };
}
