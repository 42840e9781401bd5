/** One sample of the Prometheus text format. */
export interface Sample {
  name: string;
  labels: Readonly<Record<string, string>>;
  value: number;
}

/** One metric as it is exposed. */
export interface ExposedMetric {
  help: string;
  type: string;
  samples: Sample[];
}

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g;

/** Reads the Prometheus text format, version 0.0.4. Throws at a line that is none of it. */
export function readExposition(text: string): Map<string, ExposedMetric> {
  const metrics = new Map<string, ExposedMetric>();
  const named = (name: string): ExposedMetric => {
    const base = metrics.has(name) ? name : name.replace(/_(bucket|sum|count)$/, '');
    const known = metrics.get(base) ?? { help: '', type: 'untyped', samples: [] };
    metrics.set(base, known);
    return known;
  };
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const [, kind, about = '', rest = ''] = /^# (HELP|TYPE) (\S+) ?(.*)$/.exec(line) ?? [];
    if (kind === 'HELP') named(about).help = rest;
    else if (kind === 'TYPE') named(about).type = rest;
    else {
      const [, name = '', labelText = '', value = ''] = LINE.exec(line) ?? [];
      if (name === '') throw new Error(`not a line of the text format: ${line}`);
      const labels = Object.fromEntries([...labelText.matchAll(LABEL)].map((one) => [one[1], one[2]]));
      named(name).samples.push({ name, labels, value: Number(value) });
    }
  }
  return metrics;
}
