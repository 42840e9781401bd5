import { hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { channelProfiles } from '../../src/channels/profile-registry.ts';

/** Version and fingerprint of every record, as of its last change of what is minted. */
const recorded = JSON.parse(
  readFileSync(join(import.meta.dirname, 'channel-profile-versions.json'), 'utf8'),
) as Record<string, { version: number; minted: string }>;

const writable = (_name: string, value: unknown): unknown =>
  value instanceof RegExp ? String(value) : value;

const current = Object.fromEntries(
  [...channelProfiles.values()].map(({ id, version, proof, identifier, attributes, inputs, web }) => {
    const taken = Object.entries(attributes).map(([name, { meaning: _meaning, ...rule }]) => [name, rule]);
    const asked = Object.entries(inputs).map(([name, { meaning: _meaning, ...rule }]) => [name, rule]);
    const text = JSON.stringify([proof, identifier, taken, asked, web.members], writable);
    return [id, { version, minted: hash('sha256', text).slice(0, 16) }];
  }),
);

describe('a channel profile', () => {
  // To change what a record mints: raise its version and put the line that this prints into the JSON file.
  it('has another version when it mints something else', () => {
    const silent = Object.entries(current).filter(
      ([id, { version, minted }]) => recorded[id]?.version === version && recorded[id].minted !== minted,
    );
    expect(silent).toEqual([]);
  });

  it('is recorded as it is now', () => {
    expect(recorded).toEqual(current);
  });
});
