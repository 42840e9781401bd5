/** Draws a CPU profile of V8 (`--cpu-prof`) as a flame graph: width is time, each bar stands on its caller. */
import { readFileSync } from 'node:fs';

interface ProfileNode {
  id: number;
  callFrame: { functionName: string; url: string; lineNumber: number };
  children?: number[];
}

interface CpuProfile {
  nodes: ProfileNode[];
  samples: number[];
  timeDeltas: number[];
}

interface Bar {
  label: string;
  room: string;
  micros: number;
  below: Map<string, Bar>;
}

const WIDTH = 1_200;
const ROW = 17;
/** Narrower bars are left out. */
const MIN_WIDTH = 1.2;

/** Where code is from, in words that a legend can hold. */
const ROOMS: readonly [RegExp, string, string][] = [
  [/node_modules\/(express|router)/, 'Express', '#b5d3e7'],
  [/node_modules/, 'other packages', '#d9d9d9'],
  [/\/src\//, 'Symbolon', '#f2b880'],
  [/^node:/, 'Node.js', '#b7d7a8'],
  [/^$/, 'V8 and native code', '#e8e3d3'],
];

function roomOf(url: string): string {
  return ROOMS.find(([pattern]) => pattern.test(url))?.[1] ?? 'other packages';
}

const IDLE = new Set(['(idle)', '(root)']);

/** Adds up samples by stack; what came before `skipMs` (start-up, warming up) is left out. */
function stacksOf(profile: CpuProfile, skipMs: number): Bar {
  const byId = new Map(profile.nodes.map((node) => [node.id, node]));
  const parent = new Map<number, number>();
  for (const { id, children = [] } of profile.nodes) for (const child of children) parent.set(child, id);
  const root: Bar = { label: 'all', room: '', micros: 0, below: new Map() };
  let atMicros = 0;
  for (const [i, sample] of profile.samples.entries()) {
    const micros = profile.timeDeltas[i] ?? 0;
    atMicros += micros;
    if (atMicros < skipMs * 1_000 || IDLE.has(byId.get(sample)?.callFrame.functionName ?? '')) continue;
    const stack: ProfileNode['callFrame'][] = [];
    for (let id: number | undefined = sample; id !== undefined; id = parent.get(id)) {
      const frame = byId.get(id)?.callFrame;
      if (frame && !IDLE.has(frame.functionName)) stack.push(frame);
    }
    root.micros += micros;
    let bar = root;
    for (const { functionName, url } of stack.reverse()) {
      const label = `${functionName || 'anonymous'}${url ? ` (${url.split('/').slice(-2).join('/')})` : ''}`;
      const known = bar.below.get(label) ?? { label, room: roomOf(url), micros: 0, below: new Map() };
      bar.below.set(label, known);
      known.micros += micros;
      bar = known;
    }
  }
  return root;
}

const escaped = (text: string) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

interface Placed extends Bar {
  x: number;
  width: number;
  depth: number;
}

function place(bar: Bar, x: number, depth: number, scale: number): Placed[] {
  const width = bar.micros * scale;
  if (width < MIN_WIDTH) return [];
  const all: Placed[] = [{ ...bar, x, width, depth }];
  let at = x;
  for (const below of [...bar.below.values()].sort((a, b) => b.micros - a.micros)) {
    all.push(...place(below, at, depth + 1, scale));
    at += below.micros * scale;
  }
  return all;
}

function drawBar({ label, room, micros, x, width, depth }: Placed, all: number, height: number): string {
  const y = height - (depth + 1) * ROW;
  const fill = ROOMS.find(([, name]) => name === room)?.[2] ?? '#eeeeee';
  const share = ((micros / all) * 100).toFixed(1);
  const short = label.slice(0, Math.floor(width / 6.2));
  const text =
    short.length > 3 ? `<text x="${(x + 3).toFixed(1)}" y="${y + 12}">${escaped(short)}</text>` : '';
  const rect = `<rect x="${x.toFixed(1)}" y="${y}" width="${Math.max(0.5, width - 0.5).toFixed(1)}" height="${ROW - 1}" fill="${fill}"/>`;
  return `<g><title>${escaped(label)}: ${share} %</title>${rect}${text}</g>`;
}

/** An SVG file that needs no script: each bar's title says what it is and its share of the time. */
export function drawFlameGraph(profileFile: string, title: string, skipMs: number): string {
  const root = stacksOf(JSON.parse(readFileSync(profileFile, 'utf8')) as CpuProfile, skipMs);
  const bars = place(root, 0, 0, WIDTH / root.micros);
  const depth = Math.max(...bars.map((bar) => bar.depth)) + 1;
  const height = depth * ROW + 50;
  const legend = ROOMS.map(
    ([, name, fill], i) =>
      `<rect x="${10 + i * 150}" y="28" width="11" height="11" fill="${fill}"/><text x="${26 + i * 150}" y="38">${name}</text>`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="Verdana, sans-serif" font-size="10.5">
<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>
<text x="10" y="18" font-size="14">${escaped(title)}</text>
${legend.join('\n')}
${bars.map((bar) => drawBar(bar, root.micros, height)).join('\n')}
</svg>
`;
}
