/** Line plots as SVG files that need nothing to be shown. */

export interface Series {
  name: string;
  points: readonly (readonly [x: number, y: number])[];
}

export interface Plot {
  title: string;
  /** What x counts, and what y is. */
  axes: readonly [string, string];
  /** Default: linear. */
  logarithmic?: boolean;
  series: readonly Series[];
}

const SIZE = { width: 640, height: 340, left: 64, right: 150, top: 40, bottom: 50 };
const COLOURS = ['#2f6f9f', '#c8642b', '#4a8f4a', '#8a5aa8'];

const text = (x: number, y: number, content: string, anchor = 'middle') =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}">${content}</text>`;

/** A round number of which four to eight fit below `max`. */
function stepFor(max: number): number {
  const power = 10 ** Math.floor(Math.log10(max / 4));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => max / step <= 8) ?? max;
}

export function drawPlot({ title, axes, logarithmic = false, series }: Plot): string {
  const { width, height, left, right, top, bottom } = SIZE;
  const xs = [...new Set(series.flatMap(({ points }) => points.map(([x]) => x)))].sort((a, b) => a - b);
  const top0 = Math.max(...series.flatMap(({ points }) => points.map(([, y]) => y))) * 1.1;
  const at = (x: number) => (logarithmic ? Math.log10(x) : x);
  const [first, last] = [at(xs[0] ?? 0), at(xs.at(-1) ?? 1)];
  const toX = (x: number) => left + ((at(x) - first) / (last - first || 1)) * (width - left - right);
  const toY = (y: number) => height - bottom - (y / top0) * (height - top - bottom);
  const step = stepFor(top0);
  const grid: string[] = [];
  for (let y = 0; y <= top0; y += step) {
    grid.push(
      `<line x1="${left}" x2="${width - right}" y1="${toY(y).toFixed(1)}" y2="${toY(y).toFixed(1)}" stroke="#dddddd"/>`,
      text(left - 6, toY(y) + 4, String(Number(y.toPrecision(6))), 'end'),
    );
  }
  const ticks = xs.map((x) => text(toX(x), height - bottom + 16, x.toLocaleString('en')));
  const lines = series.map(({ name, points }, i) => {
    const colour = COLOURS[i % COLOURS.length];
    const path = points.map(([x, y]) => `${toX(x).toFixed(1)},${toY(y).toFixed(1)}`).join(' ');
    const dots = points.map(
      ([x, y]) =>
        `<circle cx="${toX(x).toFixed(1)}" cy="${toY(y).toFixed(1)}" r="3" fill="${colour}"><title>${x.toLocaleString('en')}: ${y.toFixed(1)}</title></circle>`,
    );
    const legend = `<rect x="${width - right + 12}" y="${top + i * 20}" width="11" height="11" fill="${colour}"/>${text(width - right + 28, top + 10 + i * 20, name, 'start')}`;
    return `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2"/>${dots.join('')}${legend}`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="Verdana, sans-serif" font-size="11">
<rect width="${width}" height="${height}" fill="#ffffff"/>
<text x="${left}" y="22" font-size="14">${title}</text>
${grid.join('\n')}
${ticks.join('\n')}
${text((left + width - right) / 2, height - 12, axes[0])}
<text transform="translate(14 ${(height - bottom + top) / 2}) rotate(-90)" text-anchor="middle">${axes[1]}</text>
${lines.join('\n')}
</svg>
`;
}
