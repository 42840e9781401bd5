import { z } from 'zod';
import type { ImportIdentifiers } from '../../customers/identifier-life/import-identifiers.ts';
import type { TraceCustomers } from '../../customers/identifier-life/trace-customers.ts';
import type { Endpoint } from '../endpoint.ts';
import { customerIdSchema, EXAMPLE_CUSTOMER_ID } from '../schemas.ts';
import { adminEndpoint, listOf, reasonSchema } from './admin-endpoint.ts';

const MAX_ROWS = 200;

const importSchema = z
  .strictObject({
    rows: z
      .array(
        z.strictObject({
          reference_space: z.string().max(64),
          reference: z.string().max(1_020),
          channel_group: z.string().max(64),
          customer_id: z.string().max(255),
        }),
      )
      .min(1)
      .max(MAX_ROWS),
    dry_run: z.boolean().default(false).meta({ description: 'Checks the rows and changes nothing.' }),
    reason: reasonSchema,
  })
  .meta({
    id: 'IdentifierImport',
    examples: [
      {
        rows: [
          {
            reference_space: 'crm',
            reference: '4711',
            channel_group: 'chat',
            customer_id: '3f2504e0-4f89-41d3-9a0c-0305e82c3301',
          },
        ],
        dry_run: true,
        reason: 'move from the old chat',
      },
    ],
  });

const importedSchema = z
  .strictObject({
    result: z.enum(['imported', 'known', 'refused']).meta({
      description: '`known`: the reference had this identifier before.',
    }),
    code: z.string().nullable(),
    problem: z.string().nullable(),
  })
  .meta({ id: 'ImportedIdentifier' });

const traceSchema = z
  .strictObject({ customer_ids: z.array(z.string().max(255)).min(1).max(MAX_ROWS), reason: reasonSchema })
  .meta({
    id: 'TraceReport',
    examples: [{ customer_ids: [EXAMPLE_CUSTOMER_ID], reason: 'report of March' }],
  });

const tracedSchema = z
  .strictObject({
    customer_id: z.string(),
    state: z.enum(['living', 'merged', 'erased', 'unknown']),
    present_customer_id: customerIdSchema.nullable().meta({
      description: 'The identifier that the customer goes by today.',
    }),
    reference: z.string().nullable(),
    reference_space: z.string().nullable(),
  })
  .meta({ id: 'TracedLine' });

/** Many identifiers at once: import from another system, and a vendor's report back to references. */
export function identifierFileEndpoints(deps: {
  importIdentifiers: ImportIdentifiers;
  traceCustomers: TraceCustomers;
}): Endpoint[] {
  return [
    adminEndpoint({
      method: 'post',
      path: '/admin/identifiers/import',
      operationId: 'importIdentifiers',
      summary: 'Take over identifiers that another system gave out, unchanged',
      description: `At most ${MAX_ROWS} rows. Each stands for itself; the answer has one item for each, in their order. Sending them again changes nothing.`,
      body: importSchema,
      answer: listOf(importedSchema),
      run: async ({ body, by }) => {
        const rows = body.rows.map((row) => ({
          space: row.reference_space,
          reference: row.reference,
          group: row.channel_group,
          identifier: row.customer_id,
        }));
        const asked = { dryRun: body.dry_run, reason: body.reason };
        const outcomes = await deps.importIdentifiers(rows, asked, by);
        return {
          items: outcomes.map((outcome) => ({
            result: outcome.result,
            code: outcome.result === 'refused' ? outcome.code : null,
            problem: outcome.result === 'refused' ? outcome.problem : null,
          })),
        };
      },
    }),
    adminEndpoint({
      method: 'post',
      path: '/admin/identifiers/trace-report',
      operationId: 'traceReport',
      summary: "The company's own references of many customer identifiers",
      description: `At most ${MAX_ROWS}. An audit record for each that is known, with the reason, is written before the answer is given.`,
      body: traceSchema,
      answer: listOf(tracedSchema),
      errors: ['RATE_LIMITED'],
      run: async ({ body, by }) => ({
        items: (await deps.traceCustomers(body.customer_ids, body.reason, by)).map((line) => ({
          customer_id: line.customerId,
          state: line.state,
          present_customer_id: line.presentId ?? null,
          reference: line.reference ?? null,
          reference_space: line.space ?? null,
        })),
      }),
    }),
  ];
}
