import { type Command, Option } from 'commander';
import { withAdmin } from './admin-session.ts';
import { items } from './admin-client.ts';
import { commandList, type Listed, moment } from './command-options.ts';
import { print, printJson, shownOnce, table } from './terminal.ts';

const COLUMNS = [
  'key_id',
  'partner',
  'label',
  'environment',
  'use',
  'scopes',
  'public_prefix',
  'expires_at',
  'revoked_at',
];

interface CreateOptions {
  partner: string;
  label: string;
  use: string;
  environment: string;
  scopes?: Listed;
  expires?: string;
  requireSignature?: boolean;
}

/** `keys create|list|revoke`: API keys of partners. */
export function registerKeys(program: Command): void {
  const keys = program.command('keys').description('API keys of partners');

  keys
    .command('create')
    .description('make an API key; its secret is shown once')
    .requiredOption('--partner <id>', 'partner it belongs to')
    .option('--label <text>', 'what it is for', 'key')
    .addOption(
      new Option(
        '--use <use>',
        'bearer: the secret is presented; signing: it signs requests and never travels',
      )
        .choices(['bearer', 'signing'])
        .default('bearer'),
    )
    .addOption(
      new Option('--environment <name>', 'shown in the key').choices(['live', 'test']).default('live'),
    )
    .option('--scopes <names>', 'scopes, separated by commas (default: profile:read)', commandList)
    .option('--expires <moment>', 'end of its life, UTC, such as 2030-01-31', moment)
    .option('--require-signature', 'refuse unsigned requests that carry it')
    .addHelpText(
      'after',
      '\nExample:\n  $ symbolon keys create --partner chat-vendor --label "live server" --expires 2030-01-31',
    )
    .action(async (options: CreateOptions, command: Command) => {
      await withAdmin(command, async (admin, { json }) => {
        const made = await admin.call('POST', '/admin/api-keys', {
          partner: options.partner,
          label: options.label,
          use: options.use,
          environment: options.environment,
          ...(options.scopes === undefined ? {} : { scopes: options.scopes }),
          ...(options.expires === undefined ? {} : { expires_at: options.expires }),
          ...(options.requireSignature ? { signature_required: true } : {}),
        });
        if (json) return printJson(made);
        print(shownOnce(made, ['public_id', 'secret']));
      });
    });

  keys
    .command('list')
    .description('every API key')
    .option('--partner <id>', 'only those of one partner')
    .action(async (options: { partner?: string }, command: Command) => {
      await withAdmin(command, async (admin, { json }) => {
        const query = options.partner === undefined ? '' : `?partner=${encodeURIComponent(options.partner)}`;
        const answer = await admin.call('GET', `/admin/api-keys${query}`);
        if (json) return printJson(answer);
        print(table(items(answer), COLUMNS));
      });
    });

  keys
    .command('revoke <key_id>')
    .description('end a key at once')
    .action(async (keyId: string, _options: object, command: Command) => {
      await withAdmin(command, async (admin, { json }) => {
        const answer = await admin.call('POST', `/admin/api-keys/${encodeURIComponent(keyId)}/revoke`);
        if (json) return printJson(answer);
        print(`Key ${keyId} is revoked.`);
      });
    });
}
