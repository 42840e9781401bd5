/**
 * `npm run test:mutation [-- ROOM …]`: changes the code of a room in every small way there is, and counts the changes
 * that its tests notice. One room after the other; ends with code 1 when one of them stays below 85 %.
 */
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');
const stryker = resolve(root, 'node_modules/@stryker-mutator/core/bin/stryker.js');

/** Rooms, and the folders of tests that prove them. */
const ROOMS: Readonly<Record<string, string>> = {
  identifiers: 'test/rooms/identifiers',
  signatures: 'test/rooms/signatures',
  tokens: 'test/rooms/tokens',
  'api-keys': 'test/rooms/api-keys',
  limits: 'test/rooms/limits',
  oauth: 'test/rooms/oauth',
};

const asked = process.argv.slice(2);
const unknown = asked.filter((room) => !(room in ROOMS));
if (unknown.length > 0) {
  console.error(`There is no room ${unknown.join(', ')}; there are ${Object.keys(ROOMS).join(', ')}.`);
  process.exit(2);
}

const results = (asked.length > 0 ? asked : Object.keys(ROOMS)).map((room) => {
  console.log(`\n${room}`);
  const { status } = spawnSync(process.execPath, [stryker, 'run', '--mutate', `src/${room}/**/*.ts`], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, MUTATION_TESTS: ROOMS[room] },
  });
  return { room, enough: status === 0 };
});
for (const { room, enough } of results)
  console.log(`${room}: ${enough ? 'at least 85 %' : 'BELOW 85 %, or failed'}`);
process.exitCode = results.every(({ enough }) => enough) ? 0 : 1;
