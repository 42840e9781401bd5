import type { Command } from 'commander';
import { withAdmin } from './admin-session.ts';
import { print, printJson, record } from './terminal.ts';

/** `identifiers rotate-key` and `trace`: the customer identifiers that channels see. */
export function registerIdentifiers(program: Command): void {
  const identifiers = program.command('identifiers').description('customer identifiers');

  identifiers
    .command('rotate-key')
    .description('derive the identifiers of new customers under a new key; known customers keep theirs')
    .action(async (_options: object, command: Command) => {
      await withAdmin(command, async (admin, { json }) => {
        const answer = await admin.call('POST', '/admin/identifiers/rotate-key');
        if (json) return printJson(answer);
        print('New customers get identifiers under a new key. No known identifier has changed.');
        print(record(answer));
      });
    });

  program
    .command('trace <customer_id>')
    .description("find the company's own reference of a customer; the reason is kept in the audit log")
    .requiredOption('--reason <text>', 'why, such as a case number')
    .addHelpText('after', '\nExample:\n  $ symbolon trace c1… --reason "case 4711"')
    .action(async (customerId: string, options: { reason: string }, command: Command) => {
      await withAdmin(command, async (admin, { json }) => {
        const answer = await admin.call('POST', '/admin/identifiers/trace', {
          customer_id: customerId,
          reason: options.reason,
        });
        if (json) return printJson(answer);
        print(record(answer));
      });
    });
}
