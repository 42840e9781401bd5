import { z } from 'zod';
import type { DisableCustomer } from '../../customers/identifier-life/disable-customer.ts';
import type { EraseCustomer } from '../../customers/identifier-life/erase-customer.ts';
import type { ErasureCertificates } from '../../customers/identifier-life/erasure-certificate.ts';
import type { MergeCustomers } from '../../customers/identifier-life/merge-customers.ts';
import type { PartnerNotices } from '../../customers/identifier-life/partner-notices.ts';
import type { SplitCustomer } from '../../customers/identifier-life/split-customer.ts';
import type { Endpoint } from '../endpoint.ts';
import { customerIdSchema } from '../schemas.ts';
import { adminEndpoint, listOf, reasonSchema, timeSchema, timeText } from './admin-endpoint.ts';

const EXAMPLE_SURVIVOR = 'c1jz5tq7ub3m4w2cy6k5sdnxe4ahgrlfvo';

const pathSchema = z.strictObject({ customer_id: z.string().max(64) });
const reasonOnly = z.strictObject({ reason: reasonSchema }).meta({
  id: 'Reason',
  examples: [{ reason: 'ticket 4711' }],
});

const mergeSchema = z
  .strictObject({
    into: z.string().max(64).meta({ description: 'An identifier of the customer who survives.' }),
    reason: reasonSchema,
  })
  .meta({ id: 'Merge', examples: [{ into: EXAMPLE_SURVIVOR, reason: 'one person, two accounts' }] });

const splitSchema = z
  .strictObject({
    reference: z.string().min(1).max(255).optional().meta({
      description: 'Which reference to split off. Default: the one that had this identifier before a merge.',
    }),
    reference_space: z.string().max(64).optional(),
    reason: reasonSchema,
  })
  .meta({ id: 'Split', examples: [{ reason: 'merged by mistake' }] });

const certificateSchema = z
  .strictObject({
    type: z.literal('symbolon.erasure'),
    version: z.literal(1),
    certificate_id: z.string().max(64),
    issuer: z.string().max(512),
    erased_at: timeSchema,
    identifiers: z.array(
      z.strictObject({ customer_id: customerIdSchema, channel_group: z.string().max(64) }),
    ),
    references: z.int().meta({ description: 'How many references were destroyed.' }),
    partners: z.array(
      z.strictObject({
        partner: z.string().max(64),
        told: z.enum(['by webhook', 'no receiver configured']),
      }),
    ),
    seal: z
      .string()
      .max(64)
      .meta({ description: 'HMAC-SHA-256 under a key of this installation, base64url.' }),
  })
  .meta({
    id: 'ErasureCertificate',
    description: 'Says what was erased. Holds nothing by which the person could be known.',
  });

const standingSchema = z
  .strictObject({ disabled: z.boolean(), customer_ids: z.array(customerIdSchema) })
  .meta({ id: 'CustomerStanding' });

const noticeSchema = z
  .strictObject({
    id: z.string(),
    partner: z.string(),
    type: z.string(),
    created_at: timeSchema,
    failed_attempts: z.int(),
    next_attempt_at: timeSchema,
  })
  .meta({ id: 'PartnerNotice' });

export interface IdentifierLifeEndpointsDeps {
  mergeCustomers: MergeCustomers;
  splitCustomer: SplitCustomer;
  eraseCustomer: EraseCustomer;
  disableCustomer: DisableCustomer;
  certificates: ErasureCertificates;
  partnerNotices: PartnerNotices;
  /** Partners with channel groups that are told nothing, because no receiver is configured for them. */
  partnersWithoutReceiver(): string[];
}

