import { type Command, Option } from 'commander';
import { type AdminAnswer, items, records } from './admin-client.ts';
import { withAdmin } from './admin-session.ts';
import { CommandFailed, plain, print, printJson, record, styled, table, UsageError } from './terminal.ts';

const LIST_COLUMNS = ['id', 'group', 'profile', 'vendor', 'proof', 'proof_lifetime_seconds', 'enforcement'];
const ATTRIBUTE_COLUMNS = ['name', 'field', 'personal', 'required'];
const STATUS_COLUMNS = [
  'channel',
  'enforcement',
  'day',
  'proven',
  'expired',
  'unsigned',
  'altered',
  'let_through',
];

const FORMS: Record<string, string> = {
  genuine: 'as it is',
  unsigned: 'without its signature',
  altered: 'altered',
  wrong_key: 'signed with another key',
  expired: 'after its end',
};

/** `--input name=value`, as often as there are inputs. */
function collectInput(text: string, known: Record<string, string>): Record<string, string> {
  const at = text.indexOf('=');
  if (at <= 0) throw new UsageError('Write an input as name=value.');
  return { ...known, [text.slice(0, at)]: text.slice(at + 1) };
}

/** Counts of one channel and day in one row; `let_through`: calls without a sound proof that were answered. */
function byDay(counts: readonly Record<string, unknown>[]): Record<string, unknown>[] {
  const rows = new Map<string, Record<string, unknown>>();
  for (const one of counts) {
    const key = `${plain(one['channel'])} ${plain(one['day'])}`;
    const row = rows.get(key) ?? {
      channel: one['channel'],
      enforcement: one['enforcement'],
      day: one['day'],
      proven: 0,
      expired: 0,
      unsigned: 0,
      altered: 0,
      let_through: 0,
    };
    const add = (name: string) => (row[name] = Number(row[name]) + Number(one['calls']));
    add(String(one['proof']));
    if (one['proof'] !== 'proven' && one['outcome'] === 'admitted') add('let_through');
    rows.set(key, row);
  }
  return [...rows.values()];
}

function printProbe(probe: AdminAnswer): void {
  const { channel, profile, version, vendor } = probe;
  print(
    styled(
      'bold',
      `${plain(vendor)}: channel ${plain(channel)}, profile ${plain(profile)} version ${plain(version)}`,
    ),
  );
  if (probe['failure'] !== null) {
    print(`No proof could be made: ${plain(probe['failure'])}`);
    return;
  }
  print(
    `Made a proof (${plain(probe['kind'])}) for a customer that does not exist; it ends in ${plain(probe['expires_in_seconds'])} seconds.`,
  );
  if (probe['decoded'] !== null) print(plain(JSON.stringify(probe['decoded'])));
  const members = plain(probe['web']);
  print(`The page hands over: ${members === '' ? 'the proof itself' : members}`);
  for (const { form, verdict, why, ok } of records(probe, 'steps')) {
    const mark = ok === true ? styled('green', 'ok  ') : styled('red', 'BAD ');
    const told = verdict === 'not_checkable' ? 'only the vendor can check it' : plain(verdict);
    print(`${mark}${FORMS[String(form)] ?? plain(form)}: ${told}${why === null ? '' : ` (${plain(why)})`}`);
  }
}

/** `channels list|show|probe|status`: the chat vendors, whether their proofs work, and who calls without one. */
export function registerChannels(program: Command): void {
  const channels = program.command('channels').description('chat channels and their vendors');

  channels
    .command('list')
    .description('every channel with its vendor')
    .action(async (_options: object, command: Command) => {
      await withAdmin(command, async (admin, { json }) => {
        const answer = await admin.call('GET', '/admin/channels');
        if (json) return printJson(answer);
        print(table(items(answer), LIST_COLUMNS));
      });
    });

  channels
    .command('show <channel>')
    .description('one channel: its vendor, what leaves the house, and to whom')
    .action(async (channel: string, _options: object, command: Command) => {
      await withAdmin(command, async (admin, { json }) => {
        const answer = await admin.call('GET', `/admin/channels/${encodeURIComponent(channel)}`);
        if (json) return printJson(answer);
        const { attributes: _attributes, ...rest } = answer;
        print(record(rest));
        const attributes = records(answer, 'attributes');
        if (attributes.length > 0)
          print(`\nAttributes (without a field: not sent)\n${table(attributes, ATTRIBUTE_COLUMNS)}`);
      });
    });

  channels
    .command('probe <channel>')
    .description(
      'make a proof for a customer that does not exist, check it as the vendor would, then alter it',
    )
    .addOption(
      new Option('--input <name=value>', 'an input that the profile needs from the page; may be repeated')
        .argParser(collectInput)
        .default({}),
    )
    .addHelpText('after', '\nExample:\n  $ symbolon channels probe help')
    .action(async (channel: string, options: { input: Record<string, string> }, command: Command) => {
      await withAdmin(command, async (admin, { json }) => {
        const path = `/admin/channels/${encodeURIComponent(channel)}/probe`;
        const answer = await admin.call('POST', path, { input: options.input });
        if (json) printJson(answer);
        else printProbe(answer);
        if (answer['ok'] !== true) throw new CommandFailed('The proof of this channel does not hold.');
        if (!json)
          print(
            `\nWhat makes ${plain(answer['vendor'])} refuse visitors without a proof:\n${plain(answer['enforcement'])}`,
          );
      });
    });

  channels
    .command('status')
    .description('calls about customers by channel and day, and what they proved')
    .addOption(new Option('--days <number>', 'how many days, today among them').default('7'))
    .action(async (options: { days: string }, command: Command) => {
      await withAdmin(command, async (admin, { json }) => {
        const answer = await admin.call(
          'GET',
          `/admin/channel-calls?days=${encodeURIComponent(options.days)}`,
        );
        if (json) return printJson(answer);
        const rows = byDay(items(answer));
        print(rows.length === 0 ? 'No call about a customer was counted.' : table(rows, STATUS_COLUMNS));
      });
    });
}
