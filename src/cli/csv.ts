/**
 * Comma-separated values as RFC 4180 writes them, read from a stream: cells may be quoted and hold line breaks, and a
 * byte order mark at the start is skipped. A semicolon separates as well when the first line holds one and no comma.
 */

/** A line of a file: its cells and the number of the line that it begins on, from 1. */
export interface CsvLine {
  line: number;
  cells: string[];
}

/** The file is not comma-separated values. */
export class CsvProblem extends Error {
  readonly line: number;
  constructor(line: number, message: string) {
    super(message);
    this.name = 'CsvProblem';
    this.line = line;
  }
}

/** Longer lines are no rows of a report: they would only fill the memory. */
const MAX_LINE_CHARS = 1_000_000;

/** Cells of one logical line, or `undefined` while a quote is still open. */
function cellsOf(text: string, separator: string, line: number): string[] | undefined {
  const cells: string[] = [];
  let at = 0;
  for (;;) {
    if (text[at] === '"') {
      let cell = '';
      let from = at + 1;
      for (;;) {
        const quote = text.indexOf('"', from);
        if (quote < 0) return undefined;
        cell += text.slice(from, quote);
        if (text[quote + 1] !== '"') {
          at = quote + 1;
          break;
        }
        cell += '"';
        from = quote + 2;
      }
      if (at < text.length && text[at] !== separator) {
        throw new CsvProblem(line, 'something follows a closing quote');
      }
      cells.push(cell);
    } else {
      const end = text.indexOf(separator, at);
      cells.push(text.slice(at, end < 0 ? undefined : end));
      at = end < 0 ? text.length : end;
    }
    if (at >= text.length) return cells;
    at += 1;
    if (at === text.length) return [...cells, ''];
  }
}

/** Reads lines; empty ones are skipped. Throws `CsvProblem`. */
export async function* readCsv(chunks: AsyncIterable<string>): AsyncGenerator<CsvLine> {
  let held = '';
  let open = '';
  let line = 0;
  let begun = 1;
  let separator: string | undefined;
  const take = (text: string): CsvLine | undefined => {
    line += 1;
    if (open === '') begun = line;
    const whole = open === '' ? text : `${open}\n${text}`;
    if (whole.length > MAX_LINE_CHARS) throw new CsvProblem(begun, 'the line is too long');
    if (whole.trim() === '') return undefined;
    separator ??= whole.includes(',') || !whole.includes(';') ? ',' : ';';
    const cells = cellsOf(whole, separator, begun);
    open = cells ? '' : whole;
    return cells && { line: begun, cells };
  };
  let first = true;
  for await (const chunk of chunks) {
    held += first ? chunk.replace(/^\uFEFF/, '') : chunk;
    first = false;
    const lines = held.split('\n');
    held = lines.pop() as string;
    if (held.length > MAX_LINE_CHARS) throw new CsvProblem(line + 1, 'the line is too long');
    for (const text of lines) {
      const read = take(text.replace(/\r$/, ''));
      if (read) yield read;
    }
  }
  if (held !== '') {
    const read = take(held.replace(/\r$/, ''));
    if (read) yield read;
  }
  if (open !== '') throw new CsvProblem(begun, 'a quote is opened and never closed');
}

/** One line, with its line break; cells are quoted where they must be. */
export function csvLine(cells: readonly string[]): string {
  const quoted = cells.map((cell) => (/[",;\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell));
  return `${quoted.join(',')}\n`;
}
