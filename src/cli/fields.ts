import type { Command } from 'commander';
import { type AdminAnswer, items, records } from './admin-client.ts';
import { withAdmin } from './admin-session.ts';
import { CommandFailed, plain, print, printJson, styled, table } from './terminal.ts';

type Row = Record<string, unknown>;

/** `crm: account.iban`, and what happens to it on the way. */
function sourceText(source: Row): string {
  const type = source['type'] === null ? '' : ` (${plain(source['type'])})`;
  const kept = Number(source['cache_seconds']) > 0 ? `, kept ${plain(source['cache_seconds'])} s` : '';
  return `${plain(source['backend'])}: ${plain(source['path'])}${type}${kept}`;
}

/** Masks in the order in which they are laid over a value. */
function shownAs(...masks: unknown[]): string {
  const laid = masks.filter((mask) => mask !== null && mask !== undefined);
  return laid.length === 0 ? 'whole' : laid.map(plain).join(', then ');
}

/** One line for each viewer of a field; one for a field that nobody sees. */
function linesOf(field: Row): Row[] {
  const sources = records(field, 'sources');
  const from = sources.length === 0 ? 'no backend' : sources.map(sourceText).join('; else ');
  const backendMask = sources.find(({ mask }) => mask !== null)?.['mask'] ?? null;
  const partners = records(field, 'seen_by').map((seen) => ({
    seen_by: `${plain(seen['partner'])}${seen['disabled'] === true ? ' (disabled)' : ''}`,
    shown_as: shownAs(backendMask, seen['mask']),
  }));
  const channels = records(field, 'sent_to').map(({ channel, attribute }) => ({
    seen_by: `channel ${plain(channel)} as ${plain(attribute)}`,
    shown_as: shownAs(backendMask),
  }));
  const viewers = [...partners, ...channels];
  return (viewers.length === 0 ? [{ seen_by: 'nobody', shown_as: '-' }] : viewers).map((viewer) => ({
    field: field['field'],
    ...viewer,
    from,
  }));
}

function onlyFor(partner: string, all: readonly AdminAnswer[]): AdminAnswer[] {
  return all.flatMap((field) => {
    const seen = records(field, 'seen_by').filter((one) => one['partner'] === partner);
    return seen.length === 0 ? [] : [{ ...field, seen_by: seen, sent_to: [] }];
  });
}

/** `fields`: who can see what of a customer, from which backend, and how masked. */
export function registerFields(program: Command): void {
  program
    .command('fields')
    .description('who can see what of a customer, from which backend, and how masked')
    .option('--partner <id>', 'only what this partner sees')
    .addHelpText('after', '\nExamples:\n  $ symbolon fields\n  $ symbolon fields --partner chat-vendor')
    .action(async ({ partner }: { partner?: string }, command: Command) => {
      await withAdmin(command, async (admin, { json }) => {
        if (partner !== undefined) await admin.call('GET', `/admin/partners/${encodeURIComponent(partner)}`);
        const all = items(await admin.call('GET', '/admin/fields'));
        const fields = partner === undefined ? all : onlyFor(partner, all);
        if (json) return printJson({ items: fields });
        if (partner !== undefined && fields.length === 0) {
          throw new CommandFailed(
            `Partner ${partner} sees no field. Run: symbolon partners update ${partner} --fields …`,
          );
        }
        print(table(fields.flatMap(linesOf), ['field', 'seen_by', 'shown_as', 'from']));
        for (const field of fields) {
          const warnings = Array.isArray(field['warnings']) ? field['warnings'] : [];
          for (const text of warnings) {
            print(`${styled('yellow', '!')} ${plain(field['field'])}: ${plain(text)}`);
          }
        }
      });
    });
}
