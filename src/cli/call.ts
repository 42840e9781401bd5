import { readFileSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { withAdmin } from './admin-session.ts';
import {
  CommandFailed,
  plain,
  print,
  printError,
  printJson,
  readStandardInput,
  UsageError,
} from './terminal.ts';

const MAX_DATA_BYTES = 65_536;

interface CallOptions {
  data?: string;
  customer?: string;
}

function readFile(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    throw new CommandFailed(`${path} cannot be read.`);
  }
}

/** The data of a call: JSON as it stands, from `@file`, or from standard input with `@-`. */
async function dataOf(given: string | undefined): Promise<Record<string, unknown> | undefined> {
  if (given === undefined) return undefined;
  const text =
    given === '@-' ? await readStandardInput() : given.startsWith('@') ? readFile(given.slice(1)) : given;
  if (Buffer.byteLength(text) > MAX_DATA_BYTES) throw new UsageError('The data are more than 64 KiB.');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new UsageError('--data must be JSON, or @ and the name of a file that holds JSON.');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new UsageError('--data must be a JSON object.');
  }
  return value as Record<string, unknown>;
}

/** `call <connection> GET|POST <path>`: one call to a partner API; exit code 1 when it does not succeed. */
export function registerCall(program: Command): void {
  program
    .command('call <connection> <method> <path>')
    .description('call a partner API with the credentials of a connection and show its answer')
    .addOption(
      new Option('--data <json>', 'JSON to send, @FILE to read it from a file, @- from standard input'),
    )
    .option('--customer <identifier>', 'identifier of a customer; goes where the preset says')
    .addHelpText(
      'after',
      `
Examples:
  $ symbolon call asapp GET /conversation/v1/conversations
  $ symbolon call whatsapp POST /v1/messages --data @message.json`,
    )
    .action(
      async (connection: string, verb: string, path: string, options: CallOptions, command: Command) => {
        const method = verb.toUpperCase();
        if (method !== 'GET' && method !== 'POST') throw new UsageError('The method is GET or POST.');
        if (method === 'GET' && options.data !== undefined) throw new UsageError('A GET carries no data.');
        const data = await dataOf(options.data);
        await withAdmin(command, async (admin, { json }) => {
          const answer = await admin.call(
            'POST',
            `/admin/connections/${encodeURIComponent(connection)}/calls`,
            {
              method,
              path,
              ...(data === undefined ? {} : { data }),
              ...(options.customer === undefined ? {} : { customer: options.customer }),
            },
          );
          const status = Number(answer['status']);
          if (status >= 400) process.exitCode = 1;
          if (json) return printJson(answer);
          const attempts = Number(answer['attempts']);
          printError(
            `${connection} answered ${plain(status)}${attempts > 1 ? ` after ${attempts} attempts` : ''}.`,
          );
          if (answer['body'] !== null) printJson(answer['body']);
          else if (status < 400) print('No body.');
        });
      },
    );
}
