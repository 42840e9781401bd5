import type { Command } from 'commander';
import type { Config } from '../config/config.ts';
import { withAdmin } from './admin-session.ts';
import { items } from './admin-client.ts';
import { print, printJson, readPassword, table, UsageError } from './terminal.ts';

interface UserOptions {
  directory?: string;
  reference?: string;
  passwordStdin?: boolean;
}

/** The directory that is meant: the one that is named, or the only one there is. The service knows them by name. */
function directoryOf(config: Config | undefined, named: string | undefined): string {
  if (config === undefined) return named ?? 'directory';
  const names = config.authenticators.filter((one) => one.type === 'directory').map((one) => one.name);
  if (named !== undefined) {
    if (names.includes(named)) return named;
    throw new UsageError(`There is no directory "${named}". Configured: ${names.join(', ') || 'none'}.`);
  }
  if (names.length === 1) return names[0] as string;
  throw new UsageError(
    names.length === 0
      ? 'No authenticator of type directory is configured, so there are no users to keep here.'
      : `Say which directory with --directory: ${names.join(', ')}.`,
  );
}

const usersPath = (directory: string) => `/admin/directories/${encodeURIComponent(directory)}/users`;

/** `users add|list|set-password|disable`: users of the embedded directory. */
export function registerUsers(program: Command): void {
  const users = program.command('users').description('users of the embedded directory');
  const directoryHelp = 'name of the directory (default: the only one)';

  users
    .command('add <username>')
    .description('add a user; asks for the password')
    .option('--reference <id>', "the company's own immutable id of this person (default: a new one is made)")
    .option('--directory <name>', directoryHelp)
    .option('--password-stdin', 'read the password from standard input')
    .addHelpText(
      'after',
      '\nExample:\n  $ symbolon users add pat --reference 100234\n  $ pass show pat | symbolon users add pat --reference 100234 --password-stdin',
    )
    .action(async (username: string, options: UserOptions, command: Command) => {
      const password = await readPassword(options);
      await withAdmin(command, async (admin, { json, config }) => {
        const directory = directoryOf(config, options.directory);
        const made = await admin.call('POST', usersPath(directory), {
          username,
          ...(options.reference === undefined ? {} : { reference: options.reference }),
          password,
        });
        if (json) return printJson(made);
        print(`User ${username} is in directory ${directory}.`);
      });
    });

  users
    .command('list')
    .description('every user of a directory')
    .option('--directory <name>', directoryHelp)
    .action(async (options: UserOptions, command: Command) => {
      await withAdmin(command, async (admin, { json, config }) => {
        const answer = await admin.call('GET', usersPath(directoryOf(config, options.directory)));
        if (json) return printJson(answer);
        print(table(items(answer), ['username', 'reference', 'created_at', 'disabled_at']));
      });
    });

  users
    .command('set-password <username>')
    .description('give a user another password')
    .option('--directory <name>', directoryHelp)
    .option('--password-stdin', 'read the password from standard input')
    .action(async (username: string, options: UserOptions, command: Command) => {
      const password = await readPassword(options);
      await withAdmin(command, async (admin, { json, config }) => {
        const path = `${usersPath(directoryOf(config, options.directory))}/${encodeURIComponent(username)}/password`;
        const answer = await admin.call('PUT', path, { password });
        if (json) return printJson(answer);
        print(`User ${username} has a new password.`);
      });
    });

  users
    .command('disable <username>')
    .description('refuse the sign-in of a user')
    .option('--directory <name>', directoryHelp)
    .action(async (username: string, options: UserOptions, command: Command) => {
      await withAdmin(command, async (admin, { json, config }) => {
        const path = `${usersPath(directoryOf(config, options.directory))}/${encodeURIComponent(username)}/disable`;
        const answer = await admin.call('POST', path);
        if (json) return printJson(answer);
        print(`User ${username} cannot sign in any more.`);
      });
    });
}
