import type { Command } from 'commander';
import { withAdmin } from './admin-session.ts';
import { items } from './admin-client.ts';
import { print, printJson, table } from './terminal.ts';

const DEVICE_COLUMNS = ['id', 'channel', 'device_name', 'signed_in_at', 'last_used_at', 'expires_at'];

/** `sessions devices|end|rotate-secret`: where a customer is signed in; sign out everywhere; change what signs the cookies. */
export function registerSessions(program: Command): void {
  const sessions = program.command('sessions').description('sessions of customers');

  sessions
    .command('devices')
    .description('devices on which a customer is signed in by refresh token')
    .requiredOption('--customer <customer_id>', 'identifier of the customer')
    .action(async (options: { customer: string }, command: Command) => {
      await withAdmin(command, async (admin, { json }) => {
        const path = `/admin/customers/${encodeURIComponent(options.customer)}/devices`;
        const answer = await admin.call('GET', path);
        if (json) return printJson(answer);
        const listed = items(answer);
        print(
          listed.length === 0 ? 'No device is signed in by refresh token.' : table(listed, DEVICE_COLUMNS),
        );
      });
    });

  sessions
    .command('end')
    .description('end every session and token of a customer at once')
    .requiredOption('--customer <customer_id>', 'identifier of the customer')
    .option('--reason <text>', 'why; kept in the audit log', 'ended by an administrator')
    .action(async (options: { customer: string; reason: string }, command: Command) => {
      await withAdmin(command, async (admin, { json }) => {
        const path = `/admin/customers/${encodeURIComponent(options.customer)}/end-sessions`;
        const answer = await admin.call('POST', path, { reason: options.reason });
        if (json) return printJson(answer);
        print(`Every session and token of ${options.customer} has ended.`);
      });
    });

  sessions
    .command('rotate-secret')
    .description('sign new session cookies with a new secret; nobody is signed out')
    .action(async (_options: object, command: Command) => {
      await withAdmin(command, async (admin, { json }) => {
        const answer = await admin.call('POST', '/admin/session-secrets/rotate');
        if (json) return printJson(answer);
        print('New session cookies are signed with a new secret. Those signed with older ones stay valid.');
      });
    });
}
