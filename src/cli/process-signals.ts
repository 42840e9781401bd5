import process from 'node:process';

/** How a process that goes on learns of defects that nothing handled. */
export interface DefectReporter {
  /** A promise was rejected and nobody handled it: counted and logged, the process goes on. */
  rejection(error: unknown): void;
  /** An exception reached the top: logged, then the process ends with code 1. */
  exception(error: unknown): void;
}

/**
 * A reader of our output that goes away (a log collector that restarts, `| head`) must not take a service with it: it
 * goes on without its log. Any other command ends quietly.
 */
export function surviveClosedOutput(options: { goOn: boolean }): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', () => {
      if (!options.goOn) process.exit(0);
    });
  }
}

/** Reports what nothing handled. A rejection is a defect of one request; after an exception nothing is certain. */
export function reportDefects(reporter: DefectReporter): void {
  process.on('unhandledRejection', (error) => reporter.rejection(error));
  process.on('uncaughtException', (error) => {
    reporter.exception(error);
    process.exit(1);
  });
}

/** Stops in order, with exit code 1: another process has this installation now. */
export function endForLostDatabase(): void {
  process.stderr.write(
    'Another process took the database while the connection to it was lost, so this one ends. Several processes need Redis: set storage.redis_url (REDIS_URL).\n',
  );
  process.exitCode = 1;
  process.kill(process.pid, 'SIGTERM');
}

/**
 * Waits for SIGTERM, SIGINT or SIGHUP, then closes in order. A second signal ends the process at once, with the exit
 * code that shells give it.
 */
export async function untilStopped(close: () => Promise<void>): Promise<void> {
  const signals: Record<string, number> = { SIGTERM: 143, SIGINT: 130, SIGHUP: 129 };
  await new Promise<void>((resolve) => {
    let stopping = false;
    for (const [signal, exitCode] of Object.entries(signals)) {
      process.on(signal, () => {
        if (stopping) process.exit(exitCode);
        stopping = true;
        resolve();
      });
    }
  });
  await close();
  // Whatever a library left open must not keep the process alive.
  setTimeout(() => process.exit(), 1_000).unref();
}
