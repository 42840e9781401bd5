// Writes the vendors' pages into docs/channels from the channel profiles, or checks that they are current.
//   node scripts/channel-pages.ts --write docs/channels
//   node scripts/channel-pages.ts --check docs/channels
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { channelProfiles } from '../src/channels/profile-registry.ts';
import { channelPage } from './channel-page.ts';
import { channelTable } from './channel-table.ts';

/** Content of docs/channels by file name. */
function allPages(): Map<string, string> {
  const profiles = [...channelProfiles.values()];
  return new Map([
    ['README.md', channelTable(profiles)],
    ...profiles.map((profile) => [`${profile.id}.md`, channelPage(profile)] as const),
  ]);
}

function presentPages(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => name.endsWith('.md'));
  } catch {
    return [];
  }
}

function readOrEmpty(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

const [mode, folder] = process.argv.slice(2);
if (folder === undefined || (mode !== '--write' && mode !== '--check')) {
  process.stderr.write('Call it with --write FOLDER or --check FOLDER.\n');
  process.exit(2);
}
const pages = allPages();
const left = presentPages(folder).filter((name) => !pages.has(name));
if (mode === '--write') {
  mkdirSync(folder, { recursive: true });
  for (const name of left) rmSync(join(folder, name));
  for (const [name, text] of pages) writeFileSync(join(folder, name), text);
  process.stdout.write(`Wrote ${pages.size} pages into ${folder}.\n`);
} else {
  const stale = [...pages]
    .filter(([name, text]) => readOrEmpty(join(folder, name)) !== text)
    .map(([name]) => name);
  const wrong = [...stale, ...left];
  if (wrong.length > 0) {
    process.stderr.write(
      `${folder} differs from the channel profiles: ${wrong.join(', ')}. Run \`npm run channel-pages\` and commit the result.\n`,
    );
    process.exit(1);
  }
  process.stdout.write(`${folder} is up to date.\n`);
}
