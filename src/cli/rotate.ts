import type { Command } from 'commander';
import { type AdminAnswer, records } from './admin-client.ts';
import { withAdmin } from './admin-session.ts';
import { duration, moment, momentOrNever } from './command-options.ts';
import { print, printJson, shownOnce, table } from './terminal.ts';

interface RotateOptions {
  grace?: number;
  until?: string;
  expires?: string;
}

interface CompromisedOptions {
  secret?: string;
  reason?: string;
}

/** What API keys and clients call the same thing. */
interface Credential {
  /** Name of the rotating command. */
  command: string;
  argument: string;
  path: (id: string) => string;
  rotatePath: string;
  secretName: string;
  expires: boolean;
  example: string;
}

function rotationBody(options: RotateOptions): Record<string, unknown> {
  return {
    ...(options.grace === undefined ? {} : { grace_seconds: options.grace }),
    ...(options.until === undefined ? {} : { latest_end: options.until }),
    ...(options.expires === undefined
      ? {}
      : { expires_at: options.expires === 'never' ? null : options.expires }),
  };
}

function printRotated(answer: AdminAnswer, secretName: string): void {
  const { replaced: _, ...made } = answer;
  print(shownOnce(made, [secretName]));
  const replaced = records(answer, 'replaced');
  if (replaced.length === 0) return;
  print('\nThe old secret still works. Its grace begins when the new one is first used:');
  print(table(replaced, ['secret_id', 'grace_seconds', 'latest_end']));
}

function registerPair(group: Command, credential: Credential): void {
  const rotate = group
    .command(`${credential.command} <${credential.argument}>`)
    .description('make a successor to the secret; both work until the grace of the old one is over')
    .option(
      '--grace <duration>',
      'how long the old secret lives on after the new one is first used (default: 7d)',
      duration,
    )
    .option('--until <moment>', 'end of the old secret at the latest, UTC (default: in thirty days)', moment);
  if (credential.expires) {
    rotate.option(
      '--expires <moment>',
      'new end of the key, or "never" (default: the same length of life again)',
      momentOrNever,
    );
  }
  rotate
    .addHelpText('after', `\nExample:\n  $ symbolon ${credential.example} --grace 24h`)
    .action(async (id: string, options: RotateOptions, command: Command) => {
      await withAdmin(command, async (admin, { json }) => {
        const path = `${credential.path(id)}/${credential.rotatePath}`;
        const answer = await admin.call('POST', path, rotationBody(options));
        if (json) return printJson(answer);
        printRotated(answer, credential.secretName);
      });
    });

  group
    .command(`compromised <${credential.argument}>`)
    .description('a secret has leaked: end it at once, on every node; a new one is shown when none is left')
    .option('--secret <secret_id>', 'only this secret (default: every secret)')
    .option('--reason <text>', 'kept in the audit log')
    .action(async (id: string, options: CompromisedOptions, command: Command) => {
      await withAdmin(command, async (admin, { json }) => {
        const answer = await admin.call('POST', `${credential.path(id)}/compromised`, {
          ...(options.secret === undefined ? {} : { secret_id: options.secret }),
          ...(options.reason === undefined ? {} : { reason: options.reason }),
        });
        if (json) return printJson(answer);
        if (answer[credential.secretName] !== null) return print(shownOnce(answer, [credential.secretName]));
        print(`Ended: ${String(answer['ended'])}. Another secret still lives.`);
      });
    });
}

/** `keys rotate|compromised`. */
export function registerKeyRotation(keys: Command): void {
  registerPair(keys, {
    command: 'rotate',
    argument: 'key_id',
    path: (id) => `/admin/api-keys/${encodeURIComponent(id)}`,
    rotatePath: 'rotate',
    secretName: 'secret',
    expires: true,
    example: 'keys rotate ak_1',
  });
}

/** `clients rotate-secret|compromised`. */
export function registerClientRotation(clients: Command): void {
  registerPair(clients, {
    command: 'rotate-secret',
    argument: 'client_id',
    path: (id) => `/admin/clients/${encodeURIComponent(id)}`,
    rotatePath: 'rotate-secret',
    secretName: 'client_secret',
    expires: false,
    example: 'clients rotate-secret cl_1',
  });
}
