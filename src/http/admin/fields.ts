import { z } from 'zod';
import { MASK_NAMES } from '../../partners/field-mask.ts';
import { nameSetting } from '../../platform/settings.ts';
import { adminEndpoint, listOf } from './admin-endpoint.ts';
import type { Endpoint } from '../endpoint.ts';

const maskName = z.enum(MASK_NAMES).nullable();

const fieldSchema = z
  .strictObject({
    field: z.string(),
    sources: z
      .array(
        z.strictObject({
          backend: nameSetting,
          path: z.string().meta({ description: 'Where it stands in the backend’s answer.' }),
          type: z.string().nullable().meta({ description: 'null: whatever the backend gives.' }),
          mask: maskName.meta({ description: 'What everybody sees of it; null: the whole value.' }),
          has_default: z.boolean(),
          cache_seconds: z.int(),
          unfit: z.int().meta({ description: 'Values that did not fit since the service was started.' }),
        }),
      )
      .meta({ description: 'In the order in which they count: the first that gives the field wins.' }),
    seen_by: z.array(
      z.strictObject({
        partner: nameSetting,
        mask: maskName.meta({
          description: 'What this partner sees of it; null: as the backend’s mask leaves it.',
        }),
        disabled: z.boolean(),
      }),
    ),
    sent_to: z
      .array(z.strictObject({ channel: nameSetting, attribute: z.string() }))
      .meta({ description: 'Attributes of chat vendors’ proofs that it fills.' }),
    warnings: z.array(z.string()),
  })
  .meta({ id: 'ProfileField' });

/** A profile field: who gives it, who sees it, and what is left of it. */
export type FieldView = z.output<typeof fieldSchema>;

/** `GET /admin/fields`. */
export function fieldsEndpoint({ fields }: { fields(): Promise<FieldView[]> }): Endpoint {
  return adminEndpoint({
    method: 'get',
    path: '/admin/fields',
    operationId: 'listFields',
    summary: 'List profile fields: which backend gives them, who sees them, and how masked',
    answer: listOf(fieldSchema),
    run: async () => ({ items: await fields() }),
  });
}
