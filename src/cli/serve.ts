import type { Command } from 'commander';
import type { GlobalOptions } from './command-options.ts';
import { collectStartGarbage } from '../platform/start-garbage.ts';
import { printError } from './terminal.ts';

/** Runs the service until it is told to stop. Throws `StartRefused` when it is not configured or cannot start. */
async function runService(file: string | undefined): Promise<void> {
  const { loadConfig } = await import('../config/load.ts');
  const { config, warnings } = loadConfig({ file });
  const [{ loadSecrets }, { createService }, signals, serviceFile] = await Promise.all([
    import('../config/secrets.ts'),
    import('../service.ts'),
    import('./process-signals.ts'),
    import('./service-file.ts'),
  ]);
  const secrets = loadSecrets(config);
  const service = await createService(config, { secrets, onLost: signals.endForLostDatabase });
  signals.reportDefects({
    rejection: (error) => {
      service.metrics.unhandledRejections.inc();
      service.logger.unexpected('process.unhandled_rejection', error);
    },
    exception: (error) => service.logger.unexpected('process.uncaught_exception', error),
  });
  for (const one of warnings) {
    service.logger.log('warn', { event: 'config.warning', reason: `${one.path} ${one.problem}. ${one.fix}` });
  }
  const stopped = signals.untilStopped(async () => {
    serviceFile.removeServiceFile(config.data_dir, process.pid);
    await service.close();
  });
  const { url, adminUrl, opsUrl } = await service.listen();
  serviceFile.writeServiceFile(config.data_dir, { pid: process.pid, admin_url: reachable(adminUrl) });
  for (const path of secrets.generated) {
    printError(`Generated ${path}, readable by this user alone. ${careOf(path)}`);
  }
  printError(`Symbolon serves ${config.public_url} on ${url}. Admin API ${adminUrl}, operations ${opsUrl}.`);
  collectStartGarbage();
  await stopped;
}

/** What to do with a generated file. */
function careOf(path: string): string {
  return path.endsWith('key-encryption-key')
    ? 'Keep a copy of it, apart from the database and its backups: it opens what they hold.'
    : 'It needs no backup: a new one is generated when it is gone.';
}

/** The address at which this machine reaches a listener that is open on all of its addresses. */
function reachable(url: string): string {
  return url.replace('//0.0.0.0:', '//127.0.0.1:').replace('//[::]:', '//[::1]:');
}

/** `serve` and `start`. */
export function registerServe(program: Command): void {
  program
    .command('serve')
    .description('run the service; refuses to start without a configuration')
    .addHelpText('after', '\nExample:\n  $ symbolon --config /etc/symbolon/symbolon.yaml serve')
    .action(async (_options: object, command: Command) => {
      await runService(command.optsWithGlobals<GlobalOptions>().config);
    });

  program
    .command('start')
    .description('serve when a symbolon.yaml or DATABASE_URL is there, else run the demo')
    .action(async (_options: object, command: Command) => {
      const [{ findConfigFile }, { readEnvironment }] = await Promise.all([
        import('../config/load.ts'),
        import('../config/environment.ts'),
      ]);
      const { config: file } = command.optsWithGlobals<GlobalOptions>();
      const configured =
        findConfigFile({ file }) !== undefined || readEnvironment().databaseUrl !== undefined;
      if (configured) return runService(file);
      const { runDemo } = await import('./demo.ts');
      await runDemo();
    });
}
