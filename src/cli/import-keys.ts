import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { AdminRefused, type AdminClient } from './admin-client.ts';
import { withAdmin } from './admin-session.ts';
import { CommandFailed, plain, print, printJson, readStandardInput, table, UsageError } from './terminal.ts';

const MAX_FILE_BYTES = 16 * 1_048_576;

type Row = Record<string, unknown>;

interface Outcome extends Row {
  public_id: string;
  result: string;
}

async function readText(file: string): Promise<string> {
  if (file === '-') return readStandardInput();
  try {
    const text = readFileSync(file, 'utf8');
    if (text.length > MAX_FILE_BYTES) throw new UsageError(`${file} holds more than 16 MiB.`);
    return text;
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(`${file} cannot be read.`);
  }
}

/** Keys from a JSON array or from one JSON object per line. */
function rowsOf(text: string): Row[] {
  let value: unknown;
  try {
    value = text.trimStart().startsWith('[')
      ? JSON.parse(text)
      : text
          .split('\n')
          .filter((line) => line.trim() !== '')
          .map((line): unknown => JSON.parse(line));
  } catch {
    throw new UsageError('The keys must be a JSON array of objects, or one JSON object on each line.');
  }
  const rows = value as unknown[];
  if (rows.some((row) => typeof row !== 'object' || row === null || Array.isArray(row))) {
    throw new UsageError('Every key must be a JSON object.');
  }
  return rows as Row[];
}

async function importOne(admin: AdminClient, row: Row): Promise<Outcome> {
  // Never more of the id than lists show: it may be a secret that stands in the wrong member.
  const publicId = plain(row.public_id).slice(0, 14);
  try {
    const made = await admin.call('POST', '/admin/api-keys/import', row);
    return { public_id: plain(made.public_prefix), result: 'imported', key_id: plain(made.key_id) };
  } catch (error) {
    if (error instanceof AdminRefused) return { public_id: publicId, result: error.message, key_id: '' };
    throw error;
  }
}

/** `keys import FILE`: keys that another system gave out. */
export function registerKeyImport(keys: Command): void {
  keys
    .command('import <file>')
    .description('take over keys that partners use already, from a file or - for standard input')
    .option('--partner <id>', 'partner of keys that name none')
    .addHelpText(
      'after',
      `
The file is a JSON array of objects, or one object on each line, with public_id and either secret or secret_sha256
(the SHA-256 of the secret, 64 lower-case hex digits), and as wanted partner, label, use, environment, signature,
scopes, allowed_addresses, ed25519_public_keys, expires_at.`,
    )
    .action(async (file: string, options: { partner?: string }, command: Command) => {
      const rows = rowsOf(await readText(file)).map((row) =>
        options.partner === undefined ? row : { partner: options.partner, ...row },
      );
      await withAdmin(command, async (admin, { json }) => {
        const outcomes: Outcome[] = [];
        for (const row of rows) outcomes.push(await importOne(admin, row));
        const failed = outcomes.filter(({ result }) => result !== 'imported').length;
        if (json) printJson({ items: outcomes });
        else print(table(outcomes, ['public_id', 'key_id', 'result']));
        if (failed > 0) throw new CommandFailed(`${failed} of ${outcomes.length} keys were not imported.`);
      });
    });
}
