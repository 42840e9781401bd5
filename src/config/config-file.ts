import { existsSync, readFileSync, statSync } from 'node:fs';
import { LineCounter, parseDocument } from 'yaml';
import { ConfigRefused } from './problems.ts';

const MAX_FILE_BYTES = 1_048_576;
/** No setting lies nearly as deep. */
const MAX_DEPTH = 50;
const MAX_OPEN_BRACKETS = 200;

/** A configuration as it was written: plain objects, arrays and scalars, nothing checked. */
export type SettingsTree = Record<string, unknown>;

/** Whether a value holds itself, as an alias within its own anchor makes it, or is nested beyond `MAX_DEPTH`. */
function isBottomless(value: unknown, above: readonly unknown[] = []): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (above.length >= MAX_DEPTH || above.includes(value)) return true;
  return Object.values(value).some((one) => isBottomless(one, [...above, value]));
}

const bottomless = (source: string) =>
  new ConfigRefused(source, [
    {
      path: '',
      problem: 'is nested without end',
      fix: 'Write aliases out, and brackets no deeper than settings need.',
    },
  ]);

/** Brackets that are opened and not closed again, at most at once; those within quotes count, which no real file shows. */
function openBrackets(text: string): number {
  let open = 0;
  let most = 0;
  for (const [bracket] of text.matchAll(/[[\]{}]/g)) {
    open += bracket === '[' || bracket === '{' ? 1 : -1;
    most = Math.max(most, open);
  }
  return most;
}

function documentOf(text: string, lineCounter: LineCounter, source: string) {
  // The parser takes the square of the depth in time.
  if (openBrackets(text) > MAX_OPEN_BRACKETS) throw bottomless(source);
  try {
    return parseDocument(text, { lineCounter, prettyErrors: false, uniqueKeys: true });
  } catch (error) {
    // The parser calls itself for every bracket.
    if (error instanceof RangeError) throw bottomless(source);
    throw error;
  }
}

/**
 * Parses the text of a configuration file (YAML 1.2). Throws `ConfigRefused` with the line of every error; the
 * parser's own messages quote the file, which holds secrets, so they are not passed on.
 */
function parseConfigText(text: string, source: string): SettingsTree {
  const lines = new LineCounter();
  const document = documentOf(text, lines, source);
  const errors = [...document.errors, ...document.warnings];
  if (errors.length > 0) {
    const rows = text.split('\n');
    throw new ConfigRefused(
      source,
      errors.map((error) => {
        const { line, col } = lines.linePos(error.pos[0]);
        const reference = /[{[,].*\$\{/.test(rows[line - 1] ?? '');
        return {
          path: `line ${line}, column ${col}`,
          problem: `is not valid YAML (${error.code.toLowerCase().replaceAll('_', ' ')})`,
          fix: reference
            ? 'Put quotes around a value with ${…} where it stands inside { } or [ ].'
            : 'Check indentation, quotes and that each setting is named once.',
        };
      }),
    );
  }
  let tree: unknown;
  try {
    tree = document.toJS({ maxAliasCount: 100 });
  } catch {
    throw new ConfigRefused(source, [
      { path: '', problem: 'uses YAML aliases that do not resolve', fix: 'Write the values out.' },
    ]);
  }
  if (isBottomless(tree)) throw bottomless(source);
  if (tree === null) return {};
  if (typeof tree !== 'object' || Array.isArray(tree)) {
    throw new ConfigRefused(source, [
      {
        path: '',
        problem: 'The file must hold settings by name',
        fix: 'Start from `symbolon init`.',
      },
    ]);
  }
  return tree as SettingsTree;
}

/** Reads and parses a configuration file. Throws `ConfigRefused` when it is missing, too large or not YAML. */
export function readConfigFile(path: string): SettingsTree {
  const refuse = (problem: string, fix: string) => new ConfigRefused(path, [{ path: '', problem, fix }]);
  if (!existsSync(path)) {
    throw refuse('The file does not exist', 'Write one with `symbolon init`, or name another with --config.');
  }
  let text: string;
  try {
    if (statSync(path).size > MAX_FILE_BYTES) throw refuse('The file is larger than 1 MiB', 'Shorten it.');
    text = new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path));
  } catch (error) {
    if (error instanceof ConfigRefused) throw error;
    throw refuse('The file cannot be read as UTF-8 text', 'Check its permissions and encoding.');
  }
  return parseConfigText(text, path);
}
