import { type Rule, warning } from './finding.ts';

/** PCI DSS 4.0 requirement 10.5.1 asks for twelve months of audit history. */
const YEAR_DAYS = 365;
/** Longer than any duty to keep that we know of; identifiers and addresses are personal data (GDPR article 5 (1) e). */
const DECADE_DAYS = 3_660;

/** Rules about the audit log. */
export const auditRules: Rule[] = [
  {
    needs: ['audit'],
    check: ({ audit: { retention_days: days } }) => {
      const path = 'audit.retention_days';
      if (days < YEAR_DAYS) {
        const fix = 'Set 365 or more, or ship the log elsewhere first.';
        return [warning(path, 'is less than the year of history that auditors usually ask for', fix)];
      }
      if (days <= DECADE_DAYS) return [];
      return [
        warning(
          path,
          'keeps identifiers and addresses of customers for more than ten years',
          'Set as many days as the law that binds you asks for.',
        ),
      ];
    },
  },
];
