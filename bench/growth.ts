/** How the cost of a request grows, measured and drawn into `docs/performance/`. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { postgresMissing, startPostgres } from '../test/support/postgres.ts';
import { redisMissing } from '../test/support/redis.ts';
import type { Peer, Stage } from './contestants.ts';
import type { Target } from './load.ts';
import { costOf, type Effort } from './measure.ts';
import { fillTables } from './more-rows.ts';
import { drawPlot, type Plot } from './plot.ts';
import { GRAPHS } from './profile.ts';
import { profileRequest, subjectTokenRequest } from './requests.ts';
import { type BenchedSymbolon, PROVIDER, renewalOf } from './symbolon.ts';

const COST = 'CPU µs per request';

const profileOf = ({ url, access, publicId, customer }: BenchedSymbolon) =>
  profileRequest(url, { access, key: publicId, customer });

const signInOf = ({ url, providerKey }: BenchedSymbolon, tokenBytes: number) =>
  subjectTokenRequest(url, { key: providerKey, ...PROVIDER }, tokenBytes);

function save(name: string, plot: Plot): void {
  mkdirSync(GRAPHS, { recursive: true });
  writeFileSync(join(GRAPHS, `${name}.svg`), drawPlot(plot));
  console.log(`\n${plot.title}`);
  for (const one of plot.series) {
    const told = one.points.map(([x, y]) => `${x.toLocaleString('en')}: ${y.toFixed(1)}`);
    console.log(`  ${one.name.padEnd(24)} ${told.join('   ')}`);
  }
}

async function byRows(stage: Stage, most: number, effort: Effort): Promise<void> {
  const symbolon = await stage.symbolon();
  const targets = {
    '/getprofile': profileOf(symbolon),
    renewal: renewalOf(symbolon),
    'sign-in by token': signInOf(symbolon, 500),
  };
  const found = new Map<string, [number, number][]>(Object.keys(targets).map((name) => [name, []]));
  for (let rows = 1; rows <= most; rows *= 10) {
    fillTables(symbolon.home, rows);
    for (const [name, target] of Object.entries(targets)) {
      found.get(name)?.push([rows, await costOf([symbolon.started], [target], effort)]);
    }
  }
  save('rows', {
    title: 'Customers, keys and sessions in the embedded database',
    axes: ['rows of each', COST],
    logarithmic: true,
    series: [...found].map(([name, points]) => ({ name, points })),
  });
}

async function byBackends(stage: Stage, effort: Effort): Promise<void> {
  const points: [number, number][] = [];
  for (const backends of [1, 4, 16, 64]) {
    const symbolon = await stage.symbolon({ backends });
    points.push([backends, await costOf([symbolon.started], [profileOf(symbolon)], effort)]);
  }
  save('backends', {
    title: 'Backends asked for one profile',
    axes: ['backends', COST],
    series: [{ name: '/getprofile', points }],
  });
}

async function byTokenSize(stage: Stage, effort: Effort): Promise<void> {
  const symbolon = await stage.symbolon();
  const points: [number, number][] = [];
  for (const bytes of [500, 1_000, 2_000, 4_000, 8_000]) {
    points.push([bytes, await costOf([symbolon.started], [signInOf(symbolon, bytes)], effort)]);
  }
  save('tokens', {
    title: "Size of the identity provider's token",
    axes: ['bytes', COST],
    series: [{ name: 'sign-in by token', points }],
  });
}

/**
 * All processes have one core. Loaded in turn they show what they cost each other by what they share: stores, polls,
 * revocations. Loaded at once they show that and what taking turns on a core costs any program; the bare proxy says how
 * much that is.
 */
async function byProcesses(stage: Stage, effort: Effort): Promise<void> {
  const missing = redisMissing() ?? postgresMissing();
  if (missing !== undefined) return console.log(`\nProcesses: left out, ${missing}`);
  const server = await startPostgres();
  stage.onEnd(() => server.stop());
  const env = { REDIS_URL: await stage.redis(), DATABASE_URL: await server.createDatabase() };
  const first = await stage.symbolon({ env });
  const fleet = [first];
  const proxies: Peer[] = [];
  const points: Record<string, [number, number][]> = {};
  const inTurn = async (of: (one: BenchedSymbolon) => Target): Promise<number> => {
    let sum = 0;
    for (const one of fleet) sum += await costOf([one.started], [of(one)], effort);
    return sum / fleet.length;
  };
  const add = (name: string, cost: number) => (points[name] ??= []).push([fleet.length, cost]);
  for (const processes of [1, 2, 3]) {
    while (fleet.length < processes) fleet.push(await stage.symbolon({ env, fleetOf: first }));
    while (proxies.length < processes) proxies.push(await stage.peer('floor'));
    add('/getprofile in turn', await inTurn(profileOf));
    add('renewal in turn', await inTurn(renewalOf));
    const all = fleet.map((one) => one.started);
    add('/getprofile at once', await costOf(all, fleet.map(profileOf), effort));
    const toProxies = proxies.map(({ url }) => ({ ...profileOf(first), url: `${url}/getprofile` }));
    const bare = await costOf(
      proxies.map((one) => one.started),
      toProxies,
      effort,
    );
    add('bare proxy at once', bare);
  }
  save('processes', {
    title: 'Processes on one PostgreSQL and one Redis',
    axes: ['processes', COST],
    series: Object.entries(points).map(([name, found]) => ({ name, points: found })),
  });
}

/** By what; each draws the plot of its name. `most`: rows of each table, up to a million; filling them takes the longest. */
const GROWTHS: Record<string, (stage: Stage, effort: Effort, most: number) => Promise<void>> = {
  rows: (stage, effort, most) => byRows(stage, most, effort),
  backends: byBackends,
  tokens: byTokenSize,
  processes: byProcesses,
};

/** Measures those that are named, by default all. */
export async function measureGrowth(
  stage: Stage,
  { most, only = Object.keys(GROWTHS) }: { most: number; only?: readonly string[] | undefined },
  effort: Effort,
): Promise<void> {
  for (const name of only) {
    const grow = GROWTHS[name];
    if (!grow) throw new Error(`${name} is none of ${Object.keys(GROWTHS).join(', ')}`);
    await grow(stage, effort, most);
  }
}
