/**
 * The command line: one file per group of commands. It parses, calls the admin API or starts the service, and prints;
 * it decides nothing. Exit codes: 0 done, 1 failed, 2 called wrongly.
 */
import { Command, CommanderError } from 'commander';
import { StartRefused } from '../errors.ts';
import { programVersion } from '../platform/version.ts';
import { surviveClosedOutput } from './process-signals.ts';
import { CommandFailed, Interrupted, printError, UsageError } from './terminal.ts';

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
  { words: ['channels'], load: async () => (await import('./channels.ts')).registerChannels },
  { words: ['partners'], load: async () => (await import('./partners.ts')).registerPartners },
  { words: ['fields'], load: async () => (await import('./fields.ts')).registerFields },
  { words: ['clients'], load: async () => (await import('./clients.ts')).registerClients },
  { words: ['keys'], load: async () => (await import('./keys.ts')).registerKeys },
  {
    words: ['connections'],
    load: async () => (await import('./connections.ts')).registerConnections,
  },
  { words: ['sign'], load: async () => (await import('./sign.ts')).registerSign },
  {
    words: ['explain-signature'],
    load: async () => (await import('./explain-signature.ts')).registerExplainSignature,
  },
  { words: ['users'], load: async () => (await import('./users.ts')).registerUsers },
  { words: ['call'], load: async () => (await import('./call.ts')).registerCall },
  { words: ['try-login'], load: async () => (await import('./try-login.ts')).registerTryLogin },
  {
    words: ['identifiers', 'trace'],
    load: async () => (await import('./identifiers.ts')).registerIdentifiers,
  },
  { words: ['sessions'], load: async () => (await import('./sessions.ts')).registerSessions },
  { words: ['signing-keys'], load: async () => (await import('./signing-keys.ts')).registerSigningKeys },
  { words: ['audit'], load: async () => (await import('./audit.ts')).registerAudit },
  { words: ['limits'], load: async () => (await import('./limits.ts')).registerLimits },
  { words: ['why'], load: async () => (await import('./why.ts')).registerWhy },
  {
    words: ['migrate', 'backup', 'export', 'import'],
    load: async () => (await import('./data.ts')).registerData,
  },
  { words: ['openapi'], load: async () => (await import('./openapi.ts')).registerOpenapi },
];

/** The group of the first word that is neither an option nor the value of one. */
function groupOf(args: readonly string[]): Group | undefined {
  const first = args.find((arg, i) => !arg.startsWith('-') && !/^(-c|--config)$/.test(args[i - 1] ?? ''));
  return groups.find((group) => first !== undefined && group.words.includes(first));
}

/** The commands that these arguments need; all of them where the first word is none. */
export async function buildProgram(args: readonly string[]): Promise<Command> {
  const program = new Command('symbolon')
    .description('Customer-identity bridge for chat channels.')
    .version(programVersion(), '-V, --version')
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
  $ symbolon partners create chat-vendor --groups chat --fields plan,balance`,
    );
  const asked = groupOf(args);
  for (const group of asked ? [asked] : groups) (await group.load())(program);
  const inherit = (command: Command): void => {
    for (const child of command.commands) {
      child.copyInheritedSettings(command);
      inherit(child);
    }
  };
  inherit(program);
  return program;
}

/** An error and what caused it, down to the first. */
function printStacks(error: unknown): void {
  for (let one = error, verb = ''; one instanceof Error; one = one.cause, verb = 'Caused by: ') {
    printError(`${verb}${one.stack ?? one.message}`);
  }
}

function failure(error: unknown, debug: boolean): number {
  if (error instanceof Interrupted) return 130;
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
  if (debug) printStacks(error);
  return error instanceof UsageError ? 2 : 1;
}

/** Commands that run until they are stopped. */
const LONG_RUNNING = ['serve', 'start', 'demo'];

/** Runs one command to its end (a service: until it is stopped) and returns the exit code. */
export async function runCommandLine(args: readonly string[]): Promise<number> {
  surviveClosedOutput({ goOn: LONG_RUNNING.some((name) => args.includes(name)) });
  try {
    const program = await buildProgram(args);
    await program.parseAsync(args, { from: 'user' });
    return typeof process.exitCode === 'number' ? process.exitCode : 0;
  } catch (error) {
    return failure(error, args.includes('--debug'));
  }
}
