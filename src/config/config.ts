/**
 * Config: what the operator decided. This room owns the environment variables, the configuration file, its schema and
 * the rules between settings, and the secrets that are generated when none is given. It starts nothing; the
 * composition root, the command line and the demo ask it.
 */
import { z } from 'zod';
import { authenticatorTypes } from '../authenticators/registry.ts';
import { backendSchema } from '../backends/backend-settings.ts';
import { connectionSetting } from '../connections/presets/preset-settings.ts';
import { nameSetting } from '../platform/settings.ts';
import { sections } from './sections.ts';

type AuthenticatorType = (typeof authenticatorTypes)[keyof typeof authenticatorTypes];
type AuthenticatorOptions = AuthenticatorType['optionsSchema'];

/** Each type of authenticator brings the schema of its options; `type` tells which one applies. */
const authenticatorSetting = z.discriminatedUnion(
  'type',
  Object.values(authenticatorTypes).map((one) => one.optionsSchema) as [
    AuthenticatorOptions,
    ...AuthenticatorOptions[],
  ],
);

const settings = z.strictObject({
  ...sections,
  authenticators: z
    .array(authenticatorSetting)
    .min(1)
    .max(100)
    .prefault([{ name: 'directory', type: 'directory', reference_space: 'directory' }]),
  connections: z.record(nameSetting, connectionSetting).default({}),
  backends: z.array(backendSchema).max(100).default([]),
});

/** The whole file; settings that were left out have their defaults, also those that follow from other settings. */
export const configSchema = settings.transform((config) => ({
  ...config,
  listen: {
    ...config.listen,
    host: config.listen.host ?? (isLoopbackUrl(config.public_url) ? '127.0.0.1' : '0.0.0.0'),
  },
  storage: {
    ...config.storage,
    database_url: config.storage.database_url ?? `file:${config.data_dir}/symbolon.db`,
  },
  channels: config.channels.map((channel) => ({
    ...channel,
    authenticators: channel.authenticators ?? config.authenticators.map((one) => one.name),
  })),
}));

/** What may be written, before defaults. */
export type ConfigInput = z.input<typeof configSchema>;

/** The configuration as the service uses it: complete, checked, secrets in clear. Never logged; see `maskedConfig`. */
export type Config = z.output<typeof configSchema>;

/** The top-level schemas by name, so that sound sections can be checked beside broken ones. */
export const sectionSchemas: Readonly<Record<string, z.ZodType>> = settings.shape;

/** Whether an address is one that only this machine can reach. */
export function isLoopbackHost(host: string): boolean {
  const name = host.toLowerCase().replace(/^\[(.*)\]$/, '$1');
  return (
    name === 'localhost' || name.endsWith('.localhost') || name === '::1' || /^127(\.\d{1,3}){3}$/.test(name)
  );
}

/** Whether the host of an absolute address is a loopback one. */
export function isLoopbackUrl(url: string): boolean {
  return isLoopbackHost(new URL(url).hostname);
}
