import { z } from 'zod';
import { headerNameSetting } from '../../outbound/outbound-settings.ts';
import { isJsonObject } from '../../platform/json-object.ts';
import { nameSetting } from '../../platform/settings.ts';
import { connectionSchema } from '../connection.ts';
import { isPathPattern } from '../open-path.ts';
import type { OpenPath, Preset } from './preset.ts';
import { presetNames, type PresetName, presets } from './registry.ts';

const placeSetting = z.discriminatedUnion('in', [
  z.strictObject({ in: z.literal('header'), name: headerNameSetting }),
  z.strictObject({
    in: z.literal('body'),
    name: z
      .string()
      .regex(
        /^[A-Za-z][A-Za-z0-9_-]{0,63}(\.[A-Za-z][A-Za-z0-9_-]{0,63}){0,7}$/,
        'must be the name of a JSON member, or several joined by dots',
      ),
    list: z.boolean().default(false),
  }),
]);

const openPathSetting = z.strictObject({
  path: z.string().max(512).refine(isPathPattern, 'must be a path such as /v1/chats/{id}/messages'),
  /** Where the customer's identifier goes. */
  identifier: placeSetting.optional(),
});

/** What a partner API needs beyond what any connection has. */
const presetShape = {
  preset: z.enum(presetNames).optional(),
  variant: nameSetting.optional(),
  /** The day on which the key in `auth` was made. */
  key_created_on: z.iso.date('must be a day such as 2030-01-31').optional(),
  /** In place of the limits that the preset knows. */
  limits: z
    .array(
      z.strictObject({
        quota: z.int().min(1).max(1_000_000),
        window_seconds: z.int().min(1).max(2_678_400),
      }),
    )
    .max(5)
    .optional(),
  queue: z
    .strictObject({
      max_waiting: z.int().min(0).max(100_000).default(1_000),
      max_wait_ms: z.int().min(0).max(4_500).default(4_000),
    })
    .prefault({}),
  /** Opens the connection to partners of ours. */
  pass_through: z
    .strictObject({
      partners: z.array(nameSetting).min(1).max(100),
      /** Keys of which environments may use it: what is sent goes to real people. */
      environments: z
        .array(z.enum(['live', 'test']))
        .min(1)
        .max(2)
        .default(['live']),
      customer_proof: z.enum(['required', 'optional']).default('required'),
      /** In place of the paths that the preset knows. */
      paths: z.array(openPathSetting).min(1).max(100).optional(),
    })
    .optional(),
};

type Written = Record<string, unknown>;

const isPresetName = (name: unknown): name is PresetName =>
  typeof name === 'string' && Object.hasOwn(presets, name);

/** The edition that a connection names, or the preset's first one. */
export function variantOf(preset: Preset, name: string | undefined) {
  const chosen = name ?? Object.keys(preset.variants)[0] ?? '';
  return Object.hasOwn(preset.variants, chosen) ? preset.variants[chosen] : undefined;
}

/** Settings of a record with the base URL in its place. */
function withBase(settings: Readonly<Written>, baseUrl: string): Written {
  const base = baseUrl.replace(/\/+$/, '');
  return Object.fromEntries(
    Object.entries(settings).map(([name, value]) => [
      name,
      typeof value === 'string' ? value.replace('{base}', base) : value,
    ]),
  );
}

/** Fills in what the preset knows; what is written stays as it is. */
function expand(written: unknown): unknown {
  if (!isJsonObject(written) || !isPresetName(written.preset)) return written;
  const preset: Preset = presets[written.preset];
  const variant = typeof written.variant === 'string' ? written.variant : undefined;
  // A variant that does not exist is refused below, by its name and not for an address that it lacks.
  const edition = variantOf(preset, variant) ?? variantOf(preset, undefined);
  const baseUrl = written.base_url ?? edition?.baseUrl;
  const known = (type: unknown): Written =>
    typeof type === 'string' && Object.hasOwn(preset.auth, type) && typeof baseUrl === 'string'
      ? withBase(preset.auth[type] ?? {}, baseUrl)
      : {};
  const auth = Array.isArray(written.auth)
    ? written.auth.map((entry: unknown) => (isJsonObject(entry) ? { ...known(entry.type), ...entry } : entry))
    : written.auth;
  return {
    ...written,
    ...(baseUrl === undefined ? {} : { base_url: baseUrl }),
    ...(auth === undefined ? {} : { auth }),
  };
}

const settings = connectionSchema.safeExtend(presetShape).superRefine((connection, context) => {
  const problem = (path: PropertyKey[], message: string) =>
    context.addIssue({ code: 'custom', path, message });
  if (connection.preset === undefined) {
    for (const name of ['variant', 'key_created_on', 'limits', 'pass_through'] as const) {
      if (connection[name] !== undefined) problem([name], 'is for connections with a preset');
    }
    return;
  }
  const preset: Preset = presets[connection.preset];
  if (!variantOf(preset, connection.variant)) {
    problem(['variant'], `must be one of ${Object.keys(preset.variants).join(', ')}`);
  }
  if (connection.auth.length === 0)
    problem(['auth'], `is missing: ${preset.title} wants ${preset.authAdvice}`);
  connection.auth.forEach(({ type }, i) => {
    if (!Object.hasOwn(preset.auth, type))
      problem(['auth', i, 'type'], `is not a way to call ${preset.title}, which wants ${preset.authAdvice}`);
  });
  if (connection.pass_through && !connection.pass_through.paths && preset.paths.length === 0) {
    problem(
      ['pass_through', 'paths'],
      `is missing: no path of ${preset.title} is known that could be opened`,
    );
  }
});

export type ConnectionSetting = z.output<typeof settings>;

/** As it may be written: a preset can bring the address along. */
type ConnectionInput = Omit<z.input<typeof settings>, 'base_url'> & { base_url?: string | undefined };

/** One entry of `connections` in the configuration, with or without a preset. */
export const connectionSetting = z.preprocess(expand, settings) as z.ZodType<
  ConnectionSetting,
  ConnectionInput
>;

/** The paths that a connection opens to partners. */
export function openPathsOf(connection: ConnectionSetting): readonly OpenPath[] {
  const { preset, pass_through: opened } = connection;
  if (!opened || preset === undefined) return [];
  if (!opened.paths) return presets[preset].paths;
  return opened.paths.map(({ path, identifier }): OpenPath => {
    if (!identifier) return { path };
    return {
      path,
      identifier:
        identifier.in === 'header'
          ? { in: 'header', name: identifier.name }
          : { in: 'body', path: identifier.name, list: identifier.list },
    };
  });
}
