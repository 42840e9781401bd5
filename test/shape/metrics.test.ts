import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { METHODS } from 'node:http';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { type ExposedMetric, readExposition } from '../support/exposition.ts';
import { namesIn } from '../support/promql.ts';
import { rawRequest } from '../support/raw-request.ts';
import { startService, type TestService } from '../support/service.ts';

const root = resolve(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');

let t: TestService;
beforeAll(async () => {
  t = await startService();
  const { JWT } = await t.signIn();
  await t.api
    .post('/getprofile')
    .set(await t.asappStyle())
    .set('customer-auth', `JWT ${JWT}`)
    .expect(200);
});
afterAll(() => t.dispose());

const exposed = async (): Promise<Map<string, ExposedMetric>> =>
  readExposition((await t.ops.get('/metrics').expect(200)).text);

/** Names of labels as the program declares them, so that a metric without a sample yet is known, too. */
const declaredLabels = (): Map<string, string[]> =>
  new Map(
    t.service.metrics.registry
      .getMetricsAsArray()
      .map((one) => [one.name, [...((one as unknown as { labelNames?: string[] }).labelNames ?? [])]]),
  );

const isOwn = (name: string) => !/^symbolon_(nodejs|process)_/.test(name);

describe('the metrics', () => {
  it('are described in the manual by name and labels, each of them and no others', async () => {
    const section = /\n## Metrics\n([\s\S]*?)\n## /.exec(read('docs/operations.md'))?.[1] ?? '';
    const rows = [...section.matchAll(/^\| `(symbolon_\w+)` \|([^|]*)\|/gm)];
    const described = rows.map(([, name = '', cell = '']) => {
      const names = cell.replaceAll(/\([^)]*\)/g, '').matchAll(/`(\w+)`/g);
      return `${name} ${[...names]
        .map((one) => one[1] as string)
        .sort()
        .join(' ')}`;
    });
    const declared = [...declaredLabels()]
      .filter(([name]) => isOwn(name))
      .map(([name, labels]) => `${name} ${labels.sort().join(' ')}`);
    expect(described.sort()).toEqual(declared.sort());
    expect(described.length).toBeGreaterThan(40);
  });

  it('say in words what they count', async () => {
    const speechless = [...(await exposed())].filter(
      ([, { help, type }]) => help.length < 8 || type === 'untyped',
    );
    expect(speechless.map(([name]) => name)).toEqual([]);
  });

  it('end in the unit or the word that their kind asks for', async () => {
    const odd = [...(await exposed())].filter(
      ([name, { type }]) => isOwn(name) && (type === 'counter') !== name.endsWith('_total'),
    );
    expect(odd.map(([name]) => name)).toEqual([]);
  });

  it('stay as many as they are, whatever callers invent', async () => {
    const series = async () => {
      const all = [...(await exposed()).values()].flatMap(({ samples }) => samples);
      return new Set(all.map(({ name, labels }) => JSON.stringify([name, labels])));
    };
    const words: string[] = [];
    const word = () => {
      const made = randomBytes(6).toString('hex');
      words.push(made);
      return made;
    };
    const attack = async () => {
      for (const method of METHODS.filter((one) => one !== 'CONNECT')) {
        await rawRequest(
          t.url,
          `${method} /${word()} HTTP/1.1\r\nHost: ${word()}\r\nConnection: close\r\n\r\n`,
        );
      }
      for (let i = 0; i < 40; i++) {
        const named = { 'x-api-key': `pk_live_${word()}`, authorization: `Bearer sk_live_${word()}` };
        await t.api.get(`/${word()}/${word()}`).set(named);
        await t.api.post('/getprofile').set(named).set('customer-auth', `JWT ${word()}`);
        await t.api.get('/whoami').set('x-api-key', `pk_live_${word()}`);
        await t.api.post('/access_token').type('form').send({ grant_type: word(), client_id: word() });
        await t.api
          .post('/customer_authenticate')
          .send({ username: word(), password: word(), channel: i % 2 ? 'ios' : word() });
      }
    };
    await attack();
    const before = await series();
    await attack();
    const after = await series();
    expect(words.filter((one) => JSON.stringify([...after]).includes(one))).toEqual([]);
    // The runtime and the service's own timers may add a few from closed sets meanwhile; the callers invented hundreds.
    expect(words.length).toBeGreaterThan(500);
    expect([...after].filter((one) => !before.has(one)).length).toBeLessThan(60);
    expect(before.size).toBeLessThan(1_500);
    const methods = [...before].map((one) => (JSON.parse(one) as [string, { method?: string }])[1].method);
    expect([...new Set(methods)].filter((one) => one !== undefined).length).toBeLessThanOrEqual(8);
  });
});

