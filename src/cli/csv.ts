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

/** Longer lines and cells are no rows of a report: they would only fill the memory. Characters. */
const MAX_LINE_CHARS = 1_000_000;
const MAX_CELL_CHARS = 100_000;

/** Reads line by line and keeps its place within an open quote, so that no character is looked at twice. */
function createLineReader() {
  let separator: string | undefined;
  let line = 0;
  let begun = 1;
  let chars = 0;
  let cells: string[] = [];
  /** What has been read of a quoted cell that is still open. */
  let open: string[] | undefined;
  /** Characters of the lines that such cells of one row have taken up. */
  let openChars = 0;

  const keep = (cell: string) => {
    if (cell.length > MAX_CELL_CHARS) throw new CsvProblem(begun, 'a cell is too long');
    cells.push(cell);
  };
  /** Where the quoted cell ends, or `undefined` when it goes on after this line. */
  const readQuoted = (parts: string[], text: string, from: number): number | undefined => {
    for (let at = from; ; ) {
      const quote = text.indexOf('"', at);
      if (quote < 0) {
        parts.push(text.slice(at));
        return undefined;
      }
      if (text[quote + 1] !== '"') {
        parts.push(text.slice(at, quote));
        return quote + 1;
      }
      parts.push(text.slice(at, quote + 1));
      at = quote + 2;
    }
  };
  /** Reads the cells of one line from `at` on; false while a quote is open at its end. */
  const readCells = (text: string, from: number): boolean => {
    for (let at = from; ; at += 1) {
      if (open || text[at] === '"') {
        const parts: string[] = open ?? [];
        const end = readQuoted(parts, text, open ? at : at + 1);
        open = end === undefined ? parts : undefined;
        if (end === undefined) return false;
        if (end < text.length && text[end] !== separator) {
          throw new CsvProblem(begun, 'something follows a closing quote');
        }
        keep(parts.join(''));
        at = end;
      } else {
        const end = text.indexOf(separator as string, at);
        keep(text.slice(at, end < 0 ? undefined : end));
        at = end < 0 ? text.length : end;
      }
      if (at >= text.length) return true;
    }
  };

  return {
    line: () => line,
    /** Throws `CsvProblem` when a quote is open at the end of the file. */
    end(): void {
      if (open) throw new CsvProblem(begun, 'a quote is opened and never closed');
    },
    /** Takes the next line of the file; `undefined` for an empty one, and while a quote is open. */
    take(text: string): CsvLine | undefined {
      line += 1;
      if (open) {
        open.push('\n');
        if ((openChars += text.length + 1) > MAX_CELL_CHARS)
          throw new CsvProblem(begun, 'a cell is too long');
      } else {
        if (text.trim() === '') return undefined;
        begun = line;
        chars = 0;
        openChars = 0;
        cells = [];
        separator ??= text.includes(',') || !text.includes(';') ? ',' : ';';
      }
      chars += text.length + 1;
      if (chars > MAX_LINE_CHARS) throw new CsvProblem(begun, 'the line is too long');
      return readCells(text, 0) ? { line: begun, cells } : undefined;
    },
  };
}

const withoutReturn = (text: string): string => (text.endsWith('\r') ? text.slice(0, -1) : text);

/** Reads lines; empty ones are skipped. Throws `CsvProblem`. */
export async function* readCsv(chunks: AsyncIterable<string>): AsyncGenerator<CsvLine> {
  const reader = createLineReader();
  let held = '';
  let first = true;
  for await (const chunk of chunks) {
    const lines = (first ? chunk.replace(/^\uFEFF/, '') : chunk).split('\n');
    first = false;
    const last = lines.pop() as string;
    for (const text of lines) {
      const read = reader.take(withoutReturn(held + text));
      held = '';
      if (read) yield read;
    }
    held += last;
    if (held.length > MAX_LINE_CHARS) throw new CsvProblem(reader.line() + 1, 'the line is too long');
  }
  if (held !== '') {
    const read = reader.take(withoutReturn(held));
    if (read) yield read;
  }
  reader.end();
}

/** How a cell begins that a spreadsheet takes for a formula: some pass over blanks, some take full-width signs. */
const FORMULA = /^(?:[\t\r\n]|[\s\p{Cc}\p{Cf}]*[=+\-@\uFF1D\uFF0B\uFF0D\uFF20])/u;

/**
 * One line, with its line break; cells are quoted where they must be. A cell that a spreadsheet would carry out as a
 * formula gets an apostrophe before it, because others wrote it (CWE-1236); `raw` leaves it as it is.
 */
export function csvLine(cells: readonly string[], raw = false): string {
  const quoted = cells
    .map((cell) => (!raw && FORMULA.test(cell) ? `'${cell}` : cell))
    .map((cell) => (/[",;\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell));
  return `${quoted.join(',')}\n`;
}
