import { readFileSync, writeFileSync } from 'node:fs';
import { join, parse } from 'node:path';
import type { Command } from 'commander';
import { CommandFailed, print, UsageError } from './terminal.ts';

/** A description as YAML. Its writer is a development dependency: an installed package carries the files themselves. */
async function describeInterface(name: 'public' | 'admin'): Promise<string> {
  const { openapiText } = await import('../http/openapi.ts');
  return openapiText(name).catch((error: unknown) => {
    if (!(error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND')) throw error;
    const message =
      'Writing the description needs the development dependencies. Run it in a clone after `npm ci`.';
    throw new CommandFailed(message, { cause: error });
  });
}

/** The admin description lies beside the public one: `openapi.yaml` and `openapi-admin.yaml`. */
async function bothDescriptions(file: string): Promise<{ file: string; text: string }[]> {
  const { dir, name, ext } = parse(file);
  return [
    { file, text: await describeInterface('public') },
    { file: join(dir, `${name}-admin${ext}`), text: await describeInterface('admin') },
  ];
}

function isUpToDate({ file, text }: { file: string; text: string }): boolean {
  try {
    return readFileSync(file, 'utf8') === text;
  } catch {
    return false;
  }
}

/** `openapi --write|--check`: the published descriptions of the HTTP interface. */
export function registerOpenapi(program: Command): void {
  program
    .command('openapi')
    .description('print, write or check the OpenAPI descriptions of the HTTP interface')
    .option('--admin', 'print that of the admin and operations listeners')
    .option('--write <file>', 'write both; that of the admin listener gets -admin in its name')
    .option('--check <file>', 'exit code 1 when one of both differs from its file')
    .action(async (options: { admin?: boolean; write?: string; check?: string }) => {
      if (options.write !== undefined && options.check !== undefined) {
        throw new UsageError('Give --write or --check, not both.');
      }
      if (options.write !== undefined) {
        const written = await bothDescriptions(options.write);
        for (const { file, text } of written) writeFileSync(file, text);
        return print(`Wrote ${written.map(({ file }) => file).join(' and ')}.`);
      }
      if (options.check === undefined) {
        return print((await describeInterface(options.admin ? 'admin' : 'public')).trimEnd());
      }
      const checked = await bothDescriptions(options.check);
      const stale = checked.find((one) => !isUpToDate(one));
      if (stale) {
        throw new CommandFailed(
          `${stale.file} differs from the endpoints. Run \`npm run openapi\` and commit the result.`,
        );
      }
      print(`${checked.map(({ file }) => file).join(' and ')} are up to date.`);
    });
}
