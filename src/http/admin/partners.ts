import { z } from 'zod';
import { BridgeError } from '../../errors.ts';
import type { Limiter } from '../../limits/limiter.ts';
import { maskSetting } from '../../partners/field-mask.ts';
import type { Partner } from '../../partners/partner.ts';
import type { Partners } from '../../partners/partners.ts';
import { nameSetting } from '../../platform/settings.ts';
import type { Endpoint } from '../endpoint.ts';
import { adminEndpoint, listOf, timeSchema, timeText } from './admin-endpoint.ts';
import { requireTier } from './limits.ts';

const settings = z.strictObject({
  name: z.string().min(1).max(100),
  channel_groups: z.array(nameSetting).max(100),
  visible_fields: z.array(z.string().min(1).max(64)).max(500),
  field_masks: z.record(z.string().min(1).max(64), maskSetting).meta({
    description: 'Fields of which this partner sees only what the mask leaves (docs/profiles.md).',
  }),
  tier: nameSetting,
});

const createSchema = z
  .strictObject({
    id: nameSetting,
    name: settings.shape.name.optional().meta({ description: 'Default: the id.' }),
    channel_groups: settings.shape.channel_groups.default([]),
    visible_fields: settings.shape.visible_fields.default([]),
    field_masks: settings.shape.field_masks.default({}),
    tier: settings.shape.tier.optional().meta({
      description: 'Limits tier of all its credentials together. Default: `limits.defaults.partner`.',
    }),
  })
  .meta({
    id: 'PartnerCreate',
    examples: [
      {
        id: 'chat-vendor',
        name: 'Chat vendor',
        channel_groups: ['chat'],
        visible_fields: ['plan', 'balance'],
      },
    ],
  });

const changeSchema = settings
  .partial()
  .extend({
    tier: nameSetting.nullable().optional().meta({ description: 'null: the default of partners again.' }),
    disabled: z.boolean().optional(),
  })
  .meta({ id: 'PartnerChange', examples: [{ disabled: true }] });

const partnerSchema = settings
  .extend({ id: nameSetting, created_at: timeSchema, disabled_at: timeSchema.nullable() })
  .meta({ id: 'Partner' });

const changedSchema = partnerSchema
  .extend({
    warnings: z.array(z.string()).meta({
      description:
        'Channel groups that no configured channel has, fields that no backend offers, and masks that do not fit.',
    }),
  })
  .meta({ id: 'ChangedPartner' });

const idSchema = z.strictObject({ id: nameSetting });

function show(partner: Partner): z.output<typeof partnerSchema> {
  return {
    id: partner.id,
    name: partner.name,
    channel_groups: partner.channelGroups,
    visible_fields: partner.visibleFields,
    field_masks: partner.fieldMasks,
    tier: partner.tier,
    created_at: timeText(partner.createdAtMs),
    disabled_at: timeText(partner.disabledAtMs),
  };
}

export interface PartnerEndpointsDeps {
  partners: Partners;
  limits: Pick<Limiter, 'tiers' | 'defaults'>;
  /** What a partner was given that the configuration does not have, in sentences. */
  warningsOf(partner: Partner): string[];
}

/** Partners: create, list, show, change. */
export function partnerEndpoints({ partners, limits, warningsOf }: PartnerEndpointsDeps): Endpoint[] {
  const showChanged = (partner: Partner) => ({ ...show(partner), warnings: warningsOf(partner) });
  return [
    adminEndpoint({
      method: 'post',
      path: '/admin/partners',
      operationId: 'createPartner',
      summary: 'Create a partner',
      body: createSchema,
      status: 201,
      answer: changedSchema,
      errors: ['CONFLICT'],
      run: async ({ body, by }) => {
        const { name = body.id, tier = limits.defaults.partner } = body;
        requireTier(limits.tiers, tier);
        const {
          channel_groups: channelGroups,
          visible_fields: visibleFields,
          field_masks: fieldMasks,
        } = body;
        const made = { name, channelGroups, visibleFields, fieldMasks, tier };
        return showChanged(await partners.create(body.id, made, by));
      },
    }),
    adminEndpoint({
      method: 'get',
      path: '/admin/partners',
      operationId: 'listPartners',
      summary: 'List partners',
      answer: listOf(partnerSchema),
      run: async () => {
        await partners.refresh();
        return { items: partners.all().map(show) };
      },
    }),
    adminEndpoint({
      method: 'get',
      path: '/admin/partners/{id}',
      operationId: 'getPartner',
      summary: 'Show a partner',
      pathParameters: idSchema,
      answer: partnerSchema,
      errors: ['NOT_FOUND'],
      run: async ({ path }) => {
        await partners.refresh();
        const partner = partners.find(path.id);
        if (!partner) throw new BridgeError('NOT_FOUND', { message: 'There is no partner of this id.' });
        return show(partner);
      },
    }),
    adminEndpoint({
      method: 'patch',
      path: '/admin/partners/{id}',
      operationId: 'updatePartner',
      summary: 'Change a partner, or switch all of its credentials off or on',
      pathParameters: idSchema,
      body: changeSchema,
      answer: changedSchema,
      errors: ['NOT_FOUND', 'CONFLICT'],
      run: async ({ path, body, by }) => {
        const tier = body.tier === null ? limits.defaults.partner : body.tier;
        requireTier(limits.tiers, tier);
        return showChanged(
          await partners.update(
            path.id,
            {
              ...(body.name === undefined ? {} : { name: body.name }),
              ...(body.channel_groups ? { channelGroups: body.channel_groups } : {}),
              ...(body.visible_fields ? { visibleFields: body.visible_fields } : {}),
              ...(body.field_masks ? { fieldMasks: body.field_masks } : {}),
              ...(tier === undefined ? {} : { tier }),
              ...(body.disabled === undefined ? {} : { disabled: body.disabled }),
            },
            by,
          ),
        );
      },
    }),
  ];
}
