import type { Command } from 'commander';
import type { GlobalOptions } from './command-options.ts';
import { print, printJson, printError } from './terminal.ts';

/** `config print`: the effective configuration, secrets masked; `config schema`: its JSON Schema, for editors. */
export function registerConfig(program: Command): void {
  const config = program.command('config').description('the configuration');

  config
    .command('print')
    .description('print the configuration in effect, defaults filled in and secrets masked')
    .action(async (_options: object, command: Command) => {
      const [{ loadConfig }, { maskedConfig }, { stringify }] = await Promise.all([
        import('../config/load.ts'),
        import('../config/masked.ts'),
        import('yaml'),
      ]);
      const { config: file, json } = command.optsWithGlobals<GlobalOptions>();
      const loaded = loadConfig({ file });
      const masked = maskedConfig(loaded.config);
      if (json) return printJson(masked);
      print(stringify(masked).trimEnd());
      for (const one of loaded.warnings) printError(`note: ${one.path} ${one.problem}. ${one.fix}`);
    });

  config
    .command('schema')
    .description('print the JSON Schema of the configuration file, for editors')
    .action(async () => {
      const { configJsonSchema } = await import('../config/json-schema.ts');
      printJson(configJsonSchema());
    });
}