interface Rule {
  alert: string;
  expr: string;
  labels: { severity: string };
  annotations: { summary: string; runbook: string };
}

interface Panel {
  title: string;
  targets?: { expr: string; legendFormat: string }[];
}

const rules = (
  parse(read('deploy/prometheus/alerts.yaml')) as { groups: { rules: Rule[] }[] }
).groups.flatMap((group) => group.rules);
const { panels } = JSON.parse(read('deploy/grafana/dashboard.json')) as { panels: Panel[] };

/** What Prometheus itself adds to what it reads. */
const OF_PROMETHEUS = ['job', 'instance'];

/** Names of an expression that nothing exposes. */
function unknownNames(expression: string): string[] {
  const declared = declaredLabels();
  declared.set('up', []);
  const { metrics, grouping } = namesIn(expression);
  const known = metrics.map(({ metric, labels }) => {
    const base = metric.replace(/_(bucket|sum|count)$/, '');
    const own = declared.get(metric) ?? declared.get(base);
    if (!own) return { unknown: [metric], allowed: [] };
    const allowed = [...own, ...OF_PROMETHEUS, ...(metric.endsWith('_bucket') ? ['le'] : [])];
    return { unknown: labels.filter((label) => !allowed.includes(label)), allowed };
  });
  const usable = known.flatMap(({ allowed }) => allowed);
  return [
    ...known.flatMap(({ unknown }) => unknown),
    ...grouping.filter((label) => !usable.includes(label)),
    ...(metrics.length === 0 ? ['no metric'] : []),
  ];
}

describe('alerts and dashboard', () => {
  it('name nothing that a running service does not expose', () => {
    const expressions = [
      ...rules.map(({ expr }) => expr),
      ...panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)),
    ];
    expect(expressions.length).toBeGreaterThan(50);
    expect(expressions.flatMap(unknownNames)).toEqual([]);
  });

  it('are held against the metrics by a reader that finds what is wrong', () => {
    expect(unknownNames('sum(rate(symbolon_http_requests_totals[5m]))')).toEqual([
      'symbolon_http_requests_totals',
    ]);
    expect(unknownNames('symbolon_http_requests_total{code="500"}')).toEqual(['code']);
    expect(unknownNames('sum by (partner) (symbolon_audit_backlog)')).toEqual(['partner']);
    expect(unknownNames('1 > 2')).toEqual(['no metric']);
    expect(() => unknownNames('sum(symbolon_audit_backlog')).toThrow(/brackets/);
    expect(() => unknownNames('symbolon_audit_backlog § 1')).toThrow(/no place/);
  });

  it('show labels in their words that their expressions have', () => {
    const shown = [
      ...rules.map(
        ({ expr, annotations }) => [expr, annotations.summary, /\{\{ \$labels\.(\w+) \}\}/g] as const,
      ),
      ...panels.flatMap(({ targets = [] }) =>
        targets.map(({ expr, legendFormat }) => [expr, legendFormat, /\{\{(\w+)\}\}/g] as const),
      ),
    ];
    const wrong = shown.flatMap(([expr, words, pattern]) => {
      const { metrics, grouping } = namesIn(expr);
      const own = metrics.flatMap(({ metric }) => declaredLabels().get(metric) ?? []);
      const there = grouping.length > 0 ? grouping : own;
      return [...words.matchAll(pattern)]
        .map((one) => one[1] as string)
        .filter((name) => !there.includes(name));
    });
    expect(wrong).toEqual([]);
  });

  it('have a name of their own each, a severity, and a chapter that says what to do', () => {
    const manual = read('docs/operations.md');
    const chapters = [...manual.matchAll(/^### (Symbolon\w+)$/gm)].map((one) => one[1] as string);
    expect(rules.map(({ alert }) => alert).sort()).toEqual(chapters.sort());
    expect(new Set(chapters).size).toBe(chapters.length);
    for (const { alert, labels, annotations } of rules) {
      expect(['page', 'ticket']).toContain(labels.severity);
      expect(annotations.runbook).toBe(`docs/operations.md#${alert.toLowerCase()}`);
    }
  });
});
