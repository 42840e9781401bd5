/**
 * The command line: one file per group of commands. It parses, calls the admin API or starts the service, and prints;
 * it decides nothing. Exit codes: 0 done, 1 failed, 2 called wrongly.
 */
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { StartRefused } from '../errors.ts';
import { CommandFailed, printError, UsageError } from './terminal.ts';

interface Group {
  /** First words that belong to the group. */
  words: readonly string[];
  load(): Promise<(program: Command) => void>;
}

/** Only the group that is asked for is loaded, so that `serve` starts fast; `--help` loads them all. */
const groups: readonly Group[] = [
  { words: ['start', 'serve'], load: async () => (await import('./serve.ts')).registerServe },
  { words: ['demo'], load: async () => (await import('./demo.ts')).registerDemo },
  { words: ['init'], load: async () => (await import('./init.ts')).registerInit },
  { words: ['doctor'], load: async () => (await import('./doctor.ts')).registerDoctor },
  { words: ['config'], load: async () => (await import('./config.ts')).registerConfig },
  { words: ['partners'], load: async () => (await import('./partners.ts')).registerPartners },
  { words: ['clients'], load: async () => (await import('./clients.ts')).registerClients },
  { words: ['keys'], load: async () => (await import('./keys.ts')).registerKeys },
  { words: ['users'], load: async () => (await import('./users.ts')).registerUsers },
  {
    words: ['identifiers', 'trace'],
    load: async () => (await import('./identifiers.ts')).registerIdentifiers,
  },
  { words: ['sessions'], load: async () => (await import('./sessions.ts')).registerSessions },
  { words: ['signing-keys'], load: async () => (await import('./signing-keys.ts')).registerSigningKeys },
  { words: ['audit'], load: async () => (await import('./audit.ts')).registerAudit },
  { words: ['openapi'], load: async () => (await import('./openapi.ts')).registerOpenapi },
];

/** Options that every command takes, before or after its name. */
export interface GlobalOptions {
  config?: string;
  json?: boolean;
  debug?: boolean;
}

/** The version in package.json, which lies above `src` and above `dist`. */
export function productVersion(): string {
  for (const up of ['../../package.json', '../../../package.json']) {
    try {
      const found = JSON.parse(readFileSync(new URL(up, import.meta.url), 'utf8')) as {
        name?: string;
        version?: string;
      };
      if (found.name === 'symbolon' && found.version) return found.version;
    } catch {
      // Not there: one level further up.
    }
  }
  return 'unknown';
}

async function buildProgram(args: readonly string[]): Promise<Command> {
  const program = new Command('symbolon')
    .description('Customer-identity bridge for chat channels.')
    .version(productVersion(), '-V, --version')
    .option('-c, --config <file>', 'configuration file (default: SYMBOLON_CONFIG, else ./symbolon.yaml)')
    .option('--json', 'print JSON for scripts')
    .option('--debug', 'show stack traces')
    .showHelpAfterError('Add --help for how to call it.')
    .exitOverride()
    .configureOutput({ writeErr: (text) => process.stderr.write(text) })
    .addHelpText(
      'after',
      `
Examples:
  $ symbolon demo                     see it work, without any configuration
  $ symbolon init                     write a symbolon.yaml to start from
  $ symbolon doctor                   check configuration, store, keys and connections
  $ symbolon serve                    run the service
  $ symbolon partners create chat-vendor --groups web --fields plan,balance`,
    );
  const known = groups.find((group) => group.words.some((word) => args.includes(word)));
  const asksForHelp = args.includes('help') || args.length === 0;
  const first = args.find((arg) => !arg.startsWith('-'));
  const exact = groups.find((group) => first !== undefined && group.words.includes(first));
  const wanted = asksForHelp ? groups : exact ? [exact] : known ? groups : groups;
  for (const group of wanted) (await group.load())(program);
  const inherit = (command: Command): void => {
    for (const child of command.commands) {
      child.copyInheritedSettings(command);
      inherit(child);
    }
  };
  inherit(program);
  return program;
}

function failure(error: unknown, debug: boolean): number {
  // Commander has printed its own message by now.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  const expected =
    error instanceof CommandFailed || error instanceof UsageError || error instanceof StartRefused;
  if (expected) printError(error.message);
  else {
    const code = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
    const what = error instanceof Error ? error.message : 'not an error';
    printError(`Something unexpected went wrong${code}: ${what}. Run it again with --debug for details.`);
  }
  if (debug && error instanceof Error) printError(error.stack ?? '');
  return error instanceof UsageError ? 2 : 1;
}

/** Runs one command to its end (a service: until it is stopped) and returns the exit code. */
export async function runCommandLine(args: readonly string[]): Promise<number> {
  try {
    const program = await buildProgram(args);
    await program.parseAsync(args, { from: 'user' });
    return typeof process.exitCode === 'number' ? process.exitCode : 0;
  } catch (error) {
    return failure(error, args.includes('--debug'));
  }
}
