import type { Config } from '../config/config.ts';
import type { Partner } from '../partners/partner.ts';

export type PartnerWarnings = (partner: Pick<Partner, 'channelGroups' | 'visibleFields'>) => string[];

const listed = (names: Iterable<string>): string => [...names].join(', ') || 'none';

/**
 * What a partner was given that the configuration does not have. It may come with the next configuration, so it is
 * allowed, and said.
 */
export function createPartnerWarnings({ channels, backends }: Config): PartnerWarnings {
  const groups = new Set(channels.map(({ group }) => group));
  const fields = new Set(backends.flatMap((backend) => Object.keys(backend.fields)));
  return ({ channelGroups, visibleFields }) => [
    ...channelGroups
      .filter((group) => !groups.has(group))
      .map((group) => `No configured channel is of the group "${group}". There are: ${listed(groups)}.`),
    ...visibleFields
      .filter((field) => !fields.has(field))
      .map((field) => `No backend offers the field "${field}". There are: ${listed(fields)}.`),
  ];
}
