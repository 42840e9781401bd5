import { type Audit, type AuditDeps, createAudit } from '../audit/audit.ts';
import { isTestIdentifier } from '../identifiers/identifier.ts';
import { randomToken } from '../platform/random.ts';
import { type AuditRetentionDeps, openAuditRetention } from './audit-retention.ts';
import { countAudited } from './insight.ts';
import type { Closer } from './open-stores.ts';

/** The audit log of this process, under a name of its own, and the retention of all of it. */
export function openAudit(
  deps: Omit<AuditRetentionDeps, 'audit'> & Pick<AuditDeps, 'metrics'>,
  opened: Closer[],
): { audit: Audit; log: ReturnType<typeof openAuditRetention> } {
  const { stores, clock, logger, metrics } = deps;
  const named = { instance: randomToken(9), isTestCustomer: isTestIdentifier };
  const audit = countAudited(createAudit({ store: stores.audit, clock, logger, metrics, ...named }), metrics);
  opened.push(() => audit.close());
  return { audit, log: openAuditRetention({ ...deps, audit }, opened) };
}
