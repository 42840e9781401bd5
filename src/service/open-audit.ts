import { type Audit, type AuditDeps, createAudit } from '../audit/audit.ts';
import { createRefusalAllowance, FURTHER_REFUSALS } from '../audit/refusal-allowance.ts';
import { isTestIdentifier } from '../identifiers/identifier.ts';
import { callerNetwork } from '../limits/caller-network.ts';
import { randomToken } from '../platform/random.ts';
import { type AuditRetentionDeps, openAuditRetention } from './audit-retention.ts';
import { countAudited } from './insight.ts';
import type { Closer } from './open-stores.ts';

const SUM_UP_EVERY_MS = 1_000;

/** The audit log of this process, under a name of its own, and the retention of all of it. */
export function openAudit(
  deps: Omit<AuditRetentionDeps, 'audit'> & Pick<AuditDeps, 'metrics'>,
  opened: Closer[],
): { audit: Audit; log: ReturnType<typeof openAuditRetention> } {
  const { config, stores, clock, logger, metrics } = deps;
  const named = { instance: randomToken(9), isTestCustomer: isTestIdentifier };
  const allowance = createRefusalAllowance({
    perMinute: config.audit.refusals_per_address,
    clock,
    networkOf: callerNetwork,
  });
  const plain = createAudit({ store: stores.audit, clock, logger, metrics, allowance, ...named });
  const audit = countAudited(plain, metrics);
  const sumUp = (all = false) => {
    for (const facts of allowance.summaries(all)) audit.event(FURTHER_REFUSALS, facts);
  };
  opened.push(() => {
    sumUp(true);
    return audit.close();
  });
  const log = openAuditRetention({ ...deps, audit }, opened);
  const summing = { name: 'refusals', everyMs: SUM_UP_EVERY_MS, run: async () => sumUp() };
  return { audit, log: { ...log, every: [...log.every, summing] } };
}
