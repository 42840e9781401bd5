import { withStage } from './contestants.ts';
import { measure } from './measure.ts';
import { TARGETS } from './profile.ts';
const [names, redis, rounds, ms, ...builds] = process.argv.slice(2);
await withStage(builds[0], async (stage) => {
  const env: Record<string,string> = redis === 'redis' ? { REDIS_URL: await stage.redis() } : {};
  const all = [];
  for (const b of builds) all.push({ b, s: await stage.symbolon({ launcher: b + '/bin/symbolon.mjs', env }) });
  for (const n of names!.split(',')) await measure(n, all.map(({ b, s }) => ({ name: b, started: s.started, target: TARGETS[n]!(s) })), { rounds: Number(rounds), roundMs: Number(ms) });
});
