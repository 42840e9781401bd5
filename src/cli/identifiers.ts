import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { items } from './admin-client.ts';
import { withAdmin } from './admin-session.ts';
import { reasonText } from './command-options.ts';
import { importFile, keepCertificate, traceFile } from './identifier-files.ts';
import { CommandFailed, plain, print, printJson, record, table, UsageError } from './terminal.ts';

interface Reasoned {
  reason: string;
}

const WHY = 'why, such as a case number, 3 characters or more; kept in the audit log';
const pathOf = (customerId: string, what: string) =>
  `/admin/customers/${encodeURIComponent(customerId)}/${what}`;

function registerKeyRotation(identifiers: Command): void {
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
}

function registerImport(identifiers: Command): void {
  identifiers
    .command('import <file>')
    .description('take over identifiers that another system gave out, unchanged, from a CSV file')
    .requiredOption('--reason <text>', WHY, reasonText)
    .option('--dry-run', 'check every line and change nothing')
    .addHelpText(
      'after',
      `
The first line names the columns: space,reference,group,identifier. A line that is refused is told with its number and
keeps none of the others from going in; the file may be sent again.

Example:
  $ symbolon identifiers import old.csv --dry-run --reason "move from the old chat"`,
    )
    .action(async (file: string, options: Reasoned & { dryRun?: boolean }, command: Command) => {
      const asked = { reason: options.reason, dryRun: options.dryRun === true };
      await withAdmin(command, async (admin, { json }) => {
        const { problems, ...counts } = await importFile(admin, file, asked);
        if (json) printJson({ ...counts, dry_run: asked.dryRun, problems });
        else {
          if (problems.length > 0) print(table(problems, ['line', 'problem']));
          print(record(counts));
          if (asked.dryRun) print('Nothing was changed.');
        }
        if (counts.refused > 0) {
          const { refused } = counts;
          throw new CommandFailed(refused === 1 ? '1 line was refused.' : `${refused} lines were refused.`);
        }
      });
    });
}

function registerMergeAndSplit(identifiers: Command): void {
  identifiers
    .command('merge <customer_id>')
    .description('say that a customer is the same person as another one, who survives')
    .requiredOption('--into <customer_id>', 'an identifier of the customer who survives')
    .requiredOption('--reason <text>', WHY, reasonText)
    .action(async (customerId: string, options: Reasoned & { into: string }, command: Command) => {
      await withAdmin(command, async (admin, { json }) => {
        const { into, reason } = options;
        const answer = await admin.call('POST', pathOf(customerId, 'merge'), { into, reason });
        if (json) return printJson(answer);
        print(table(items(answer), ['channel_group', 'customer_id', 'aliases']));
        print('The aliases lead to the customer_id beside them from now on.');
      });
    });

  identifiers
    .command('split <customer_id>')
    .description('take a reference away from a customer, which undoes a merge')
    .option('--reference <reference>', 'which one; default: whose identifier this was before it was merged')
    .option('--space <name>', 'its reference space, where that is in doubt')
    .requiredOption('--reason <text>', WHY, reasonText)
    .action(
      async (
        customerId: string,
        options: Reasoned & { reference?: string; space?: string },
        command: Command,
      ) => {
        await withAdmin(command, async (admin, { json }) => {
          const { reference, space: reference_space, reason } = options;
          const answer = await admin.call('POST', pathOf(customerId, 'split'), {
            reference,
            reference_space,
            reason,
          });
          if (json) return printJson(answer);
          print(table(items(answer), ['channel_group', 'customer_id', 'new_customer_id']));
          print('Everything that was issued to either has ended: both sign in again.');
        });
      },
    );
}

function registerStanding(identifiers: Command): void {
  for (const what of ['disable', 'enable'] as const) {
    identifiers
      .command(`${what} <customer_id>`)
      .description(
        what === 'disable'
          ? 'shut a customer out in every channel group, at once'
          : 'let a disabled customer sign in again',
      )
      .requiredOption('--reason <text>', WHY, reasonText)
      .action(async (customerId: string, { reason }: Reasoned, command: Command) => {
        await withAdmin(command, async (admin, { json }) => {
          const answer = await admin.call('POST', pathOf(customerId, what), { reason });
          if (json) return printJson(answer);
          print(record(answer));
        });
      });
  }
}

