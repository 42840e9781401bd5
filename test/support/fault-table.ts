/** The table of faults: what each destination's failing must lead to, as the bodies of tests. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect } from 'vitest';
import type { ConfigInput } from '../../src/config/config.ts';
import type { TestClock } from './clock.ts';
import {
  type Bystanders,
  caseName,
  createBystanders,
  DESTINATIONS,
  type Destination,
  type FaultHouse,
  type FaultRole,
  openFaultHouse,
  type RolePlace,
  type Told,
} from './fault-house.ts';
import { FAULTS } from './faulty-server.ts';
import { tell } from './figures.ts';
import { startService, type TestService } from './service.ts';

const DOCUMENTED = readFileSync(resolve(import.meta.dirname, '../../docs/errors.md'), 'utf8');

export interface FaultTableOptions {
  clock?: TestClock;
  /** Default: short ones where nothing else ends a call. */
  limits?: RolePlace['limits'];
  /** Runs before the service starts; what it gives changes the settings once more. */
  prepare?(house: FaultHouse): Promise<(all: ConfigInput) => ConfigInput>;
}

export interface FaultTable {
  readonly cases: readonly (readonly [role: string, one: Destination])[];
  readonly t: TestService;
  readonly bystanders: Bystanders;
  /** Requests that arrived at the destination, those that a fault ate included. */
  arrived(role: string, one: Destination): number;
  open(): Promise<void>;
  close(): Promise<void>;
  /** One row: the documented answer, in time, and nothing else suffers. */
  expectRow(role: string, one: Destination): Promise<void>;
  knock(role: string, one: Destination): Promise<Told>;
  expectNoStrays(): void;
  expectRecovery(): Promise<void>;
  expectNoHarm(): void;
}

/** Adds every destination to the settings of a test service; what is there already keeps to its own directory. */
export function withFaults(
  all: ConfigInput,
  roles: readonly FaultRole[],
  house: Pick<FaultHouse, 'place'>,
): ConfigInput {
  const start: ConfigInput = {
    ...all,
    authenticators: [{ name: 'directory', type: 'directory', reference_space: 'directory' }],
    channels: (all.channels ?? []).map((channel) => ({ ...channel, authenticators: ['directory'] })),
    sign_in: { max_failures_per_account: 100, max_failures_per_address: 100_000 },
  };
  return casesOf(roles).reduce(
    (settings, [role, one]) => role.settings(settings, house.place(role, one)),
    start,
  );
}

export const casesOf = (roles: readonly FaultRole[]): [FaultRole, Destination][] =>
  roles.flatMap((role) =>
    DESTINATIONS.filter((one) => !role.senseless.includes(one)).map((one): [FaultRole, Destination] => [
      role,
      one,
    ]),
  );

/** A request for a token that is on its way may take its thirty seconds. */
const isHeldUp = ({ name }: FaultRole, one: Destination) =>
  ['token', 'refresh'].includes(name) && ['slow', 'drip'].includes(one);

export function createFaultTable(
  roles: readonly FaultRole[],
  { limits, prepare, ...service }: FaultTableOptions = {},
): FaultTable {
  const cases = casesOf(roles);
  const bystanders = createBystanders();
  /** The same at times when no destination is called. */
  const calm = createBystanders();
  let house: FaultHouse;
  let t: TestService;
  const roleOf = (name: string) => roles.find((role) => role.name === name) as FaultRole;
  const knock = (role: string, one: Destination) => roleOf(role).knock(t, caseName(role, one));

  return {
    cases: cases.map(([role, one]) => [role.name, one] as const),
    get t() {
      return t;
    },
    bystanders,
    arrived: (role, one) => house.faulty.calls(`${one}/${role}`),
    knock,
    async open() {
      house = await openFaultHouse(roles, limits && (() => limits));
      const change = (await prepare?.(house)) ?? ((all: ConfigInput) => all);
      t = await startService({
        ...service,
        settings: (all) => change(withFaults(all, roles, house)),
        resolveHost: house.resolveHost,
      });
      if (service.clock) t = Object.assign(t, { clock: service.clock });
      const fields = cases.map(([role, one]) => caseName(role.name, one));
      await t.admin.patch('/admin/partners/north').send({ visible_fields: fields }).expect(200);
    },
    async close() {
      await t?.dispose();
      await house?.close();
      tell(`${bystanders.report()}\n${calm.report()}`);
    },
    async expectRow(role, one) {
      const expected = roleOf(role).expected(one);
      const well = roleOf(role).well ?? [200, ''];
      if (/^[A-Z_]+$/.test(expected[1])) expect(DOCUMENTED).toContain(`\n### \`${expected[1]}\`\n`);
      // The first look-up gave an address where nobody is.
      if (one === 'moved_inside') await knock(role, one);
      const startedMs = performance.now();
      expect(await knock(role, one)).toEqual(expected);
      expect(performance.now() - startedMs).toBeLessThan(6_000);

      const storm = Array.from({ length: 20 }, () => knock(role, one));
      await bystanders.go(t, role);
      // Once the circuit is open or a pause was asked for, nobody waits any more; until then a call may wait its time out.
      const statuses = new Set([expected[0], 503, 504]);
      if (one === 'flapping') statuses.add(well[0]);
      if (one === 'too_many') statuses.add(429);
      for (const [status] of await Promise.all(storm)) expect(statuses).toContain(status);
      await calm.go(t, 'calm', 1);
    },
    expectNoStrays() {
      expect(house.strays()).toBe(0);
      expect(house.resolved).toEqual(new Set(roles.map(({ name }) => `${name}.test`)));
    },
    async expectRecovery() {
      for (const fault of FAULTS) house.faulty.mended.add(fault);
      t.clock.advance(10_000);
      const again = cases.filter(
        ([role, one]) => (FAULTS as readonly string[]).includes(one) && !isHeldUp(role, one),
      );
      // One after the other: by a limit of a second a busy machine would be too slow for all of them at once.
      const outcomes: [string, Told][] = [];
      for (const [role, one] of again) {
        outcomes.push([caseName(role.name, one), await knock(role.name, one)]);
      }
      expect(outcomes).toEqual(
        again.map(([role, one]) => [caseName(role.name, one), role.well ?? [200, '']]),
      );
    },
    expectNoHarm() {
      expect(bystanders.count()).toBe(cases.length * 4);
      for (const what of ['sign-in', 'partner'] as const) {
        // Whoever waited for a destination waited for its limit, a second; on a slow machine everybody waits.
        const boundMs = Math.max(1_000, 4 * calm.quantile(what, 0.95));
        expect(bystanders.quantile(what, 0.95)).toBeLessThan(boundMs);
      }
    },
  };
}
