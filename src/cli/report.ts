import type { Command } from 'commander';
import { items } from './admin-client.ts';
import { withAdmin } from './admin-session.ts';
import { print, printJson, table } from './terminal.ts';

const COLUMNS = [
  'kind',
  'id',
  'secret_id',
  'partner',
  'label',
  'findings',
  'created_at',
  'expires_at',
  'last_used_at',
];

/** `keys report`: API keys, client secrets and signing keys that want attention. */
export function registerReport(keys: Command): void {
  keys
    .command('report')
    .description('credentials that are near their end, old, unused, or replaced and still used')
    .option('--all', 'also those of which there is nothing to say')
    .action(async (options: { all?: boolean }, command: Command) => {
      await withAdmin(command, async (admin, { json }) => {
        const answer = await admin.call('GET', `/admin/credentials/report${options.all ? '?all=true' : ''}`);
        if (json) return printJson(answer);
        const lines = items(answer);
        print(lines.length === 0 ? 'No credential wants attention.' : table(lines, COLUMNS));
      });
    });
}
