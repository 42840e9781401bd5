import type { Command } from 'commander';
import { records } from './admin-client.ts';
import { withAdmin } from './admin-session.ts';
import { plain, print, printJson, promptHidden, readStandardInput, styled, UsageError } from './terminal.ts';

/** The password to try, from standard input or asked for once; never from an argument. */
async function passwordToTry(options: { passwordStdin?: boolean }): Promise<string> {
  if (options.passwordStdin) return readStandardInput();
  if (!process.stdin.isTTY) {
    throw new UsageError(
      'There is no terminal to ask at. Pass the password on standard input with --password-stdin.',
    );
  }
  return promptHidden('Password: ');
}

/** `try-login <username>`: the steps of one sign-in, and what each means; exit code 1 when it fails. */
export function registerTryLogin(program: Command): void {
  program
    .command('try-login <username>')
    .description('sign one user in on trial and show each step; opens no session')
    .option('--channel <name>', 'channel whose authenticators are tried (default: the default channel)')
    .option('--password-stdin', 'read the password from standard input')
    .addHelpText(
      'after',
      '\nExample:\n  $ symbolon try-login pat\n  $ pass show pat | symbolon try-login pat --channel ios --password-stdin',
    )
    .action(
      async (username: string, options: { channel?: string; passwordStdin?: boolean }, command: Command) => {
        const password = await passwordToTry(options);
        if (password === '') throw new UsageError('The password is empty; nobody signs in with that.');
        await withAdmin(command, async (admin, { json }) => {
          const answer = await admin.call('POST', '/admin/try-login', {
            username,
            password,
            ...(options.channel === undefined ? {} : { channel: options.channel }),
          });
          if (answer['authenticated'] !== true) process.exitCode = 1;
          if (json) return printJson(answer);
          for (const { authenticator, type, outcome, steps, reference } of records(answer, 'attempts')) {
            const good = outcome === 'authenticated';
            print(
              `${styled(good ? 'green' : 'red', good ? '✓' : '✗')} ${plain(authenticator)} (${plain(type)})`,
            );
            for (const step of Array.isArray(steps) ? steps : []) print(`    ${plain(step)}`);
            if (good) print(`    Reference: ${plain(reference)}`);
          }
        });
      },
    );
}
