/**
 * Everything that another system can do to us, at one place on loopback: a server with faults, one that never says a
 * word, a port where nobody listens, and names that move to another address after they were first looked up.
 */
import type { ConfigInput } from '../../src/config/config.ts';
import type { HttpClientDeps } from '../../src/outbound/http-client.ts';
import {
  type Fault,
  FAULTS,
  type FaultyServer,
  type RoleAnswers,
  startFaultyServer,
} from './faulty-server.ts';
import { quantile as quantileOf } from './figures.ts';
import { startSilentServer } from './silent-server.ts';
import type { TestService } from './service.ts';

/** What befalls a destination. */
export type Destination = Fault | 'down' | 'black_hole' | 'moved_inside';

export const DESTINATIONS: readonly Destination[] = ['down', 'black_hole', 'moved_inside', ...FAULTS];

/** Status and error code, or what stands in their place where a browser is sent on. */
export type Told = [status: number, code: string];

/** One place of the configuration that names a destination, and the call at our door that rests on it. */
export interface FaultRole {
  /** Lower case and dashes. */
  readonly name: string;
  /** Faults that cannot be told from an answer that is well: a token endpoint speaks of no customer. */
  readonly senseless: readonly Destination[];
  readonly answers: RoleAnswers;
  /** The documented answer. */
  expected(one: Destination): Told;
  /** Adds the destination. `name`: for everything in the configuration that belongs to it. */
  settings(all: ConfigInput, at: RolePlace): ConfigInput;
  knock(t: TestService, name: string): Promise<Told>;
  /** The answer when all is well. Default: 200. */
  readonly well?: Told;
  /** Its name is looked up within a call, so that the first call is made at the public address. */
  readonly wantsTls?: true;
}

export interface RolePlace {
  name: string;
  /** Base address; the role's own path may go on behind it. */
  base: string;
  /** Address of a system that is well, in the same role. */
  wellBase: string;
  /** Limits of a connection. */
  limits: { connect_timeout_ms?: number; total_timeout_ms?: number };
}

export const caseName = (role: string, one: Destination) => `${role}-${one}`;

export interface FaultHouse {
  readonly faulty: FaultyServer;
  /** Names that were looked up at least once: from then on they lead to this machine. */
  readonly resolved: ReadonlySet<string>;
  /** Connections to the address that names moved to, and calls of what was redirected to. */
  strays(): number;
  readonly resolveHost: NonNullable<HttpClientDeps['resolveHost']>;
  place(role: FaultRole, one: Destination): RolePlace;
  close(): Promise<void>;
}

/** Limits of a connection to this destination, so short that no test waits five seconds for what never comes. */
export function shortLimits(one: Destination): RolePlace['limits'] {
  if (one === 'black_hole' || one === 'moved_inside')
    return { connect_timeout_ms: 200, total_timeout_ms: 1_000 };
  return one === 'slow' || one === 'drip' ? { total_timeout_ms: 1_000 } : {};
}

export async function openFaultHouse(
  roles: readonly FaultRole[],
  limitsOf: (one: Destination) => RolePlace['limits'] = shortLimits,
): Promise<FaultHouse> {
  const faulty = await startFaultyServer(Object.fromEntries(roles.map((role) => [role.name, role.answers])));
  const silent = await startSilentServer();
  const inside = await startSilentServer();
  const resolved = new Set<string>();
  const baseOf = ({ name, wantsTls }: FaultRole, one: Destination): string => {
    if (one === 'down') return `http://127.0.0.1:1/${name}`;
    if (one === 'black_hole') return `https://127.0.0.1:${silent.port}/${name}`;
    if (one !== 'moved_inside') return `${faulty.url}/${one}/${name}`;
    return `${wantsTls ? 'https' : 'http'}://${name}.test:${inside.port}/moved/${name}`;
  };
  return {
    faulty,
    resolved,
    strays: () =>
      inside.accepted() + roles.reduce((sum, { name }) => sum + faulty.calls(`strayed/${name}`), 0),
    // Public at first, and nobody answers there.
    resolveHost: (hostname) => {
      const address = resolved.has(hostname) ? '127.0.0.1' : '2001:db8::7';
      resolved.add(hostname);
      return Promise.resolve([{ address, family: address.includes(':') ? 6 : 4 }]);
    },
    place: (role, one) => ({
      name: caseName(role.name, one),
      base: baseOf(role, one),
      wellBase: `${faulty.url}/none/${role.name}`,
      limits: limitsOf(one),
    }),
    close: async () => {
      await faulty.close();
      await silent.close();
      await inside.close();
    },
  };
}

/** What has nothing to do with a destination that fails, and how long it took meanwhile. */
export interface Bystanders {
  /** A sign-in, and `calls` profiles of the other partner. */
  go(t: TestService, during: string, calls?: number): Promise<void>;
  /** Milliseconds, over all or of one; 0.99: the slowest of a hundred. */
  quantile(what: 'sign-in' | 'partner', share: number, during?: string): number;
  count(): number;
  /** A line for each: 99th percentiles. */
  report(): string;
}

export function createBystanders(): Bystanders {
  const took: { what: 'sign-in' | 'partner'; during: string; ms: number }[] = [];
  const timed = async <T>(what: 'sign-in' | 'partner', during: string, work: () => PromiseLike<T>) => {
    const startedMs = performance.now();
    const result = await work();
    took.push({ what, during, ms: performance.now() - startedMs });
    return result;
  };
  const quantile: Bystanders['quantile'] = (what, share, during) => {
    const fitting = took.filter((one) => one.what === what && (during ?? one.during) === one.during);
    return quantileOf(
      fitting.map(({ ms }) => ms),
      share,
    );
  };
  return {
    quantile,
    count: () => took.length,
    async go(t, during, calls = 3) {
      const { JWT } = await timed('sign-in', during, () => t.signIn('south'));
      for (let i = 0; i < calls; i++) {
        await timed('partner', during, () =>
          t.api
            .post('/getprofile')
            .set({ authorization: `Bearer ${t.south.key.secret}`, 'customer-auth': `JWT ${JWT}` })
            .send({ fields: ['plan'] })
            .expect(200),
        );
      }
    },
    report() {
      const ms = (what: 'sign-in' | 'partner', during: string) =>
        Math.round(quantile(what, 0.99, during))
          .toString()
          .padStart(5);
      return [...new Set(took.map(({ during }) => during))]
        .map(
          (during) =>
            `${during.padEnd(16)} p99 ms: sign-in ${ms('sign-in', during)}, partner ${ms('partner', during)}`,
        )
        .join('\n');
    },
  };
}
