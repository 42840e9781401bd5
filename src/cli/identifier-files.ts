import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { type AdminClient, items } from './admin-client.ts';
import { type CsvLine, CsvProblem, csvLine, readCsv } from './csv.ts';
import { newPrivateFile } from './private-file.ts';
import { CommandFailed, plain, printError, UsageError } from './terminal.ts';

/** What the admin API takes at once, in rows and in bytes of JSON. */
const MAX_ROWS = 200;
const MAX_BYTES = 40_000;
/** Progress is told after this many lines. */
const LINES_PER_REPORT = 5_000;

/** A file's text in pieces. Throws `UsageError` when it cannot be read or is not UTF-8. */
async function* textOf(file: string): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  try {
    for await (const chunk of createReadStream(file)) yield decoder.decode(chunk as Buffer, { stream: true });
    yield decoder.decode();
  } catch (error) {
    if (error instanceof TypeError) throw new UsageError(`${file} is not UTF-8 text.`);
    throw new UsageError(`${file} cannot be read.`, { cause: error });
  }
}

/** The lines of a file below its heading, which must have the named columns. */
async function* linesOf(
  file: string,
  columns: readonly string[],
  hint = '',
): AsyncGenerator<{ heading: string[]; at: number[]; row: CsvLine | undefined }> {
  let heading: string[] | undefined;
  let at: number[] = [];
  try {
    for await (const row of readCsv(textOf(file))) {
      if (heading) {
        yield { heading, at, row };
        continue;
      }
      const names = row.cells.map((cell) => cell.trim().toLowerCase());
      at = columns.map((name) => names.indexOf(name.toLowerCase()));
      const missing = columns.find((_name, i) => (at[i] as number) < 0);
      if (missing !== undefined) {
        throw new UsageError(`The first line of ${file} has no column "${missing}".${hint}`);
      }
      heading = row.cells;
      yield { heading, at, row: undefined };
    }
  } catch (error) {
    if (error instanceof CsvProblem) throw new UsageError(`${file}, line ${error.line}: ${error.message}.`);
    throw error;
  }
  if (!heading) throw new UsageError(`${file} is empty.`);
}

const told = (done: number, what: string): void => {
  if (done > 0 && done % LINES_PER_REPORT === 0) printError(`${done} lines ${what}`);
};

export interface ImportSummary {
  imported: number;
  known: number;
  refused: number;
  problems: { line: number; problem: string }[];
}

const IMPORT_COLUMNS = ['space', 'reference', 'group', 'identifier'];
/** Of more problems the number is told, and the first of them. */
const MAX_PROBLEMS = 1_000;

type SentRow = Record<'reference_space' | 'reference' | 'channel_group' | 'customer_id', string>;

/** What a refused row is told when somebody has its identifier, or its reference another one: maybe by an earlier row. */
const HELD = new Set<unknown>(['identifier_taken', 'other_identifier']);

/**
 * What becomes of a row of a dry run, in which no row finds the earlier ones written. Rows that are refused leave
 * nothing behind, so only the others may be contradicted.
 */
function createDryRun() {
  const seen = new Map<string, { line: number; customerId: string }>();
  return (line: number, row: SentRow, outcome: Record<string, unknown>): Record<string, unknown> => {
    if (outcome.result === 'refused' && !HELD.has(outcome.code)) return outcome;
    const subject = `s ${row.channel_group}\n${row.reference_space}\n${row.reference}`;
    const identifier = `i ${row.customer_id.toLowerCase()}`;
    const [bySubject, byIdentifier] = [seen.get(subject), seen.get(identifier)];
    const earlier = bySubject ?? byIdentifier;
    if (earlier && (bySubject !== byIdentifier || earlier.customerId !== row.customer_id)) {
      return { result: 'refused', problem: `It contradicts line ${earlier.line}.` };
    }
    if (outcome.result === 'refused') return outcome;
    if (earlier) return { result: 'known' };
    const kept = { line, customerId: row.customer_id };
    seen.set(subject, kept);
    seen.set(identifier, kept);
    return outcome;
  };
}

/**
 * Sends the rows of a file to be imported. A line that is refused keeps none of the others from going in, and the file
 * may be sent again. In a dry run nothing is written, so rows that contradict each other are looked for here.
 */
