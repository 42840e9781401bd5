/** Records a CPU profile of the service under load. */
import { mkdirSync, mkdtempSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Stage } from './contestants.ts';
import { stop } from './contestant.ts';
import { drawFlameGraph } from './flame.ts';
import { load, type Target } from './load.ts';
import { profileRequest, signedRequests, tokenRequest } from './requests.ts';
import { type BenchedSymbolon, renewalOf } from './symbolon.ts';

const WARM_UP_MS = 3_000;
const LOAD_MS = 5_000;
export const GRAPHS = resolve(import.meta.dirname, '../docs/performance');

export const TARGETS: Readonly<Record<string, (one: BenchedSymbolon) => Target>> = {
  getprofile: ({ url, access, publicId, customer }) =>
    profileRequest(url, { access, key: publicId, customer }),
  access_token: ({ url, clientId, clientSecret }) =>
    tokenRequest(`${url}/access_token`, clientId, clientSecret),
  renewal: renewalOf,
  signed: ({ url, signingId, signingSecret, customer }) =>
    signedRequests(`${url}/getprofile`, { id: signingId, secret: signingSecret }, customer),
};

/** Writes `docs/performance/<name>.svg`. Returns the file of the profile itself, for other readers of such files. */
export async function drawProfile(stage: Stage, name: string, useRedis: boolean): Promise<string> {
  const target = TARGETS[name];
  if (!target) throw new Error(`${name} is none of ${Object.keys(TARGETS).join(', ')}`);
  const folder = mkdtempSync(join(tmpdir(), 'symbolon-profile-'));
  const env: Record<string, string> = useRedis ? { REDIS_URL: await stage.redis() } : {};
  const nodeOptions = ['--cpu-prof', '--cpu-prof-interval=250', `--cpu-prof-dir=${folder}`];
  const began = performance.now();
  const symbolon = await stage.symbolon({ nodeOptions, env });
  await load(target(symbolon), 32, WARM_UP_MS);
  const skipMs = performance.now() - began;
  await load(target(symbolon), 32, LOAD_MS);
  await stop(symbolon.started);
  const files = readdirSync(folder).map((file) => join(folder, file));
  // The password process leaves one too, with next to nothing in it.
  const [largest] = files.sort((a, b) => statSync(b).size - statSync(a).size);
  if (largest === undefined) throw new Error('no profile was written');
  mkdirSync(GRAPHS, { recursive: true });
  const title = `Where the time of ${name} goes`;
  writeFileSync(join(GRAPHS, `${name}.svg`), drawFlameGraph(largest, title, skipMs));
  return largest;
}
