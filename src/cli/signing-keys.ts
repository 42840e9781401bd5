import { type Command, Option } from 'commander';
import { withAdmin } from './admin-session.ts';
import { items } from './admin-client.ts';
import { print, printJson, record, table } from './terminal.ts';

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
    .addOption(
      new Option('--ring <name>', 'kind of token')
        .choices(['customer', 'access', 'assertion'])
        .default('customer'),
    )
    .option('--emergency', 'a key has leaked: refuse what the older keys signed, at once')
    .addHelpText('after', '\nExample:\n  $ symbolon signing-keys rotate --ring access')
    .action(async (options: { ring: string; emergency?: boolean }, command: Command) => {
      await withAdmin(command, async (admin, { json }) => {
        const body = { ring: options.ring, emergency: options.emergency ?? false };
        const answer = await admin.call('POST', '/admin/signing-keys/rotate', body);
        if (json) return printJson(answer);
        print(record(answer));
      });
    });
}
