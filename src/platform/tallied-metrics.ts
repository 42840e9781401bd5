/**
 * Metrics of the hot path: plain numbers that become Prometheus values only when somebody reads them. What is counted
 * thousands of times a second must not be looked up by a text that is made of its labels each time.
 */
import { type LabelValues, type Metric, type Registry } from 'prom-client';

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

/** What is done with a counter on the hot path. */
export interface TalliedCounter<Label extends string> {
  /** Adds `by`, 1 unless said otherwise. */
  inc(labels: LabelValues<Label>, by?: number): void;
  /** The same for labels that are known beforehand; shown only once it has counted. */
  labels(labels: LabelValues<Label>): { inc(by?: number): void };
  /** What was counted, for each combination of labels. */
  get(): Promise<{ values: readonly { labels: LabelValues<Label>; value: number }[] }>;
}

/** Shows values to a registry, which asks for no more than this. */
function register(
  registers: readonly Registry[],
  described: { name: string; help: string; type: string; aggregator: string },
  values: () => readonly object[],
): void {
  const read = { ...described, get: async () => ({ ...described, values: values() }) };
  for (const registry of registers) registry.registerMetric(read as unknown as Metric);
}

/** A counter that only grows. */
export function talliedCounter<Label extends string>({
  registers,
  ...configuration
}: MetricConfiguration<Label>): TalliedCounter<Label> {
  const tallies = createTallies(configuration.labelNames, (labels) => ({ labels, value: 0 }));
  const values = () => tallies.all.map(({ labels, value }) => ({ labels, value }));
  register(registers, { ...configuration, type: 'counter', aggregator: 'sum' }, values);
  return {
    get: async () => ({ values: values() }),
    inc: (labels, by = 1) => void (tallies.of(labels).value += by),
    labels: (labels) => {
      let tally: { value: number } | undefined;
      return { inc: (by = 1) => void ((tally ??= tallies.of(labels)).value += by) };
    },
  };
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
    counts: Array.from({ length: buckets.length + 1 }, () => 0),
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
  register(registers, { ...configuration, type: 'histogram', aggregator: 'sum' }, values);
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
