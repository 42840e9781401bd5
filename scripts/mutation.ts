/**
 * `npm run test:mutation [-- ROOM …] [--anew]`: changes the code of a room in every small way there is, and counts the
 * changes that its tests notice. One room after the other; ends with code 1 when one of them stays below 85 %. What
 * neither code nor tests touched since the last run is not tried again, unless `--anew` asks for it.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
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

interface Report {
  files: Record<string, { mutants: { status: string }[] }>;
}

/** Noticed, not noticed and left out, in a line. */
function counts(file: string): string {
  const report = JSON.parse(readFileSync(file, 'utf8')) as Report;
  const statuses = Object.values(report.files).flatMap(({ mutants }) => mutants.map(({ status }) => status));
  const count = (...names: string[]) => statuses.filter((status) => names.includes(status)).length;
  const noticed = count('Killed', 'Timeout');
  const missed = count('Survived', 'NoCoverage');
  const share = ((100 * noticed) / (noticed + missed)).toFixed(1);
  return `${share} %: ${noticed} noticed, ${missed} not, ${count('Ignored')} left out`;
}

const rooms = process.argv.slice(2).filter((word) => word !== '--anew');
const again = process.argv.includes('--anew') ? ['--force'] : [];
const unknown = rooms.filter((room) => !(room in ROOMS));
if (unknown.length > 0) {
  console.error(`There is no room ${unknown.join(', ')}; there are ${Object.keys(ROOMS).join(', ')}.`);
  process.exit(2);
}

const results = (rooms.length > 0 ? rooms : Object.keys(ROOMS)).map((room) => {
  console.log(`\n${room}`);
  const file = resolve(root, 'reports/mutation', `${room}.json`);
  const { status } = spawnSync(
    process.execPath,
    [stryker, 'run', '--mutate', `src/${room}/**/*.ts`, '--incremental', '--incrementalFile', file, ...again],
    { cwd: root, stdio: 'inherit', env: { ...process.env, MUTATION_TESTS: ROOMS[room] } },
  );
  return { room, file, enough: status === 0 };
});
for (const { room, file, enough } of results)
  console.log(`${room} ${enough ? counts(file) : 'BELOW 85 %, or failed'}`);
process.exitCode = results.every(({ enough }) => enough) ? 0 : 1;