function registerErasure(identifiers: Command): void {
  identifiers
    .command('erase <customer_id>')
    .description('forget a person in every channel group; cannot be undone')
    .requiredOption('--reason <text>', WHY, reasonText)
    .requiredOption('--yes', 'it cannot be undone')
    .option('--certificate <file>', 'keep the proof in this file instead of printing it')
    .action(async (customerId: string, options: Reasoned & { certificate?: string }, command: Command) => {
      await withAdmin(command, async (admin) => {
        const { reason, certificate: file } = options;
        const certificate = await admin.call('POST', pathOf(customerId, 'erase'), { reason });
        if (file === undefined) return printJson(certificate);
        await keepCertificate(file, certificate);
        print(`Erased. The certificate is in ${file}.`);
      });
    });

  identifiers
    .command('verify-certificate <file>')
    .description('whether a certificate of erasure was made here and nobody has changed it')
    .action(async (file: string, _options: object, command: Command) => {
      let certificate: unknown;
      try {
        certificate = JSON.parse(readFileSync(file, 'utf8'));
      } catch {
        throw new UsageError(`${file} cannot be read as JSON.`);
      }
      await withAdmin(command, async (admin, { json }) => {
        const answer = await admin.call('POST', '/admin/erasure-certificates/verify', certificate);
        if (json) printJson(answer);
        if (answer.genuine !== true) throw new CommandFailed('The certificate is not genuine.');
        if (!json) print('The certificate is genuine.');
      });
    });

  identifiers
    .command('notices')
    .description('what partners still have to be told of merges, splits and erasures')
    .action(async (_options: object, command: Command) => {
      await withAdmin(command, async (admin, { json }) => {
        const answer = await admin.call('GET', '/admin/identifiers/notices');
        if (json) return printJson(answer);
        const waiting = items(answer);
        const columns = ['partner', 'type', 'created_at', 'failed_attempts', 'next_attempt_at'];
        const untold = Array.isArray(answer.without_receiver) ? answer.without_receiver.map(plain) : [];
        if (waiting.length > 0) print(table(waiting, columns));
        else print('Nothing waits to be told.');
        if (untold.length > 0)
          print(
            `Told nothing, because no receiver is configured: ${untold.join(', ')}. Telling them is up to you.`,
          );
      });
    });
}

type TraceOptions = Reasoned & { file?: string; column: string; out?: string; raw?: boolean };

function registerTrace(program: Command): void {
  program
    .command('trace [customer_id]')
    .description("find the company's own reference of a customer, or of every row of a vendor's report")
    .requiredOption('--reason <text>', WHY, reasonText)
    .option('--file <file>', 'a report as CSV, with a line that names its columns')
    .option('--column <name>', 'the column that holds the identifier', 'customer_id')
    .option('--out <file>', 'where the report with references goes; only its owner can read it')
    .option('--raw', 'leave cells that a spreadsheet would take for formulas as they are')
    .addHelpText(
      'after',
      `
Examples:
  $ symbolon trace c1… --reason "case 4711"
  $ symbolon trace --file report.csv --column external_id --out traced.csv --reason "report of March"`,
    )
    .action(async (customerId: string | undefined, options: TraceOptions, command: Command) => {
      const { file, column, out, reason } = options;
      if ((customerId === undefined) === (file === undefined)) {
        throw new UsageError('Give an identifier, or a report with --file.');
      }
      if (file !== undefined && out === undefined) throw new UsageError('Give --out with --file.');
      await withAdmin(command, async (admin, { json }) => {
        const answer =
          file !== undefined && out !== undefined
            ? await traceFile(admin, { file, column, out, reason, raw: options.raw === true })
            : await admin.call('POST', '/admin/identifiers/trace', { customer_id: customerId, reason });
        if (json) return printJson(answer);
        const present = answer['customer_id'];
        if (customerId !== undefined && present !== customerId)
          print(`${customerId} is another name of ${plain(present)}, whose customer this is:`);
        print(record(answer));
      });
    });
}

/** `identifiers …` and `trace`: the customer identifiers that channels see, and what becomes of them. */
export function registerIdentifiers(program: Command): void {
  const identifiers = program.command('identifiers').description('customer identifiers');
  registerKeyRotation(identifiers);
  registerImport(identifiers);
  registerMergeAndSplit(identifiers);
  registerStanding(identifiers);
  registerErasure(identifiers);
  registerTrace(program);
}
