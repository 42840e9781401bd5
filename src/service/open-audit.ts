import { type Audit, type AuditDeps, createAudit } from '../audit/audit.ts';
import { isTestIdentifier } from '../identifiers/identifier.ts';
import { randomToken } from '../platform/random.ts';
import { countAudited } from './insight.ts';
import type { Closer } from './open-stores.ts';

/** The audit log of this process, under a name of its own. */
export function openAudit(
  deps: Pick<AuditDeps, 'store' | 'clock' | 'logger' | 'metrics'>,
  opened: Closer[],
): Audit {
  const own = createAudit({ ...deps, instance: randomToken(9), isTestCustomer: isTestIdentifier });
  const audit = countAudited(own, deps.metrics);
  opened.push(() => audit.close());
  return audit;
}
