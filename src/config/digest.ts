import { createHmac } from 'node:crypto';
import type { Config } from './config.ts';
import type { Secrets } from './secrets.ts';

/** By section of the configuration: HMAC-SHA-256 of its settings in base64url. */
export type ConfigDigests = Readonly<Record<string, string>>;

/** The same text for the same settings, in whatever order a file names them. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_name, held: unknown) =>
    held !== null && typeof held === 'object' && !Array.isArray(held)
      ? Object.fromEntries(Object.entries(held).sort(([a], [b]) => (a < b ? -1 : 1)))
      : held,
  );
}

/**
 * What tells two configurations apart without showing either: secrets are part of what is digested, and the key is the
 * first key-encryption key, so that nobody who reads a digest can try out guesses. The admin token is left out: one
 * that opens the admin API is the right one, wherever it came from.
 */
export function digestConfig(
  config: Config,
  { encryptionKeys }: Pick<Secrets, 'encryptionKeys'>,
): ConfigDigests {
  const compared = { ...config, admin: { ...config.admin, token: undefined } };
  return Object.fromEntries(
    Object.entries(compared).map(([section, settings]) => [
      section,
      createHmac('sha256', encryptionKeys[0] ?? '')
        .update(`symbolon/config\n${section}\n${canonical(settings) ?? ''}`)
        .digest('base64url'),
    ]),
  );
}

/** Sections that differ; all of them do when the digests were made with different keys, which is `keys` alone. */
export function differingSections(ours: ConfigDigests, theirs: ConfigDigests): string[] {
  const names = [...new Set([...Object.keys(ours), ...Object.keys(theirs)])];
  const differing = names.filter((name) => ours[name] !== theirs[name]);
  return differing.length === names.length ? ['keys'] : differing;
}
