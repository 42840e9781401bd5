/**
 * `npm run bench`: this service as it is shipped and its peers side by side, in turn, round after round, each on one
 * core while generator, backend and Redis have the other. The figure is CPU time of the server per request; only
 * ratios within one run mean anything. Each contestant first proves that it refuses what it has to.
 *
 *   npm run bench -- [--only getprofile,health] [--rounds 8] [--round-ms 1000]
 *                     [--built DIR]             takes a build that is there: bin, dist and node_modules in DIR
 *   npm run bench -- growth [--most 100000] [--only processes]     how cost grows, as plots in docs/performance/
 *   npm run bench -- flame [getprofile] [--redis]  a flame graph in docs/performance/
 */
import { parseArgs } from 'node:util';
import { residentMib } from './contestant.ts';
import { withStage } from './contestants.ts';
import { measureGrowth } from './growth.ts';
import { drawProfile } from './profile.ts';
import { openCast, SCENARIOS } from './scenarios.ts';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: 'string' },
    rounds: { type: 'string', default: '8' },
    'round-ms': { type: 'string', default: '1000' },
    redis: { type: 'boolean', default: false },
    built: { type: 'string' },
    most: { type: 'string', default: '100000' },
  },
});
const effort = { rounds: Number(values.rounds), roundMs: Number(values['round-ms']) };

async function compare(): Promise<void> {
  const names = values.only?.split(',') ?? Object.keys(SCENARIOS);
  const unknown = names.find((name) => !Object.hasOwn(SCENARIOS, name));
  if (unknown !== undefined) throw new Error(`${unknown} is none of ${Object.keys(SCENARIOS).join(', ')}`);
  await withStage(values.built, async (stage) => {
    const cast = await openCast(stage);
    const pid = cast.symbolon.started.child.pid as number;
    console.log(`ready after ${Math.round(cast.symbolon.readyMs)} ms, ${residentMib(pid)} MiB resident`);
    for (const name of names) {
      try {
        await SCENARIOS[name]?.(stage, cast, effort);
      } catch (error) {
        console.error(`\n${name} is left out:`, error);
        process.exitCode = 1;
      }
    }
    console.log(`\n${residentMib(pid)} MiB resident after load`);
  });
}

async function flame(name = 'getprofile'): Promise<void> {
  await withStage(values.built, async (stage) => {
    console.log(await drawProfile(stage, name, values.redis));
  });
}

switch (positionals[0]) {
  case 'flame':
    await flame(positionals[1]);
    break;
  case 'growth':
    await withStage(values.built, (stage) =>
      measureGrowth(stage, { most: Number(values.most), only: values.only?.split(',') }, effort),
    );
    break;
  case undefined:
    await compare();
    break;
  default:
    throw new Error(`${positionals[0]} is neither growth nor flame`);
}
