import type { Command } from 'commander';
import { StartRefused } from '../errors.ts';
import type { GlobalOptions } from './command-options.ts';
import { CommandFailed } from './terminal.ts';

/** Starts the demo and returns when it is stopped. Throws `CommandFailed` under `NODE_ENV=production`. */
export async function runDemo(): Promise<void> {
  const [{ readEnvironment }, { untilStopped }] = await Promise.all([
    import('../config/environment.ts'),
    import('./process-signals.ts'),
  ]);
  const environment = readEnvironment();
  if (environment.production) {
    throw new CommandFailed(
      'The demo does not run under NODE_ENV=production. Write a symbolon.yaml with `symbolon init` and run `symbolon serve`.',
    );
  }
  const { startDemo } = await import('../../demo/start.ts');
  const demo = await startDemo().catch((error: unknown) => {
    if (error instanceof StartRefused || !(error instanceof Error)) throw error;
    throw new CommandFailed(error.message, { cause: error });
  });
  await untilStopped(() => demo.close());
}

/** `demo`: the bridge with a sample shop, chat vendor and profile backend around it. */
export function registerDemo(program: Command): void {
  program
    .command('demo')
    .description('run the demo on this machine: no configuration, random credentials, loopback only')
    .action(async (_options: GlobalOptions) => runDemo());
}
