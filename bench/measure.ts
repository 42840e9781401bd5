/** One scenario: contestants loaded in turn, round after round, on one core, while the generator has the other. */
import { cpuMicroseconds, residentMib, type Started } from './contestant.ts';
import { firstOf, type LoadRequest, load, once, steadyLoad, type Target } from './load.ts';

export const SERVER_CORE = 0;
export const OTHER_CORE = 1;
/** By then the service's hot code is compiled. */
const WARM_UP_MS = 1_500;

export interface Contestant {
  name: string;
  started: Started;
  target: Target;
  /** Calls that must be refused before anything is measured; none only for a peer that checks nothing by design. */
  refused?: readonly LoadRequest[];
}

export interface Effort {
  rounds: number;
  roundMs: number;
  /** Default 32. */
  connections?: number;
  /** Length of the first round, which does not count. Default 1,500. */
  warmUpMs?: number;
}

export interface Figure {
  name: string;
  /** CPU time of the contestant's processes per request, kernel work included. */
  microseconds: number;
  p50Ms: number;
  p99Ms: number;
  /** Resident memory at the end. */
  mib: number;
}

export interface Scenario {
  title: string;
  figures: Figure[];
}

export function quantile(values: readonly number[], share: number): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length * share)] ?? 0;
}

const median = (values: readonly number[]) => quantile(values, 0.5);

/** Of the costs of several rounds the lower quartile: what else the machine does only ever adds. */
const undisturbed = (costs: readonly number[]) => quantile(costs, 0.25);

/** Every contestant proves that it answers what it should and refuses what it must. */
async function prove({ name, target, refused = [] }: Contestant): Promise<void> {
  try {
    await once(firstOf(target));
    for (const one of refused) await once(one);
  } catch (error) {
    throw new Error(`${name} does not do what it is measured for`, { cause: error });
  }
}

/** Figures of the contestants, in their order; ratios are against the first. */
export async function measure(
  title: string,
  contestants: readonly Contestant[],
  { rounds, roundMs, connections = 32, warmUpMs = WARM_UP_MS }: Effort,
): Promise<Scenario> {
  for (const one of contestants) await prove(one);
  const spent = contestants.map(() => [] as number[]);
  const latencies = contestants.map(() => [] as number[]);
  for (let round = 0; round <= rounds; round++) {
    for (const [i, { started, target }] of contestants.entries()) {
      const pid = started.child.pid as number;
      const before = cpuMicroseconds(pid);
      const { answers, latenciesMs } = await load(target, connections, round === 0 ? warmUpMs : roundMs);
      if (round === 0) continue;
      spent[i]?.push((cpuMicroseconds(pid) - before) / answers);
      for (const latency of latenciesMs) latencies[i]?.push(latency);
    }
    process.stderr.write(`\r${title}: round ${round} of ${rounds}   `);
  }
  process.stderr.write('\n');
  const figures = contestants.map(({ name, started }, i) => ({
    name,
    microseconds: undisturbed(spent[i] as number[]),
    p50Ms: median(latencies[i] as number[]),
    p99Ms: quantile(latencies[i] as number[], 0.99),
    mib: residentMib(started.child.pid as number),
  }));
  print({ title, figures });
  return { title, figures };
}

/** CPU time per request of one service, which may be several processes. */
export async function costOf(
  processes: readonly Started[],
  targets: readonly Target[],
  { rounds, roundMs, warmUpMs = WARM_UP_MS }: Effort,
): Promise<number> {
  const spentBy = () => processes.reduce((sum, { child }) => sum + cpuMicroseconds(child.pid as number), 0);
  const costs: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    const before = spentBy();
    const loads = await Promise.all(
      targets.map((target) => load(target, 32, round === 0 ? warmUpMs : roundMs)),
    );
    const answers = loads.reduce((sum, one) => sum + one.answers, 0);
    if (round > 0) costs.push((spentBy() - before) / answers);
  }
  return undisturbed(costs);
}

function print({ title, figures }: Scenario): void {
  const own = figures[0]?.microseconds ?? 0;
  console.log(`\n${title}`);
  for (const { name, microseconds, p99Ms, mib } of figures) {
    const us = microseconds.toFixed(1).padStart(9);
    const ratio = (microseconds / own).toFixed(2).padStart(6);
    const rest = `p99 ${p99Ms.toFixed(1).padStart(6)} ms   ${String(mib).padStart(4)} MiB`;
    console.log(`  ${name.padEnd(44)} ${us} µs   ${ratio} x   ${rest}`);
  }
}

/** Latency at a steady 500 requests a second over two connections, in turn; the lowest p99 of the rounds. */
export async function measureLatency(
  title: string,
  contestants: readonly Contestant[],
  { rounds, roundMs }: Effort,
): Promise<void> {
  console.log(`\n${title}`);
  const found = contestants.map(() => [] as { p50: number; p99: number }[]);
  for (let round = 0; round < rounds; round++) {
    for (const [i, { target }] of contestants.entries()) {
      const all = await steadyLoad(target, { perSecond: 500, connections: 2, durationMs: roundMs });
      found[i]?.push({ p50: median(all), p99: quantile(all, 0.99) });
    }
  }
  for (const [i, { name }] of contestants.entries()) {
    const best = (found[i] ?? []).toSorted((a, b) => a.p99 - b.p99)[0];
    console.log(`  ${name.padEnd(44)} p50 ${best?.p50.toFixed(2)} ms   p99 ${best?.p99.toFixed(2)} ms`);
  }
}
