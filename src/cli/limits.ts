import type { Command } from 'commander';
import { items, records } from './admin-client.ts';
import { withAdmin } from './admin-session.ts';
import { plain, print, printJson, table } from './terminal.ts';

/** `10 in 60 s, 1000 in 86400 s`. */
function windowsText(tier: Record<string, unknown>): string {
  const windows = records(tier, 'windows').map(
    (window) => `${plain(window['quota'])} in ${plain(window['window_seconds'])} s`,
  );
  return windows.length === 0 ? 'no limit' : windows.join(', ');
}

/** `limits tiers|key|client`: the limits tiers, and which one a key or client has. */
export function registerLimits(program: Command): void {
  const limits = program.command('limits').description('how often callers may call');

  limits
    .command('tiers')
    .description('every tier, and which one holds where none is named')
    .action(async (_options: object, command: Command) => {
      await withAdmin(command, async (admin, { json }) => {
        const answer = await admin.call('GET', '/admin/limits/tiers');
        if (json) return printJson(answer);
        const tiers = items(answer).map((tier) => ({ tier: tier['name'], allows: windowsText(tier) }));
        print(table(tiers, ['tier', 'allows']));
        const defaults = Object.entries(answer['defaults'] ?? {}).map(([of, tier]) => ({
          default_of: of,
          tier,
        }));
        print(`\n${table(defaults, ['default_of', 'tier'])}`);
      });
    });

  for (const [word, kind, example] of [
    ['key', 'keys', 'ak_Yk3n0dQ2m8sX7v1B'],
    ['client', 'clients', 'cl_8ZKc2m0QvN7TtYbW4rXd'],
  ] as const) {
    limits
      .command(`${word} <id> <tier>`)
      .description(`give one ${word} a tier of its own; the word "default" takes it away`)
      .addHelpText('after', `\nExample:\n  $ symbolon limits ${word} ${example} messaging`)
      .action(async (id: string, tier: string, _options: object, command: Command) => {
        await withAdmin(command, async (admin, { json }) => {
          const answer = await admin.call('PUT', `/admin/limits/${kind}/${encodeURIComponent(id)}`, {
            tier: tier === 'default' ? null : tier,
          });
          if (json) return printJson(answer);
          print(`${word === 'key' ? 'Key' : 'Client'} ${id} has the tier ${tier} from now on.`);
        });
      });
  }
}
