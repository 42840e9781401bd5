import { outlineOf, takesMask } from '../backends/field-settings.ts';
import type { Config } from '../config/config.ts';
import type { Partner } from '../partners/partner.ts';

export type PartnerWarnings = (
  partner: Pick<Partner, 'id' | 'channelGroups' | 'visibleFields' | 'fieldMasks'>,
) => string[];

const listed = (names: Iterable<string>): string => [...names].join(', ') || 'none';

/** A partner's mask of a field that cannot be laid over what the configuration makes of it. */
export function maskWarnings(
  { backends }: Pick<Config, 'backends'>,
  { id, fieldMasks }: Pick<Partner, 'id' | 'fieldMasks'>,
  field: string,
): string[] {
  const mask = Object.hasOwn(fieldMasks, field) ? fieldMasks[field] : undefined;
  if (mask === undefined) return [];
  return backends.flatMap(({ name, fields }) => {
    const setting = Object.hasOwn(fields, field) ? fields[field] : undefined;
    if (setting === undefined || takesMask(outlineOf(setting), mask)) return [];
    const { type } = outlineOf(setting);
    return [
      `The mask ${mask} does not fit ${field}, which backend ${name} gives as ${type}: partner ${id} gets nothing of it.`,
    ];
  });
}

/**
 * What a partner was given that the configuration does not have. It may come with the next configuration, so it is
 * allowed, and said.
 */
export function createPartnerWarnings({
  channels,
  backends,
}: Pick<Config, 'channels' | 'backends'>): PartnerWarnings {
  const groups = new Set(channels.map(({ group }) => group));
  const fields = new Set(backends.flatMap((backend) => Object.keys(backend.fields)));
  return ({ id, channelGroups, visibleFields, fieldMasks }) => [
    ...channelGroups
      .filter((group) => !groups.has(group))
      .map((group) => `No configured channel is of the group "${group}". There are: ${listed(groups)}.`),
    ...visibleFields
      .filter((field) => !fields.has(field))
      .map((field) => `No backend offers the field "${field}". There are: ${listed(fields)}.`),
    ...visibleFields.flatMap((field) => maskWarnings({ backends }, { id, fieldMasks }, field)),
    ...Object.keys(fieldMasks)
      .filter((field) => !visibleFields.includes(field))
      .map((field) => `The mask of "${field}" hides nothing yet: the partner may not see that field.`),
  ];
}
