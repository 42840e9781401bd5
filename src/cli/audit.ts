import type { Command } from 'commander';
import { withAdmin } from './admin-session.ts';
import { items, records } from './admin-client.ts';
import { moment, wholeNumber } from './command-options.ts';
import { print, printJson, table } from './terminal.ts';

interface ListOptions {
  event?: string;
  customer?: string;
  request?: string;
  since?: string;
  limit: number;
}

const COLUMNS = ['at', 'event', 'outcome', 'actor', 'partner', 'customer_id', 'reason'];

function query(options: ListOptions): string {
  const parameters = new URLSearchParams({ limit: String(options.limit) });
  if (options.event !== undefined) parameters.set('event', options.event);
  if (options.customer !== undefined) parameters.set('customer_id', options.customer);
  if (options.request !== undefined) parameters.set('request_id', options.request);
  if (options.since !== undefined) parameters.set('since', options.since);
  return parameters.toString();
}

/** What retention did, in words: chains that it took whole are not in the table. */
function prunedSentences(chains: readonly Record<string, unknown>[], shown: number): string[] {
  const pruned = chains.filter(({ pruned_up_to: upTo }) => upTo !== null);
  if (pruned.length === 0) return [];
  const hidden = chains.length - shown;
  return [
    'Records up to "pruned up to" were taken away for their age; the audit key seals how many and when.',
    ...(hidden === 0 ? [] : [`Not shown: ${hidden} of which none is left.`]),
  ];
}

/** `audit list|verify|prune`: what happened, the proof that nobody rewrote it, and what is old enough to go. */
export function registerAudit(program: Command): void {
  const audit = program.command('audit').description('the audit log');

  audit
    .command('list')
    .description('newest entries first')
    .option('--event <name>', 'only this event')
    .option('--customer <customer_id>', 'only this customer')
    .option('--request <id>', 'only this request')
    .option('--since <moment>', 'only from this moment on, UTC', moment)
    .option('--limit <count>', 'at most so many', wholeNumber(1, 1000), 50)
    .addHelpText('after', '\nExample:\n  $ symbolon audit list --event customer.traced --since 2030-01-01')
    .action(async (options: ListOptions, command: Command) => {
      await withAdmin(command, async (admin, { json }) => {
        const answer = await admin.call('GET', `/admin/audit?${query(options)}`);
        if (json) return printJson(answer);
        print(table(items(answer), COLUMNS));
      });
    });

  audit
    .command('verify')
    .description('check every hash chain from its beginning; exit code 1 when one is broken')
    .action(async (_options: object, command: Command) => {
      await withAdmin(command, async (admin, { json }) => {
        const answer = await admin.call('POST', '/admin/audit/verify');
        if (answer['ok'] !== true) process.exitCode = 1;
        if (json) return printJson(answer);
        const chains = records(answer, 'chains');
        const shown = chains.filter(({ ok, records: count }) => ok !== true || count !== 0);
        print(table(shown, ['chain', 'records', 'ok', 'first_broken_sequence', 'pruned_up_to', 'pruned_at']));
        for (const sentence of prunedSentences(chains, shown.length)) print(sentence);
        print(
          answer['ok'] === true
            ? 'The audit log is whole.'
            : 'The audit log was changed after it was written. Compare it with a copy from before.',
        );
      });
    });

  audit
    .command('prune')
    .description(
      'take away now what is older than audit.retention_days, at most seven days of the log at a time',
    )
    .action(async (_options: object, command: Command) => {
      await withAdmin(command, async (admin, { json }) => {
        const answer = await admin.call('POST', '/admin/audit/prune');
        const refused = answer['refused'] as string[];
        if (refused.length > 0) process.exitCode = 1;
        if (json) return printJson(answer);
        if (answer['held'] === true) {
          print(
            'Nothing was taken: some week of the last five left no record, as after a wrong clock or a long stop.',
          );
        } else
          print(
            `${String(answer['records'])} records from before ${String(answer['before'])} were taken away.`,
          );
        if (answer['more'] === true && answer['held'] !== true) {
          print(
            'Older ones are left: this takes seven days of the log at a time. Run it again, or leave it to the service, which takes as much each hour.',
          );
        }
        for (const chain of refused) print(`${chain} is not as it was written, so it stays.`);
      });
    });
}
