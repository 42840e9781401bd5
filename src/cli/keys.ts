import { type Command, Option } from 'commander';
import { withAdmin } from './admin-session.ts';
import { items } from './admin-client.ts';
import { commandList, type Listed, moment } from './command-options.ts';
import { registerKeyImport } from './import-keys.ts';
import { registerReport } from './report.ts';
import { registerKeyRotation } from './rotate.ts';
import { print, printJson, record, shownOnce, table, UsageError } from './terminal.ts';

const COLUMNS = [
  'key_id',
  'partner',
  'label',
  'environment',
  'use',
  'signature',
  'scopes',
  'tier',
  'public_prefix',
  'last_used_at',
  'expires_at',
  'revoked_at',
];

interface SettingOptions {
  label?: string;
  scopes?: Listed;
  signature?: string;
  addresses?: Listed;
  publicKeys?: Listed;
  expires?: string;
}

interface CreateOptions extends SettingOptions {
  partner: string;
  use: string;
  environment: string;
  tier?: string;
}

/** The members of a body that options name; what was not given is left out. */
function membersOf(options: SettingOptions): Record<string, unknown> {
  const members = {
    label: options.label,
    scopes: options.scopes,
    signature: options.signature,
    allowed_addresses: options.addresses,
    ed25519_public_keys: options.publicKeys,
    expires_at: options.expires,
  };
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}

const withSettings = (command: Command): Command =>
  command
    .option('--scopes <names>', 'scopes, separated by commas (new keys: profile:read,whoami)', commandList)
    .addOption(
      new Option('--signature <scheme>', 'request signature that it needs').choices([
        'none',
        'v1',
        'v2',
        'any',
      ]),
    )
    .option('--addresses <ranges>', 'addresses it may be used from, such as 192.0.2.0/24', commandList)
    .option('--public-keys <keys>', 'Ed25519 public keys for signature v2, base64url', commandList);

/** `keys create|import|list|show|update|revoke`: API keys of partners. */
export function registerKeys(program: Command): void {
  const keys = program.command('keys').description('API keys of partners');

  withSettings(
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
      .option('--tier <name>', 'limits tier of its own (default: limits.defaults.api_key)')
      .option('--expires <moment>', 'end of its life, UTC, such as 2030-01-31', moment),
  )
    .addHelpText(
      'after',
      '\nExample:\n  $ symbolon keys create --partner chat-vendor --label "live server" --expires 2030-01-31',
    )
    .action(async (options: CreateOptions, command: Command) => {
      await withAdmin(command, async (admin, { json }) => {
        const made = await admin.call('POST', '/admin/api-keys', {
          ...membersOf(options),
          partner: options.partner,
          use: options.use,
          environment: options.environment,
          ...(options.tier === undefined ? {} : { tier: options.tier }),
        });
        if (json) return printJson(made);
        // The prefix is the beginning of the public id: beside the whole id it would only be copied by mistake.
        const { secrets: _secrets, public_prefix: _prefix, secret, ...shown } = made;
        print(
          secret === null
            ? shownOnce(shown, ['public_id'])
            : shownOnce({ ...shown, secret }, ['public_id', 'secret']),
        );
      });
    });

  registerKeyImport(keys);

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

  withSettings(
    keys
      .command('update <key_id>')
      .description('change what a key may do, within a second everywhere')
      .option('--label <text>', 'what it is for')
      .option('--expires <moment>', 'end of its life, UTC, such as 2030-01-31', moment),
  ).action(async (keyId: string, options: SettingOptions, command: Command) => {
    const members = membersOf(options);
    if (Object.keys(members).length === 0) throw new UsageError('Nothing to change was given.');
    await withAdmin(command, async (admin, { json }) => {
      const changed = await admin.call('PATCH', `/admin/api-keys/${encodeURIComponent(keyId)}`, members);
      if (json) return printJson(changed);
      const { secrets: _secrets, ...shown } = changed;
      print(record(shown));
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

  registerKeyRotation(keys);
  registerReport(keys);
}
