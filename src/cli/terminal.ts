import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { stripVTControlCharacters, styleText } from 'node:util';

/** The command failed; the message is one honest sentence with the fix. Exit code 1. */
export class CommandFailed extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'CommandFailed';
  }
}

/** The command was called wrongly. Exit code 2. */
export class UsageError extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'UsageError';
  }
}

/** Somebody pressed Ctrl+C at a prompt. Exit code 130, without a word. */
export class Interrupted extends Error {}

export const print = (text: string): void => void process.stdout.write(`${text}\n`);
export const printError = (text: string): void => void process.stderr.write(`${text}\n`);

/** Prints a value for scripts: JSON, indented. */
export const printJson = (value: unknown): void => print(JSON.stringify(value, null, 2));

type Style = Parameters<typeof styleText>[0];

/** Colours text where standard output is a terminal that wants colours. */
export function styled(style: Style, text: string): string {
  return styleText(style, text, { stream: process.stdout });
}

/** Control characters, and those that turn or hide text, must not reach the terminal: names come from other people. */
export function plain(value: unknown): string {
  const text =
    value === undefined || value === null
      ? ''
      : Array.isArray(value)
        ? value.join(', ')
        : typeof value === 'string'
          ? value
          : JSON.stringify(value);
  return stripVTControlCharacters(text).replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, ' ');
}

/** Rows under headings, as wide as their content. */
export function table(rows: readonly Record<string, unknown>[], columns: readonly string[]): string {
  if (rows.length === 0) return 'Nothing to show.';
  const cells = [
    columns.map((name) => name.replaceAll('_', ' ')),
    ...rows.map((row) => columns.map((name) => plain(row[name]))),
  ];
  const widths = columns.map((_name, i) => Math.max(...cells.map((line) => line[i]?.length ?? 0)));
  const lines = cells.map((line) =>
    line
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  return [styled('bold', lines[0] ?? ''), ...lines.slice(1)].join('\n');
}

/** One record as name and value lines. */
export function record(value: Record<string, unknown>): string {
  const names = Object.keys(value);
  const width = Math.max(0, ...names.map((name) => name.length));
  return names.map((name) => `${name.replaceAll('_', ' ').padEnd(width)}  ${plain(value[name])}`).join('\n');
}

/** Everything on standard input, without the last line break. At most 64 KiB. */
export async function readStandardInput(): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of process.stdin) {
    const part = Buffer.from(chunk as Uint8Array);
    bytes += part.length;
    if (bytes > 65_536) throw new UsageError('Standard input holds more than 64 KiB.');
    chunks.push(part);
  }
  return Buffer.concat(chunks)
    .toString('utf8')
    .replace(/\r?\n$/, '');
}

export async function promptHidden(question: string): Promise<string> {
  process.stderr.write(question);
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: process.stdin, output: silent, terminal: true });
  try {
    return await lines.question('');
  } catch (error) {
    if (error instanceof Error && error.name === 'AbortError') throw new Interrupted('interrupted');
    throw error;
  } finally {
    lines.close();
    process.stderr.write('\n');
  }
}

/**
 * A new password from standard input or, at a terminal, asked for twice. Never from an argument: those are visible
 * to every process of the machine. Throws `UsageError`.
 */
export async function readPassword(options: { passwordStdin?: boolean | undefined }): Promise<string> {
  if (options.passwordStdin) return readStandardInput();
  if (!process.stdin.isTTY) {
    throw new UsageError(
      'There is no terminal to ask at. Pass the password on standard input with --password-stdin.',
    );
  }
  const password = await promptHidden('New password: ');
  if ((await promptHidden('Again: ')) !== password)
    throw new CommandFailed('The two passwords differ. Nothing was changed.');
  return password;
}

/** A new credential: the record, then what is shown only now, with a word of warning. */
export function shownOnce(made: Record<string, unknown>, secretNames: readonly string[]): string {
  const known = Object.entries(made).filter(([name]) => !secretNames.includes(name));
  const secrets = secretNames.map((name) =>
    styled('bold', `${name.replaceAll('_', ' ')}: ${plain(made[name])}`),
  );
  const warning = 'Keep it now: it is not stored in clear and cannot be shown again.';
  return [record(Object.fromEntries(known)), '', ...secrets, warning].join('\n');
}
