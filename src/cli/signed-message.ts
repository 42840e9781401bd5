import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import type { SignedRequest } from '../signatures/signed-request.ts';
import { promptHidden, readStandardInput, UsageError } from './terminal.ts';

/** How a request is described on the command line. */
export interface MessageOptions {
  method: string;
  url?: string;
  data?: string;
  dataFile?: string;
  header?: string[];
  secretFile?: string;
}

const collect = (value: string, earlier: string[] = []) => [...earlier, value];

/** Adds the options that describe a request and where its secret is. */
export function withMessage(command: Command): Command {
  return command
    .option('--method <name>', 'of the request', 'POST')
    .option('--url <address>', 'of the request, as it is called; v2 signs it')
    .option('--data <text>', 'body, exactly as it is sent')
    .option('--data-file <file>', 'file that holds the body, byte for byte')
    .option('--header <line>', 'header of the request, such as "Content-Type: application/json"', collect)
    .option('--secret-file <file>', 'file that holds the secret (default: asked for, or standard input)');
}

function readBytes(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch {
    throw new UsageError(`${file} cannot be read.`);
  }
}

function headersOf(lines: readonly string[]): Map<string, string> {
  const headers = new Map<string, string>();
  for (const line of lines) {
    const match = /^([A-Za-z0-9!#$%&'*+.^_`|~-]+):\s*(.*?)\s*$/.exec(line);
    if (!match) throw new UsageError('A header is written as "Name: value".');
    const name = (match[1] as string).toLowerCase();
    if (headers.has(name)) throw new UsageError(`The header ${name} stands twice.`);
    headers.set(name, match[2] as string);
  }
  return headers;
}

/** The request that the options describe. Throws `UsageError`. */
export function messageOf(options: MessageOptions): SignedRequest {
  if (options.data !== undefined && options.dataFile !== undefined) {
    throw new UsageError('Give --data or --data-file, not both.');
  }
  const body =
    options.dataFile === undefined ? Buffer.from(options.data ?? '', 'utf8') : readBytes(options.dataFile);
  const headers = headersOf(options.header ?? []);
  const address = options.url ?? 'https://localhost/';
  if (!URL.canParse(address)) throw new UsageError('The --url must be an absolute address.');
  // Path and query as written, because that is what is sent; only the host is made canonical.
  const written = /^[a-z]+:\/\/[^/?#]*([^?#]*)(\?[^#]*)?/i.exec(address);
  return {
    method: options.method.toUpperCase(),
    authority: new URL(address).host,
    path: written?.[1] || '/',
    query: written?.[2] ?? '',
    body,
    header: (name) => headers.get(name),
  };
}

/** The secret: from a file, else asked for at a terminal, else from standard input. Never from an argument. */
export async function secretOf({ secretFile }: Pick<MessageOptions, 'secretFile'>): Promise<string> {
  const secret =
    secretFile !== undefined
      ? readBytes(secretFile)
          .toString('utf8')
          .replace(/\r?\n$/, '')
      : process.stdin.isTTY
        ? await promptHidden('Secret: ')
        : await readStandardInput();
  if (secret === '') throw new UsageError('The secret is empty.');
  return secret;
}
