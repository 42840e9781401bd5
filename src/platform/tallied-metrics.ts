/**
 * Metrics of the hot path: plain numbers that become Prometheus values only when somebody reads them. What is counted
 * thousands of times a second must not be looked up by a text that is made of its labels each time.
 */
import { Counter, type LabelValues, type Metric, type Registry } from 'prom-client';

interface MetricConfiguration<Label extends string> {
  name: string;
  help: string;
  labelNames: readonly Label[];
  registers: readonly Registry[];
}

type LabelValue = string | number;

/** Finds what belongs to a combination of label values, one map for each label; `make` makes it the first time. */
function createTallies<Label extends string, Tally>(
  labelNames: readonly Label[],
  make: (labels: LabelValues<Label>) => Tally,
): { of(labels: LabelValues<Label>): Tally; all: readonly Tally[] } {
  type Level = Map<LabelValue, Level | Tally>;
  const root: Level = new Map();
  const all: Tally[] = [];
  const last = labelNames.length - 1;
  return {
    all,
    of: (labels) => {
      let level = root;
      for (let i = 0; i < last; i++) {
        const value = labels[labelNames[i] as Label] as LabelValue;
        let next = level.get(value) as Level | undefined;
        if (!next) level.set(value, (next = new Map()));
        level = next;
      }
      const value = labels[labelNames[last] as Label] as LabelValue;
      let tally = level.get(value) as Tally | undefined;
      if (tally === undefined) {
        tally = make({ ...labels });
        level.set(value, tally);
        all.push(tally);
      }
      return tally;
    },
  };
}

/** A counter like any other of prom-client; `inc` adds to a number, and reading hands the numbers over. */
export function talliedCounter<Label extends string>(
  configuration: MetricConfiguration<Label>,
): Counter<Label> {
  const { labelNames } = configuration;
  const tallies = createTallies(labelNames, (labels) => ({ labels, count: 0 }));
  const counter = new Counter<Label>({
    ...configuration,
    registers: [...configuration.registers],
    collect() {
      this.reset();
      for (const { labels, count } of tallies.all) handOver(labels, count);
    },
  });
  const handOver = counter.inc.bind(counter);
  const tallyOf = (labels: LabelValues<Label>) => {
    let tally: { count: number } | undefined;
    return { inc: (by = 1) => void ((tally ??= tallies.of(labels)).count += by) };
  };
  const count = (labels: LabelValues<Label>, by = 1) => void (tallies.of(labels).count += by);
  counter.inc = count as Counter<Label>['inc'];
  counter.labels = (...given: (string | LabelValues<Label>)[]) => {
    const [first] = given;
    if (typeof first === 'object') return tallyOf(first);
    return tallyOf(Object.fromEntries(labelNames.map((name, i) => [name, given[i]])) as LabelValues<Label>);
  };
  return counter;
}

/** What is done with a histogram on the hot path. */
export interface TalliedHistogram<Label extends string> {
  observe(labels: LabelValues<Label>, value: number): void;
}

/** A histogram with these upper bounds, in rising order. */
export function talliedHistogram<Label extends string>({
  registers,
  buckets,
  ...configuration
}: MetricConfiguration<Label> & { buckets: readonly number[] }): TalliedHistogram<Label> {
  const { name, labelNames } = configuration;
  const tallies = createTallies(labelNames, (labels) => ({
    labels,
    /** Observations of each bucket alone; the last are those beyond all bounds. */
    counts: new Array<number>(buckets.length + 1).fill(0),
    sum: 0,
  }));
  const values = () =>
    tallies.all.flatMap(({ labels, counts, sum }) => {
      let upTo = 0;
      const lines = counts.map((count, i) => {
        upTo += count;
        return { metricName: `${name}_bucket`, labels: { le: buckets[i] ?? '+Inf', ...labels }, value: upTo };
      });
      return [
        ...lines,
        { metricName: `${name}_sum`, labels, value: sum },
        { metricName: `${name}_count`, labels, value: upTo },
      ];
    });
  const described = { ...configuration, type: 'histogram', aggregator: 'sum' };
  const read = { ...described, get: async () => ({ ...described, values: values() }) };
  // A registry asks for no more than this.
  for (const registry of registers) registry.registerMetric(read as unknown as Metric<Label>);
  return {
    observe: (labels, value) => {
      const tally = tallies.of(labels);
      let bucket = 0;
      while (bucket < buckets.length && value > (buckets[bucket] as number)) bucket++;
      tally.counts[bucket] = (tally.counts[bucket] as number) + 1;
      tally.sum += value;
    },
  };
}
