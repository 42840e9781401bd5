/** `npm run test:faults`: faults of several processes in full. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  answered,
  get,
  postgresRestarted,
  postgresUnfit,
  redisKilled,
  redisPaused,
  redisSlow,
  rollingRestart,
  rotationUnderLoad,
  seed,
  SETTINGS,
  slowLoris,
} from '../e2e/fault-scenarios.ts';
import { type Fleet, startFleet } from '../e2e/fleet.ts';
import type { ServeProcess } from '../e2e/serve-process.ts';
import { tell } from '../support/figures.ts';

let fleet: Fleet;
let key: Record<string, string>;
beforeAll(async () => {
  fleet = await startFleet(2, SETTINGS);
  ({ key } = await seed(fleet.processes[0] as ServeProcess));
});
afterAll(() => fleet?.stop());

describe('two processes get over', () => {
  it('Redis that is killed ten times', () => expect(redisKilled(fleet, 10)).resolves.toBeUndefined());
  it('Redis that stops answering, three times', async () => {
    for (let n = 0; n < 3; n++) await expect(redisPaused(fleet)).resolves.toBeUndefined();
  });
  it('Redis that takes half a second for each command', () =>
    expect(redisSlow(fleet)).resolves.toBeUndefined());
  it('PostgreSQL that is restarted five times', async () => {
    for (let n = 0; n < 5; n++) await expect(postgresRestarted(fleet)).resolves.toBeUndefined();
  });
  it('PostgreSQL that takes no writes', () =>
    expect(postgresUnfit(fleet, 'read-only')).resolves.toBeUndefined());
  it('PostgreSQL that gives no connection', () =>
    expect(postgresUnfit(fleet, 'connections exhausted')).resolves.toBeUndefined());
  it('five changes of signing keys under load without a failed verification', () =>
    expect(rotationUnderLoad(fleet, 5)).resolves.toBeUndefined());
  it('twenty ends by SIGTERM under load without a failed call', async () => {
    const calls = answered(await rollingRestart(fleet, 10, key));
    tell(`SIGTERM: 20 ends, ${calls} calls, none failed`);
    expect(calls).toBeGreaterThan(200);
  });
  it('five hundred connections that never finish their request: honest callers wait half a second at most', async () => {
    const slowestMs = await slowLoris((fleet.processes[0] as ServeProcess).url, 500);
    tell(`slow loris: 500 connections, p99 of honest calls ${slowestMs.toFixed(0)} ms`);
    expect(slowestMs).toBeLessThan(500);
    expect(await get(`${fleet.url}/whoami`, key)).toBe(200);
  });
});
