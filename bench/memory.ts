/** What the service keeps resident: when it serves, when it has rested, under load, and when it has rested again. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Stage } from './contestants.ts';
import { residentMib } from './contestant.ts';
import { load } from './load.ts';
import { profileRequest, tokenRequest } from './requests.ts';
import { renewalOf } from './symbolon.ts';

/** V8 gives memory back some seconds after the last work. */
const REST_MS = 20_000;
const LOAD_MS = 4_000;

/** Prints resident memory of a fresh process in four moments, in MiB. */
export async function measureMemory(stage: Stage): Promise<void> {
  const one = await stage.symbolon();
  const resident = () => residentMib(one.started.child.pid as number);
  const ready = resident();
  await pause(REST_MS);
  const rested = resident();
  const { url, access, publicId, customer, clientId, clientSecret } = one;
  let most = 0;
  for (const target of [
    profileRequest(url, { access, key: publicId, customer }),
    tokenRequest(`${url}/access_token`, clientId, clientSecret),
    renewalOf(one),
  ]) {
    await load(target, 32, LOAD_MS);
    most = Math.max(most, resident());
  }
  await pause(REST_MS);
  console.log('\nResident memory in MiB');
  console.log(`  ready ${ready}, at rest ${rested}, under load ${most}, at rest again ${resident()}`);
}
