/** Faults of several processes, in small; `npm run test:faults` runs them in full. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  postgresRestarted,
  postgresUnfit,
  redisKilled,
  redisPaused,
  rollingRestart,
  rotationUnderLoad,
  seed,
  SETTINGS,
} from './fault-scenarios.ts';
import { type Fleet, fleetMissing, startFleet } from './fleet.ts';
import type { ServeProcess } from './serve-process.ts';

const missing = fleetMissing();
let fleet: Fleet;
let key: Record<string, string>;
beforeAll(async () => {
  if (missing) return;
  fleet = await startFleet(2, SETTINGS);
  ({ key } = await seed(fleet.processes[0] as ServeProcess));
}, 120_000);
afterAll(() => fleet?.stop());

describe.skipIf(missing !== '')(`two processes get over ${missing}`, () => {
  it(
    'Redis that is killed and comes back empty',
    () => expect(redisKilled(fleet, 1)).resolves.toBeUndefined(),
    60_000,
  );
  it('Redis that stops answering', () => expect(redisPaused(fleet)).resolves.toBeUndefined(), 60_000);
  it('PostgreSQL that is restarted', () => expect(postgresRestarted(fleet)).resolves.toBeUndefined(), 60_000);
  it(
    'PostgreSQL that takes no writes',
    () => expect(postgresUnfit(fleet, 'read-only')).resolves.toBeUndefined(),
    60_000,
  );
  it(
    'PostgreSQL that gives no connection',
    () => expect(postgresUnfit(fleet, 'connections exhausted')).resolves.toBeUndefined(),
    60_000,
  );
  it(
    'a change of signing keys under load without a failed verification',
    () => expect(rotationUnderLoad(fleet, 1)).resolves.toBeUndefined(),
    60_000,
  );
  it(
    'a rolling restart without a failed call, and sessions live on',
    () => expect(rollingRestart(fleet, 1, key)).resolves.toHaveProperty('counts'),
    60_000,
  );
});