function mergeAndSplit({ mergeCustomers, splitCustomer }: IdentifierLifeEndpointsDeps): Endpoint[] {
  return [
    adminEndpoint({
      method: 'post',
      path: '/admin/customers/{customer_id}/merge',
      operationId: 'mergeCustomers',
      summary: 'Two customers are one person',
      description:
        "In every channel group the survivor's identifier survives; where only the other customer has one, that one goes on, for the survivor's reference. The other identifier stays known as another name.",
      pathParameters: pathSchema,
      body: mergeSchema,
      answer: listOf(
        z
          .strictObject({
            channel_group: z.string(),
            customer_id: customerIdSchema,
            aliases: z.array(customerIdSchema).meta({ description: 'Now other names of `customer_id`.' }),
          })
          .meta({ id: 'MergedIdentifier' }),
      ),
      errors: ['NOT_FOUND', 'CONFLICT'],
      run: async ({ path, body, by }) => {
        const merged = await mergeCustomers(
          { customerId: path.customer_id, into: body.into },
          body.reason,
          by,
        );
        return {
          items: merged.map(({ group, survivor, aliases }) => ({
            channel_group: group,
            customer_id: survivor,
            aliases,
          })),
        };
      },
    }),
    adminEndpoint({
      method: 'post',
      path: '/admin/customers/{customer_id}/split',
      operationId: 'splitCustomer',
      summary: 'Take a reference away from a customer, which undoes a merge',
      description:
        'In every channel group where they shared an identifier, it stays with the one who had it before the merge (where neither had, with the survivor), and the other gets a new random one. Everything that was issued to either ends.',
      pathParameters: pathSchema,
      body: splitSchema,
      answer: listOf(
        z
          .strictObject({
            channel_group: z.string(),
            customer_id: customerIdSchema.meta({
              description: 'Stays, with the one who had it before the merge, or else with the survivor.',
            }),
            new_customer_id: customerIdSchema.meta({ description: 'Of the other, from now on.' }),
          })
          .meta({ id: 'SplitIdentifier' }),
      ),
      errors: ['NOT_FOUND', 'CONFLICT'],
      run: async ({ path, body, by }) => {
        const { reference, reference_space: space, reason } = body;
        const splits = await splitCustomer(path.customer_id, { reference, space, reason }, by);
        return {
          items: splits.map(({ group, kept, given }) => ({
            channel_group: group,
            customer_id: kept,
            new_customer_id: given,
          })),
        };
      },
    }),
  ];
}

function standing({ disableCustomer }: IdentifierLifeEndpointsDeps): Endpoint[] {
  return ([true, false] as const).map((disabled) =>
    adminEndpoint({
      method: 'post',
      path: `/admin/customers/{customer_id}/${disabled ? 'disable' : 'enable'}`,
      operationId: disabled ? 'disableCustomer' : 'enableCustomer',
      summary: disabled
        ? 'Shut a customer out in every channel group, at once'
        : 'Let a disabled customer sign in again',
      pathParameters: pathSchema,
      body: reasonOnly,
      answer: standingSchema,
      errors: ['NOT_FOUND', 'CONFLICT'],
      run: async ({ path, body, by }) => ({
        disabled,
        customer_ids: await disableCustomer(path.customer_id, { disabled, reason: body.reason }, by),
      }),
    }),
  );
}

function erasure(deps: IdentifierLifeEndpointsDeps): Endpoint[] {
  return [
    adminEndpoint({
      method: 'post',
      path: '/admin/customers/{customer_id}/erase',
      operationId: 'eraseCustomer',
      summary: 'Forget a person in every channel group; cannot be undone',
      description:
        'References, sessions, tokens and consents go; identifiers stay as used up; partners that have a receiver are told. A returning person gets a random identifier. The answer is the certificate: keep it.',
      pathParameters: pathSchema,
      body: reasonOnly,
      answer: certificateSchema,
      errors: ['NOT_FOUND'],
      run: ({ path, body, by }) => deps.eraseCustomer(path.customer_id, body.reason, by),
    }),
    adminEndpoint({
      method: 'post',
      path: '/admin/erasure-certificates/verify',
      operationId: 'verifyErasureCertificate',
      summary: 'Whether this installation made a certificate of erasure, unchanged since',
      body: certificateSchema,
      answer: z.strictObject({ genuine: z.boolean() }),
      run: ({ body }) => ({ genuine: deps.certificates.isGenuine(body) }),
    }),
    adminEndpoint({
      method: 'get',
      path: '/admin/identifiers/notices',
      operationId: 'listPartnerNotices',
      summary: 'What partners still have to be told of identifiers, oldest first; at most a thousand',
      answer: listOf(noticeSchema).extend({
        without_receiver: z.array(z.string()).meta({
          description: 'Partners with channel groups that are told nothing: no receiver is configured.',
        }),
      }),
      run: async () => ({
        items: (await deps.partnerNotices.list()).map((notice) => ({
          id: notice.id,
          partner: notice.partner,
          type: notice.type,
          created_at: timeText(notice.createdAtMs),
          failed_attempts: notice.attempts,
          next_attempt_at: timeText(notice.dueAtMs),
        })),
        without_receiver: deps.partnersWithoutReceiver(),
      }),
    }),
  ];
}

/** What becomes of a customer: merge, split, disable, enable, erase; and who still has to be told. */
export function identifierLifeEndpoints(deps: IdentifierLifeEndpointsDeps): Endpoint[] {
  return [...mergeAndSplit(deps), ...standing(deps), ...erasure(deps)];
}
