import { readFileSync, writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import type { Command } from 'commander';
import { CommandFailed, print, UsageError } from './terminal.ts';

/** The description as YAML, written from the contracts of a service that is composed in memory and never listens. */
async function describeInterface(): Promise<string> {
  const [{ parseConfig }, { createService }, { silentLogger }, { programVersion }, { stringify }] =
    await Promise.all([
      import('../config/load.ts'),
      import('../service.ts'),
      import('../platform/logger.ts'),
      import('../platform/version.ts'),
      import('yaml'),
    ]);
  const { openApiDocument } = await import('../http/openapi.ts').catch((error: unknown) => {
    throw new CommandFailed(
      'Writing the description needs the development dependencies. Run it in a clone after `npm ci`.',
      {
        cause: error,
      },
    );
  });
  const config = parseConfig({
    public_url: 'http://localhost',
    storage: { database_url: 'file::memory:' },
    passwords: { lanes: 1 },
  });
  const service = await createService(config, {
    logger: silentLogger,
    secrets: { encryptionKeys: [randomBytes(32)], adminToken: randomBytes(32).toString('hex') },
  });
  try {
    const document = openApiDocument(service.contracts, { version: programVersion() });
    const heading = '# Written by `npm run openapi` from the contracts in src/http. Do not edit.\n';
    return heading + stringify(document, { lineWidth: 110, aliasDuplicateObjects: false });
  } finally {
    await service.close();
  }
}

/** `openapi --write|--check`: the published description of the HTTP interface. */
export function registerOpenapi(program: Command): void {
  program
    .command('openapi')
    .description('print, write or check the OpenAPI description of the HTTP interface')
    .option('--write <file>', 'write it to a file')
    .option('--check <file>', 'exit code 1 when a file differs from it')
    .action(async (options: { write?: string; check?: string }) => {
      if (options.write !== undefined && options.check !== undefined) {
        throw new UsageError('Give --write or --check, not both.');
      }
      const text = await describeInterface();
      if (options.write !== undefined) {
        writeFileSync(options.write, text);
        return print(`Wrote ${options.write}.`);
      }
      if (options.check === undefined) return print(text.trimEnd());
      let written: string | undefined;
      try {
        written = readFileSync(options.check, 'utf8');
      } catch {
        written = undefined;
      }
      if (written !== text) {
        throw new CommandFailed(
          `${options.check} differs from the endpoints. Run \`npm run openapi\` and commit the result.`,
        );
      }
      print(`${options.check} is up to date.`);
    });
}
