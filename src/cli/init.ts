import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { findPackageJSON } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import type { Command } from 'commander';
import type { GlobalOptions } from './command-options.ts';
import { CommandFailed, print } from './terminal.ts';

/** The commented example lies beside package.json. */
function exampleText(): string {
  const manifest = findPackageJSON('..', import.meta.url);
  const file = manifest === undefined ? undefined : join(dirname(manifest), 'symbolon.example.yaml');
  if (file !== undefined && existsSync(file)) return readFileSync(file, 'utf8');
  throw new CommandFailed('symbolon.example.yaml is missing from this installation. Install it again.');
}

/** `init`: writes a commented configuration to start from. Never overwrites. */
export function registerInit(program: Command): void {
  program
    .command('init')
    .description('write a commented symbolon.yaml to start from')
    .addHelpText('after', '\nExample:\n  $ symbolon init && symbolon doctor')
    .action((_options: object, command: Command) => {
      const file = resolve(command.optsWithGlobals<GlobalOptions>().config ?? 'symbolon.yaml');
      try {
        writeFileSync(file, exampleText(), { flag: 'wx', mode: 0o640 });
      } catch (error) {
        if (error instanceof CommandFailed) throw error;
        const exists = error instanceof Error && 'code' in error && error.code === 'EEXIST';
        throw new CommandFailed(
          exists
            ? `${file} exists already and is left as it is. Name another with --config.`
            : `${file} cannot be written. Check the permissions of its folder.`,
        );
      }
      print(`Wrote ${file}.`);
      print('Next:');
      print('  1. Edit what is marked (1) to (5).');
      print('  2. Give it a key-encryption key, kept apart from the data:');
      print(`       export SYMBOLON_KEY=${randomBytes(32).toString('base64url')}`);
      print('  3. Run `symbolon doctor` until it has nothing to complain about, then `symbolon serve`.');
    });
}
