import { execFile } from 'node:child_process';
import { cpSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { channelProfiles } from '../../src/channels/profile-registry.ts';
import { loadText } from '../rooms/config/settings.ts';

const root = resolve(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const profiles = [...channelProfiles.values()];
const pageOf = (id: string) => read(`docs/channels/${id}.md`);

const checkPages = (folder: string) =>
  promisify(execFile)(process.execPath, ['scripts/channel-pages.ts', '--check', folder], { cwd: root });

describe('channel profiles', () => {
  it('have one file each, named by its id', () => {
    const files = globSync('src/channels/profiles/*.ts', { cwd: root }).map((path) =>
      path.replace(/^.*\/|\.ts$/g, ''),
    );
    expect(files.sort()).toEqual(profiles.map(({ id }) => id).sort());
    expect(files.length).toBeGreaterThan(20);
  });

  it.each(profiles.map((profile) => [profile.id, profile] as const))('%s is complete', (_id, profile) => {
    const { version, settings, docs, identifier, web } = profile;
    expect(Number.isInteger(version) && version > 0).toBe(true);
    expect(settings.safeParse({ unheard_of: 'x' }).success).toBe(false);
    expect(web.logoutOrder.filter((step) => step === 'bridge')).toHaveLength(1);
    expect(Math.min(docs.consoleSteps.length, docs.customerSees.length, docs.mobile.length)).toBeGreaterThan(
      0,
    );
    expect(docs.sources.length).toBeGreaterThan(0);
    expect(
      docs.sources.filter((source) => !/^[a-z0-9.-]+\.[a-z]{2,}(\/\S*)?( \(.+\))?$/.test(source)),
    ).toEqual([]);
    expect(identifier.maxLength ?? 64).toBeGreaterThanOrEqual(34);
    const origins = Object.values(docs.contentSecurityPolicy).flat();
    expect(
      origins.filter(
        (origin) => !/^((https|wss):\/\/[*a-z0-9.-]+|data:|blob:|'unsafe-inline')$/.test(origin),
      ),
    ).toEqual([]);
  });

  it('are driven by adapters that the browser SDK has', () => {
    const { exports } = JSON.parse(read('sdk-web/package.json')) as { exports: Record<string, unknown> };
    const imports = profiles.flatMap(({ id }) =>
      [...pageOf(id).matchAll(/^import \{ (\w+) \} from '@symbolon\/sdk-web(.*)';$/gm)].map((match) => ({
        id,
        name: match[1] as string,
        entry: `.${match[2] as string}`,
      })),
    );
    expect(imports).toHaveLength(2 * profiles.length);
    expect(imports.filter(({ entry }) => !Object.hasOwn(exports, entry))).toEqual([]);
    const missing = imports.filter(({ name, entry }) => {
      const file = entry === '.' ? 'symbolon.ts' : `adapters/${entry.slice(2)}.ts`;
      return !new RegExp(`export (async )?function ${name}\\b`).test(read(`sdk-web/src/${file}`));
    });
    expect(missing).toEqual([]);
  });
});

describe('the pages of the vendors', () => {
  it('are what the profiles say, and a difference fails the check', async () => {
    const place = mkdtempSync(join(tmpdir(), 'symbolon-pages-'));
    try {
      cpSync(join(root, 'docs/channels'), place, { recursive: true });
      expect((await checkPages(place)).stdout).toContain('is up to date');
      writeFileSync(join(place, 'zendesk.md'), `${pageOf('zendesk')}\nOne more line.\n`);
      writeFileSync(join(place, 'nobody.md'), '# Nobody\n');
      await expect(checkPages(place)).rejects.toThrow('zendesk.md, nobody.md');
    } finally {
      rmSync(place, { recursive: true, force: true });
    }
  });

  it('are all in the table', () => {
    const table = read('docs/channels/README.md');
    expect(profiles.filter(({ id }) => !table.includes(`(${id}.md)`)).map(({ id }) => id)).toEqual([]);
  });

  it('name every attribute, setting, input and open question', () => {
    const unnamed = profiles.flatMap((profile) => {
      const page = pageOf(profile.id);
      const words = [
        ...Object.keys(profile.attributes).map((name) => `attribute \`${name}\``),
        ...Object.keys(profile.inputs).map((name) => `input \`${name}\``),
        ...Object.keys(profile.settings.shape).map((name) => `\`settings.${name}\``),
        ...profile.docs.openQuestions,
        ...profile.docs.sources,
      ];
      return words.filter((word) => !page.includes(word)).map((word) => `${profile.id}: ${word}`);
    });
    expect(unnamed).toEqual([]);
  });
});

/** What a company has already: a profile API that gives every field that the pages map. */
const house = {
  public_url: 'http://localhost:8080',
  connections: { crm: { base_url: 'http://127.0.0.1:1' } },
  backends: [
    {
      name: 'crm',
      connection: 'crm',
      method: 'GET',
      path: '/customers/{identifier}',
      identifier: { as: 'opaque', in: 'path' },
      fields: Object.fromEntries(
        ['display_name', 'email', 'email_verified', 'phone', 'segment', 'first_name', 'last_name'].map(
          (name) => [name, name],
        ),
      ),
    },
  ],
};

interface Pasted {
  channels: { id: string; profile: string }[];
  connections?: Record<string, unknown>;
}

function loadPasted(yaml: string) {
  const pasted = parse(yaml) as Pasted;
  const text = stringify({
    ...house,
    default_channel: pasted.channels[0]?.id,
    channels: pasted.channels,
    connections: { ...house.connections, ...pasted.connections },
  });
  const names = [...text.matchAll(/\$\{(\w+)\}/g)].map((match) => match[1] as string);
  // Hex and 44 characters long, so that it does for every vendor's secret.
  const value = 'b17c09f4e6d23a581c7e90b4f6d8a2351e7c9b04f6d8';
  return { loaded: loadText(text, Object.fromEntries(names.map((name) => [name, value]))), pasted };
}

describe('what a page has to paste into symbolon.yaml', () => {
  const blocksOf = (id: string) =>
    [...pageOf(id).matchAll(/```yaml\n([\s\S]+?)\n```/g)].map((match) => match[1] as string);
  const yamlOf = (id: string) => blocksOf(id)[0] ?? '';

  it.each(profiles.map(({ id }) => id))('is taken as it stands: %s', (id) => {
    const { loaded } = loadPasted(yamlOf(id));
    expect(loaded.config.channels.map(({ profile }) => profile)).toEqual([id]);
  });

  it.each(profiles.map(({ id }) => id).filter((id) => blocksOf(id).length > 1))(
    'is taken with the channel of an app beside it: %s',
    (id) => {
      const [page = '', app = ''] = blocksOf(id);
      const [first, ...rest] = page.split('\n');
      const both = [first, ...app.split('\n').slice(1), ...rest].join('\n');
      const { channels } = loadPasted(both).loaded.config;
      expect(channels.map(({ id: channel }) => channel).sort()).toEqual([id, `${id}-app`].sort());
      expect(channels.find(({ id: channel }) => channel === `${id}-app`)?.delivery).toBe('token');
    },
  );

  it.each(profiles.map(({ id }) => id).filter((id) => yamlOf(id).includes('# ')))(
    'is taken with everything that is optional: %s',
    (id) => {
      const all = yamlOf(id).split('\n');
      const optional = all.filter((line) => /^ +# \w+: /.test(line)).map((line) => line.replace('# ', ''));
      const replaced = new Set(optional.map((line) => line.trim().split(':')[0]));
      const kept = all.filter((line) => !line.includes('# ') && !replaced.has(line.trim().split(':')[0]));
      const settings = optional.filter((line) => line.startsWith('      '));
      const rest = optional.filter((line) => !line.startsWith('      '));
      const place = kept.findIndex((line) => line.startsWith('    settings:')) + 1;
      const lines = [...kept.slice(0, place), ...settings, ...kept.slice(place)];
      const end = lines.findIndex((line) => line.startsWith('connections:'));
      lines.splice(end < 0 ? lines.length : end, 0, ...rest);
      expect(loadPasted(lines.join('\n')).loaded.config.channels[0]?.profile).toBe(id);
    },
  );
});
