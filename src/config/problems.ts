import { StartRefused } from '../errors.ts';

/** One thing that is wrong with the configuration. Holds names and rules, never a configured value. */
export interface ConfigProblem {
  /** Where: `channels[0].delivery`; empty for the file as a whole. */
  path: string;
  /** What is wrong, as the rest of a sentence that starts with the path. */
  problem: string;
  /** What to do about it, as a sentence. */
  fix: string;
}

/** A problem as one line of text. */
function problemLine({ path, problem, fix }: ConfigProblem): string {
  return `${path === '' ? '' : `${path} `}${problem}. ${fix}`;
}

/** The configuration cannot be used; carries every problem that was found, not only the first. */
export class ConfigRefused extends StartRefused {
  readonly problems: readonly ConfigProblem[];

  constructor(source: string, problems: readonly ConfigProblem[]) {
    const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`;
    super(`${source} has ${count}:\n${problems.map((one) => `  - ${problemLine(one)}`).join('\n')}`);
    this.name = 'ConfigRefused';
    this.problems = problems;
  }
}

/** Writes a path as a person would: `channels[0].delivery`. */
export function pathText(path: readonly PropertyKey[]): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else text += text === '' ? String(step) : `.${String(step)}`;
  }
  return text;
}

function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = (previous[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min((previous[j] as number) + 1, (row[j - 1] as number) + 1, substitution));
    }
    previous = row;
  }
  return previous[b.length] as number;
}

/** The candidate that `word` was probably meant to be, or `undefined` when none is near enough. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const plain = word.toLowerCase().replaceAll(/[-\s]/g, '_').slice(0, 64);
  let best: { candidate: string; distance: number } | undefined;
  for (const candidate of candidates) {
    const distance = editDistance(plain, candidate.toLowerCase());
    if (distance < (best?.distance ?? Math.max(2, Math.ceil(candidate.length / 3)) + 1)) {
      best = { candidate, distance };
    }
  }
  return best?.candidate;
}
