import type { Command } from 'commander';
import { withAdmin } from './admin-session.ts';
import { commandList, type Listed } from './command-options.ts';
import { type AdminAnswer, items } from './admin-client.ts';
import { plain, print, printError, printJson, record, table, UsageError } from './terminal.ts';

const COLUMNS = ['id', 'name', 'channel_groups', 'visible_fields', 'field_masks', 'tier', 'disabled_at'];

interface CreateOptions {
  name?: string;
  groups?: Listed;
  fields?: Listed;
  masks?: Listed;
  tier?: string;
}

const segment = (id: string) => encodeURIComponent(id);

/** `iban=last_four` and the like; `none` for an empty list. */
function masksOf(texts: Listed): Record<string, string> {
  const given = texts.filter((text) => text !== 'none');
  const bad = given.find((text) => !/^[^=]+=[^=]+$/.test(text));
  if (bad !== undefined) throw new UsageError(`--masks ${bad}: write FIELD=MASK, such as iban=last_four.`);
  return Object.fromEntries(given.map((text) => text.split('=') as [string, string]));
}

function settingsOf(options: CreateOptions): Record<string, unknown> {
  return {
    ...(options.name === undefined ? {} : { name: options.name }),
    ...(options.groups === undefined ? {} : { channel_groups: options.groups }),
    ...(options.fields === undefined ? {} : { visible_fields: options.fields }),
    ...(options.masks === undefined ? {} : { field_masks: masksOf(options.masks) }),
    ...(options.tier === undefined ? {} : { tier: options.tier }),
  };
}

/** Prints a partner, and what the configuration does not have of what it was given. */
function printChanged({ warnings, ...partner }: AdminAnswer): void {
  print(record(partner));
  for (const warning of Array.isArray(warnings) ? warnings : []) printError(`! ${plain(warning)}`);
}

/** `partners create|list|show|update|disable|enable`: the outside parties that may call this service. */
export function registerPartners(program: Command): void {
  const partners = program.command('partners').description('outside parties that call this service');

  partners
    .command('create <id>')
    .description('add a partner')
    .option('--name <text>', 'name for people (default: the id)')
    .option('--groups <names>', 'channel groups it serves, separated by commas', commandList)
    .option('--fields <names>', 'profile fields it may see, separated by commas', commandList)
    .option('--masks <list>', 'fields it sees only masked, such as iban=last_four; or none', commandList)
    .option('--tier <name>', 'limits tier')
    .addHelpText(
      'after',
      '\nExample:\n  $ symbolon partners create chat-vendor --groups chat --fields plan,balance',
    )
    .action(async (id: string, options: CreateOptions, command: Command) => {
      await withAdmin(command, async (admin, { json }) => {
        const made = await admin.call('POST', '/admin/partners', { id, ...settingsOf(options) });
        if (json) return printJson(made);
        printChanged(made);
      });
    });

  partners
    .command('list')
    .description('every partner')
    .action(async (_options: object, command: Command) => {
      await withAdmin(command, async (admin, { json }) => {
        const answer = await admin.call('GET', '/admin/partners');
        if (json) return printJson(answer);
        print(table(items(answer), COLUMNS));
      });
    });

  partners
    .command('show <id>')
    .description('one partner')
    .action(async (id: string, _options: object, command: Command) => {
      await withAdmin(command, async (admin, { json }) => {
        const answer = await admin.call('GET', `/admin/partners/${segment(id)}`);
        if (json) return printJson(answer);
        print(record(answer));
      });
    });

  partners
    .command('update <id>')
    .description('change what a partner may see and serve; lists replace what was there')
    .option('--name <text>', 'name for people')
    .option('--groups <names>', 'channel groups it serves, separated by commas', commandList)
    .option('--fields <names>', 'profile fields it may see, separated by commas', commandList)
    .option('--masks <list>', 'fields it sees only masked, such as iban=last_four; or none', commandList)
    .option('--tier <name>', 'limits tier; the word "default" takes it away')
    .addHelpText('after', '\nExample:\n  $ symbolon partners update chat-vendor --fields plan')
    .action(async (id: string, options: CreateOptions, command: Command) => {
      await withAdmin(command, async (admin, { json }) => {
        const answer = await admin.call('PATCH', `/admin/partners/${segment(id)}`, {
          ...settingsOf(options),
          ...(options.tier === 'default' && { tier: null }),
        });
        if (json) return printJson(answer);
        printChanged(answer);
      });
    });

  for (const [word, disabled] of [
    ['disable', true],
    ['enable', false],
  ] as const) {
    partners
      .command(`${word} <id>`)
      .description(disabled ? 'refuse every credential of a partner at once' : 'accept its credentials again')
      .action(async (id: string, _options: object, command: Command) => {
        await withAdmin(command, async (admin, { json }) => {
          const answer = await admin.call('PATCH', `/admin/partners/${segment(id)}`, { disabled });
          if (json) return printJson(answer);
          print(`Partner ${id} is ${word}d.`);
        });
      });
  }
}
