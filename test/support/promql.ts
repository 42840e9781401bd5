/** What an expression names: metrics with the labels that it matches or groups by. */
export interface Named {
  metric: string;
  /** Of its selector. */
  labels: string[];
}

const WORDS = new Set(
  `and or unless on ignoring group_left group_right by without offset bool sum min max avg count group stddev
   topk bottomk quantile rate increase irate delta deriv histogram_quantile absent absent_over_time changes clamp_min
   avg_over_time max_over_time min_over_time time vector scalar label_replace round`.split(/\s+/),
);
const TOKEN =
  /"(?:[^"\\]|\\.)*"|\$\w+|[a-zA-Z_:][\w:]*|\d[\w.]*|=~|!~|!=|==|>=|<=|[-+*/%^(){}[\],<>=]|\s+|(.)/g;

/** Splits a PromQL expression. Throws at a character that has no place in one. */
function tokensOf(expression: string): string[] {
  return [...expression.matchAll(TOKEN)].flatMap(([token, stray]) => {
    if (stray !== undefined) throw new Error(`${stray} has no place in ${expression}`);
    return /^\s/.test(token) ? [] : [token];
  });
}

const closing = (tokens: readonly string[], from: number, bracket: string): number => {
  const end = tokens.indexOf(bracket, from);
  if (end < 0) throw new Error(`${bracket} is missing`);
  return end;
};

/** Every metric of an expression with its matchers' labels, and the labels that results are grouped by. */
export function namesIn(expression: string): { metrics: Named[]; grouping: string[] } {
  const tokens = tokensOf(expression);
  if (tokens.filter((one) => one === '(').length !== tokens.filter((one) => one === ')').length)
    throw new Error(`brackets of ${expression}`);
  const metrics: Named[] = [];
  const grouping: string[] = [];
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i] as string;
    if (/^(by|without|on|ignoring)$/.test(token) && tokens[i + 1] === '(') {
      const end = closing(tokens, i, ')');
      grouping.push(...tokens.slice(i + 2, end).filter((one) => one !== ','));
      i = end;
    } else if (token === '[') i = closing(tokens, i, ']');
    else if (/^[a-zA-Z_:]/.test(token) && !WORDS.has(token)) {
      const named: Named = { metric: token, labels: [] };
      metrics.push(named);
      if (tokens[i + 1] !== '{') continue;
      const end = closing(tokens, i, '}');
      const inside = tokens.slice(i + 2, end);
      named.labels.push(...inside.filter((_, at) => /^(=|=~|!=|!~)$/.test(inside[at + 1] ?? '')));
      i = end;
    }
  }
  return { metrics, grouping };
}
