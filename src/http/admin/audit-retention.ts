import { z } from 'zod';
import type { RetentionRun } from '../../audit/audit-retention.ts';
import type { Endpoint } from '../endpoint.ts';
import { adminEndpoint, timeSchema, timeText } from './admin-endpoint.ts';

/** Retention of the audit log, now instead of within the hour. */
export function auditRetentionEndpoints(deps: { prune(): Promise<RetentionRun> }): Endpoint[] {
  return [
    adminEndpoint({
      method: 'post',
      path: '/admin/audit/prune',
      operationId: 'pruneAuditLog',
      summary: 'Take away audit records that are older than the log is kept',
      description:
        'At most seven days of the log at once, also when others went within the hour. The service itself takes at most seven days in an hour.',
      answer: z.strictObject({
        before: timeSchema.meta({ description: 'Records before this moment are old enough to go.' }),
        records: z.int().meta({ description: 'Records that were taken away.' }),
        oldest: timeSchema
          .nullable()
          .meta({ description: 'When the oldest record that is left was written.' }),
        more: z.boolean().meta({
          description: 'Records are left that are old enough to go, beside those of `refused`.',
        }),
        held: z.boolean().meta({
          description:
            'Nothing was taken away: some week of the last five left no record, as after a wrong clock.',
        }),
        refused: z.array(z.string()).meta({
          description: 'Chains whose old records are not as they were written; they stay.',
        }),
      }),
      run: async () => {
        const { beforeMs, oldestMs, records, more, held, refused } = await deps.prune();
        return { before: timeText(beforeMs), records, oldest: timeText(oldestMs), more, held, refused };
      },
    }),
  ];
}
