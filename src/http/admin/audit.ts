import { z } from 'zod';
import type { Audit } from '../../audit/audit.ts';
import type { ChainReport } from '../../audit/audit-chain.ts';
import type { AuditStore, ChainedAuditRecord } from '../../audit/audit-record.ts';
import type { Endpoint } from '../endpoint.ts';
import { adminEndpoint, listOf, timeSchema, timeText } from './admin-endpoint.ts';

const optionalText = z.string().nullable();

const recordSchema = z
  .strictObject({
    chain: z.string(),
    sequence: z.int(),
    at: timeSchema,
    event: z.string(),
    outcome: z.enum(['success', 'refused', 'failed']),
    actor: z.string(),
    partner: optionalText,
    client_id: optionalText,
    key_prefix: optionalText,
    customer_id: optionalText,
    channel: optionalText,
    address: optionalText,
    request_id: optionalText,
    reason: optionalText,
    details: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  })
  .meta({ id: 'AuditRecord' });

const querySchema = z.strictObject({
  chain: z.string().max(100).optional(),
  event: z.string().max(100).optional(),
  customer_id: z.string().max(64).optional(),
  request_id: z.string().max(100).optional(),
  since: timeSchema.optional(),
  limit: z
    .string()
    .regex(/^\d{1,4}$/)
    .optional()
    .meta({ description: 'At most this many, newest first. Default 100, at most 1000.' }),
});

function show(record: ChainedAuditRecord): z.output<typeof recordSchema> {
  return {
    chain: record.chain,
    sequence: record.sequence,
    at: timeText(record.atMs),
    event: record.event,
    outcome: record.outcome,
    actor: record.actor,
    partner: record.partner ?? null,
    client_id: record.clientId ?? null,
    key_prefix: record.keyPrefix ?? null,
    customer_id: record.customerId ?? null,
    channel: record.channel ?? null,
    address: record.address ?? null,
    request_id: record.requestId ?? null,
    reason: record.reason ?? null,
    details: record.details ?? {},
  };
}

export interface AuditEndpointsDeps {
  audit: Audit;
  store: AuditStore;
  verifyChains(): Promise<ChainReport[]>;
}

/** The audit log: read it, and prove that nothing in it was changed. */
export function auditEndpoints({ audit, store, verifyChains }: AuditEndpointsDeps): Endpoint[] {
  return [
    adminEndpoint({
      method: 'get',
      path: '/admin/audit',
      operationId: 'listAuditRecords',
      summary: 'Audit records, newest first',
      query: querySchema,
      answer: listOf(recordSchema),
      run: async ({ query }) => {
        await audit.flush();
        const records = await store.list({
          ...(query.chain === undefined ? {} : { chain: query.chain }),
          ...(query.event === undefined ? {} : { event: query.event }),
          ...(query.customer_id === undefined ? {} : { customerId: query.customer_id }),
          ...(query.request_id === undefined ? {} : { requestId: query.request_id }),
          ...(query.since === undefined ? {} : { sinceMs: Date.parse(query.since) }),
          limit: Math.min(Number(query.limit ?? 100), 1_000),
        });
        return { items: records.map(show) };
      },
    }),
    adminEndpoint({
      method: 'post',
      path: '/admin/audit/verify',
      operationId: 'verifyAuditLog',
      summary: 'Check the hash chains of the audit log',
      answer: z.strictObject({
        ok: z.boolean(),
        chains: z.array(
          z.strictObject({
            chain: z.string(),
            records: z.int(),
            ok: z.boolean(),
            first_broken_sequence: z.int().nullable(),
            pruned_up_to: z.int().nullable().meta({
              description: 'Number of the last record that was taken away for its age, as the seal proves.',
            }),
            pruned_at: timeSchema.nullable(),
          }),
        ),
      }),
      run: async () => {
        await audit.flush();
        const chains = await verifyChains();
        return {
          ok: chains.every(({ ok }) => ok),
          chains: chains.map(({ firstBrokenSequence, pruned, ...chain }) => ({
            ...chain,
            first_broken_sequence: firstBrokenSequence ?? null,
            pruned_up_to: pruned?.upTo ?? null,
            pruned_at: timeText(pruned?.atMs),
          })),
        };
      },
    }),
  ];
}
