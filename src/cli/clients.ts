import type { Command } from 'commander';
import { withAdmin } from './admin-session.ts';
import { items } from './admin-client.ts';
import { commandList, type Listed } from './command-options.ts';
import { print, printJson, shownOnce, table } from './terminal.ts';

const COLUMNS = ['client_id', 'partner', 'label', 'scopes', 'created_at', 'revoked_at'];

/** `clients create|list|revoke`: OAuth 2.0 clients of partners. */
export function registerClients(program: Command): void {
  const clients = program.command('clients').description('OAuth 2.0 clients of partners');

  clients
    .command('create')
    .description('make a client; its secret is shown once')
    .requiredOption('--partner <id>', 'partner it belongs to')
    .option('--label <text>', 'what it is for', 'client')
    .option(
      '--scopes <names>',
      'scopes it may ask for, separated by commas (default: profile:read)',
      commandList,
    )
    .addHelpText(
      'after',
      '\nExample:\n  $ symbolon clients create --partner chat-vendor --label "live server"',
    )
    .action(async (options: { partner: string; label: string; scopes?: Listed }, command: Command) => {
      await withAdmin(command, async (admin, { json }) => {
        const made = await admin.call('POST', '/admin/clients', {
          partner: options.partner,
          label: options.label,
          ...(options.scopes === undefined ? {} : { scopes: options.scopes }),
        });
        if (json) return printJson(made);
        print(shownOnce(made, ['client_secret']));
      });
    });

  clients
    .command('list')
    .description('every client')
    .option('--partner <id>', 'only those of one partner')
    .action(async (options: { partner?: string }, command: Command) => {
      await withAdmin(command, async (admin, { json }) => {
        const query = options.partner === undefined ? '' : `?partner=${encodeURIComponent(options.partner)}`;
        const answer = await admin.call('GET', `/admin/clients${query}`);
        if (json) return printJson(answer);
        print(table(items(answer), COLUMNS));
      });
    });

  clients
    .command('revoke <client_id>')
    .description('end a client and every access token it holds, at once')
    .action(async (clientId: string, _options: object, command: Command) => {
      await withAdmin(command, async (admin, { json }) => {
        const answer = await admin.call('POST', `/admin/clients/${encodeURIComponent(clientId)}/revoke`);
        if (json) return printJson(answer);
        print(`Client ${clientId} is revoked.`);
      });
    });
}