export async function importFile(
  admin: AdminClient,
  file: string,
  asked: { reason: string; dryRun: boolean },
): Promise<ImportSummary> {
  const summary: ImportSummary = { imported: 0, known: 0, refused: 0, problems: [] };
  const inDryRun = createDryRun();
  let batch: { line: number; row: SentRow }[] = [];
  let bytes = 0;
  let done = 0;

  const refuse = (line: number, problem: string) => {
    summary.refused += 1;
    if (summary.problems.length < MAX_PROBLEMS) summary.problems.push({ line, problem });
  };
  const flush = async () => {
    const sent = batch;
    batch = [];
    bytes = 0;
    if (sent.length === 0) return;
    const answer = await admin.call('POST', '/admin/identifiers/import', {
      rows: sent.map(({ row }) => row),
      dry_run: asked.dryRun,
      reason: asked.reason,
    });
    for (const [i, answered] of items(answer).entries()) {
      const { line, row } = sent[i] as (typeof sent)[number];
      const outcome = asked.dryRun ? inDryRun(line, row, answered) : answered;
      if (outcome.result === 'refused') refuse(line, plain(outcome.problem));
      else summary[outcome.result as 'imported' | 'known'] += 1;
      done += 1;
      told(done, asked.dryRun ? 'checked' : 'done');
    }
  };

  for await (const { at, row } of linesOf(file, IMPORT_COLUMNS)) {
    if (!row) continue;
    const [reference_space = '', reference = '', channel_group = '', customer_id = ''] = at.map(
      (i) => row.cells[i] ?? '',
    );
    const made = { reference_space, reference, channel_group, customer_id };
    const size = Buffer.byteLength(JSON.stringify(made));
    if (reference.length > 255 || customer_id.length > 64 || size > 2_000) {
      refuse(row.line, 'A cell is longer than it may be.');
      continue;
    }
    if (batch.length === MAX_ROWS || bytes + size > MAX_BYTES) await flush();
    batch.push({ line: row.line, row: made });
    bytes += size;
  }
  await flush();
  return summary;
}

/** A text of an answer as it is, for a file rather than a terminal. */
const textIn = (value: unknown): string => (typeof value === 'string' ? value : '');

const ADDED_COLUMNS = ['trace_state', 'present_customer_id', 'reference_space', 'reference'];

/**
 * Joins a vendor's report to the company's references, in a new file that only its owner can read. Every row stays, in
 * its order, with what is known of its identifier behind it. The file has its name only once it is whole; on a failure,
 * Ctrl-C or SIGTERM nothing of it is left behind. `raw`: cells that a spreadsheet takes for formulas stay as they are.
 */
export async function traceFile(
  admin: AdminClient,
  asked: { file: string; column: string; out: string; reason: string; raw: boolean },
): Promise<Record<string, number>> {
  await stat(asked.file).catch(() => {
    throw new UsageError(`${asked.file} cannot be read.`);
  });
  const out = await newPrivateFile(asked.out);
  const counts: Record<string, number> = { rows: 0, living: 0, merged: 0, erased: 0, unknown: 0 };
  let batch: { cells: string[]; id: string }[] = [];

  const flush = async () => {
    const rows = batch;
    batch = [];
    if (rows.length === 0) return;
    const ids = [...new Set(rows.map(({ id }) => id).filter((id) => id !== '' && id.length <= 64))];
    const answer =
      ids.length === 0
        ? { items: [] }
        : await admin.call('POST', '/admin/identifiers/trace-report', {
            customer_ids: ids,
            reason: asked.reason,
          });
    const traced = new Map(items(answer).map((line) => [line.customer_id, line]));
    const text = rows.map(({ cells, id }) => {
      const line = traced.get(id);
      const state = textIn(line?.state) || 'unknown';
      counts.rows = (counts.rows ?? 0) + 1;
      counts[state] = (counts[state] ?? 0) + 1;
      told(counts.rows, 'traced');
      const { present_customer_id, reference_space, reference } = line ?? {};
      const added = [present_customer_id, reference_space, reference].map(textIn);
      return csvLine([...cells, state, ...added], asked.raw);
    });
    await out.write(text.join(''));
  };

  try {
    for await (const { heading, at, row } of linesOf(
      asked.file,
      [asked.column],
      ' Name the column that holds the identifier with --column.',
    )) {
      if (!row) {
        await out.write(csvLine([...heading, ...ADDED_COLUMNS], asked.raw));
        continue;
      }
      const cells = heading.map((_name, i) => row.cells[i] ?? '');
      batch.push({
        cells: [...cells, ...row.cells.slice(heading.length)],
        id: (cells[at[0] as number] ?? '').trim(),
      });
      if (batch.length === MAX_ROWS) await flush();
    }
    await flush();
    await out.keep();
    return counts;
  } catch (error) {
    await out.discard();
    throw error;
  }
}

/** Writes a certificate into a new file that only its owner can read. Throws `CommandFailed`. */
export async function keepCertificate(file: string, certificate: unknown): Promise<void> {
  const text = `${JSON.stringify(certificate, null, 2)}\n`;
  try {
    const out = await open(file, 'wx', 0o600);
    await out.write(text);
    await out.close();
  } catch {
    throw new CommandFailed(
      `The customer was erased, but ${file} could not be written. This is the certificate:\n${text}`,
    );
  }
}
