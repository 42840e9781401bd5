import { auditRules } from './audit-rules.ts';
import { channelProfileRules } from './channel-profile-rules.ts';
import type { Config } from './config.ts';
import type { ConsistencyContext, Finding, Rule } from './finding.ts';
import { limitRules } from './limit-rules.ts';
import { channelRules, nameRules, refreshTokenRules } from './name-rules.ts';
import { redirectRules } from './redirect-rules.ts';
import { connectionRules, sessionRules, storageRules, transportRules } from './safety-rules.ts';
import { siteRules } from './sign-out-rules.ts';
import { testCustomerRules } from './test-customer-rules.ts';
import { tokenRules } from './token-rules.ts';

const rules: readonly Rule[] = [
  ...channelRules,
  ...refreshTokenRules,
  ...channelProfileRules,
  ...nameRules,
  ...siteRules,
  ...testCustomerRules,
  ...tokenRules,
  ...redirectRules,
  ...transportRules,
  ...connectionRules,
  ...sessionRules,
  ...limitRules,
  ...storageRules,
  ...auditRules,
];

/**
 * Everything that is wrong or unwise between settings, each of which is sound by itself.
 * `broken` names sections that are not sound: rules about them are left out.
 */
export function checkConsistency(
  config: Config,
  context: ConsistencyContext,
  broken: ReadonlySet<string> = new Set(),
): Finding[] {
  return rules.flatMap((rule) =>
    rule.needs.some((section) => broken.has(section)) ? [] : rule.check(config, context),
  );
}
