import { asapp } from './asapp.ts';
import { audexum } from './audexum.ts';
import { cmzon } from './cmzon.ts';
import { coext } from './coext.ts';
import { messengerx } from './messengerx.ts';
import type { Preset } from './preset.ts';

/** Every partner API that has a ready connection, by the name that the configuration uses. */
export const presets = { asapp, messengerx, cmzon, audexum, coext } as const satisfies Record<string, Preset>;

export type PresetName = keyof typeof presets;

export const presetNames = Object.keys(presets) as [PresetName, ...PresetName[]];

export function presetOf(name: PresetName): Preset {
  return presets[name];
}
