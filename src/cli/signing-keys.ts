import { type Command, Option } from 'commander';
import { withAdmin } from './admin-session.ts';
import { SIGNING_RINGS } from '../tokens/signing-key-types.ts';
import { items } from './admin-client.ts';
import { print, printJson, record, table, UsageError } from './terminal.ts';

interface RotateOptions {
  ring: string;
  emergency?: boolean;
  signsAfterHours?: string;
}

/** `signing-keys list|rotate`: the keys that sign our tokens. */
export function registerSigningKeys(program: Command): void {
  const keys = program.command('signing-keys').description('keys that sign tokens');

  keys
    .command('list')
    .description('every key that is published or about to sign')
    .action(async (_options: object, command: Command) => {
      await withAdmin(command, async (admin, { json }) => {
        const answer = await admin.call('GET', '/admin/signing-keys');
        if (json) return printJson(answer);
        print(
          table(items(answer), ['kid', 'ring', 'algorithm', 'state', 'published_at', 'signs_at', 'gone_at']),
        );
      });
    });

  keys
    .command('rotate')
    .description('bring in a new key; it signs once every verifier has seen it')
    .addOption(new Option('--ring <name>', 'kind of token').choices([...SIGNING_RINGS]).default('customer'))
    .option('--emergency', 'a key has leaked: refuse what the older keys signed, at once')
    .option(
      '--signs-after-hours <number>',
      'sign with it only then, when somebody has to bring it to others first',
    )
    .addHelpText('after', '\nExample:\n  $ symbolon signing-keys rotate --ring access')
    .action(async (options: RotateOptions, command: Command) => {
      await withAdmin(command, async (admin, { json }) => {
        const hours = options.signsAfterHours;
        if (hours !== undefined && !/^[1-9]\d{0,3}$/.test(hours)) {
          throw new UsageError('--signs-after-hours takes a whole number from 1 to 8760.');
        }
        const body = {
          ring: options.ring,
          emergency: options.emergency ?? false,
          ...(hours === undefined ? {} : { signs_after_hours: Number(hours) }),
        };
        const answer = await admin.call('POST', '/admin/signing-keys/rotate', body);
        if (json) return printJson(answer);
        print(record(answer));
      });
    });
}
