import { outlineOf } from '../backends/field-settings.ts';
import type { Config } from '../config/config.ts';
import type { FieldView } from '../http/admin/fields.ts';
import type { Finding } from '../http/admin/status.ts';
import type { Partner } from '../partners/partner.ts';
import type { Metrics } from '../platform/metrics.ts';
import { maskWarnings } from './partner-warnings.ts';

export interface ProfileFieldsDeps {
  config: Pick<Config, 'backends' | 'channels'>;
  partners: { all(): readonly Partner[] };
  metrics: Pick<Metrics, 'profileValuesUnfit'>;
}

type Sources = FieldView['sources'];

function sourcesOf(
  config: Pick<Config, 'backends'>,
  field: string,
  unfit: ReadonlyMap<string, number>,
): Sources {
  return config.backends.flatMap((backend) => {
    const setting = Object.hasOwn(backend.fields, field) ? backend.fields[field] : undefined;
    if (setting === undefined) return [];
    const { path, type = null, mask = null, hasDefault } = outlineOf(setting);
    return [
      {
        backend: backend.name,
        path,
        type,
        mask,
        has_default: hasDefault,
        cache_seconds: backend.cache_seconds,
        unfit: unfit.get(`${backend.name} ${field}`) ?? 0,
      },
    ];
  });
}

/** What is to be said of a field that no partner's own line in doctor says. */
function doubtsOf({ sources, isSeen }: { sources: Sources; isSeen: boolean }): string[] {
  return [
    ...(isSeen ? [] : ['Nobody sees it, so it is never asked for.']),
    ...sources
      .filter(({ unfit }) => unfit > 0)
      .map(({ backend, type, unfit }) => {
        const values = unfit === 1 ? '1 value that does' : `${unfit} values that do`;
        return `Backend ${backend} gave ${values} not fit${type === null ? '' : ` (${type})`}.`;
      }),
  ];
}

/** Every field that a backend gives or a partner may see: the answer to who can see what. */
export function createProfileFields({ config, partners, metrics }: ProfileFieldsDeps) {
  const unfitCounts = async (): Promise<ReadonlyMap<string, number>> => {
    const { values } = await metrics.profileValuesUnfit.get();
    return new Map(values.map(({ labels, value }) => [`${labels.backend} ${labels.field}`, value]));
  };

  const view = (field: string, unfit: ReadonlyMap<string, number>): FieldView => {
    const sources = sourcesOf(config, field, unfit);
    const viewers = partners.all().filter(({ visibleFields }) => visibleFields.includes(field));
    const sentTo = config.channels.flatMap(({ id, attributes }) =>
      Object.entries(attributes)
        .filter(([, source]) => source === field)
        .map(([attribute]) => ({ channel: id, attribute })),
    );
    const names = viewers.map(({ id }) => id).join(', ');
    return {
      field,
      sources,
      seen_by: viewers.map(({ id, fieldMasks, disabledAtMs }) => ({
        partner: id,
        mask: (Object.hasOwn(fieldMasks, field) && fieldMasks[field]) || null,
        disabled: disabledAtMs !== undefined,
      })),
      sent_to: sentTo,
      warnings: [
        ...(sources.length === 0 ? [`No backend gives it, and it is visible to ${names}.`] : []),
        ...viewers.flatMap((partner) => maskWarnings(config, partner, field)),
        ...doubtsOf({ sources, isSeen: viewers.length > 0 || sentTo.length > 0 }),
      ],
    };
  };

  const fields = async (): Promise<FieldView[]> => {
    const unfit = await unfitCounts();
    const given = config.backends.flatMap((backend) => Object.keys(backend.fields));
    const seen = partners.all().flatMap(({ visibleFields }) => visibleFields);
    return [...new Set([...given, ...seen])].sort().map((field) => view(field, unfit));
  };

  return {
    fields,
    /** What doctor says: worth a look, and nothing that stops anybody. */
    findings: async (): Promise<Finding[]> =>
      (await fields()).flatMap(({ field, sources, seen_by: seenBy, sent_to: sentTo }) => {
        const doubts = doubtsOf({ sources, isSeen: seenBy.length > 0 || sentTo.length > 0 });
        if (doubts.length === 0) return [];
        return [{ subject: `field ${field}`, ok: true, warning: true, message: doubts.join(' ') }];
      }),
  };
}
