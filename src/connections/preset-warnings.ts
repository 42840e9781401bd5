import type { ConnectionSetting } from './presets/preset-settings.ts';
import { presetOf } from './presets/registry.ts';

const DAY_MS = 86_400_000;

/** What somebody should look at about a connection's credentials, in sentences. */
export function connectionWarnings(setting: ConnectionSetting, nowMs: number): string[] {
  if (setting.preset === undefined) return [];
  const { title, maxKeyAgeDays } = presetOf(setting.preset);
  if (maxKeyAgeDays === undefined) return [];
  const fixed = setting.auth.some(({ type }) => type === 'bearer' || type === 'api_key');
  if (!fixed) return [];
  if (setting.key_created_on === undefined) {
    return [
      `${title} wants keys replaced every ${maxKeyAgeDays} days. Set key_created_on, so that you are told in time.`,
    ];
  }
  const ageDays = Math.floor((nowMs - Date.parse(setting.key_created_on)) / DAY_MS);
  if (ageDays <= maxKeyAgeDays) return [];
  return [
    `The key is ${ageDays} days old; ${title} wants keys replaced every ${maxKeyAgeDays} days. Make a new one there, set it and key_created_on, and end the old one.`,
  ];
}
