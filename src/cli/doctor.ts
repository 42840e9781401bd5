import { createServer } from 'node:net';
import type { Command } from 'commander';
import type { Config } from '../config/config.ts';
import { StartRefused } from '../errors.ts';
import { type AdminClient, records } from './admin-client.ts';
import { findDemo, withAdmin } from './admin-session.ts';
import type { GlobalOptions } from './command-options.ts';
import { CommandFailed, plain, print, printJson, styled } from './terminal.ts';

/** One thing that was looked at. A warning does not fail the check. */
interface Check {
  check: string;
  status: 'ok' | 'warning' | 'failed';
  message: string;
  fix?: string;
}

/** Whom to ask the backends about. */
interface Customer {
  reference: string;
  reference_space?: string;
}

const MARKS = { ok: ['green', '✓'], warning: ['yellow', '!'], failed: ['red', '✗'] } as const;

function line({ check, status, message, fix }: Check): string {
  const [colour, mark] = MARKS[status];
  const advice = fix === undefined || status === 'ok' ? '' : ` → ${plain(fix)}`;
  return `${styled(colour, mark)} ${plain(check)}: ${plain(message)}${advice}`;
}

/** Whether an address can be listened on, tried by doing it. */
async function listenerCheck(
  name: 'listen' | 'admin' | 'ops',
  { host, port }: { host: string; port: number },
): Promise<Check> {
  const server = createServer();
  const error = await new Promise<NodeJS.ErrnoException | undefined>((done) => {
    server.once('error', done);
    server.listen({ host, port, exclusive: true }, () => server.close(() => done(undefined)));
  });
  const check = `${name === 'listen' ? 'public' : name} listener`;
  if (!error) return { check, status: 'ok', message: `${host}:${port} is free` };
  const fix =
    error.code === 'EADDRINUSE'
      ? `Set ${name}.port to a free port, or stop what uses it.`
      : `Check ${name}.host and ${name}.port: this user cannot listen there.`;
  return { check, status: 'failed', message: `${host}:${port} cannot be used (${error.code})`, fix };
}

/** The checks that need nothing but the file and the environment. */
async function configurationChecks(file: string | undefined): Promise<Check[]> {
  const [{ loadConfig }, { ConfigRefused }] = await Promise.all([
    import('../config/load.ts'),
    import('../config/problems.ts'),
  ]);
  const check = 'configuration';
  try {
    if (await findDemo(file)) return [{ check, status: 'ok', message: 'the demo' }];
    const { file: found, warnings } = loadConfig({ file });
    return [
      { check, status: 'ok', message: found ?? 'from the environment' },
      ...warnings.map(
        ({ path, problem, fix }): Check => ({ check: path, status: 'warning', message: problem, fix }),
      ),
    ];
  } catch (error) {
    if (error instanceof ConfigRefused) {
      return error.problems.map(
        ({ path, problem, fix }): Check => ({
          check: path || check,
          status: 'failed',
          message: problem,
          fix,
        }),
      );
    }
    if (error instanceof StartRefused) return [{ check, status: 'failed', message: error.message }];
    throw error;
  }
}

/** What the service itself found: store, keys, each authenticator and backend. Its sentences hold the fix. */
function serviceChecks(answer: Record<string, unknown>): Check[] {
  return records(answer, 'findings').map(({ subject, ok, warning, message }) => ({
    check: plain(subject),
    status: ok !== true ? 'failed' : warning === true ? 'warning' : 'ok',
    message: plain(message),
  }));
}

/** Whether the running service started with the configuration that is written now. */
async function sameConfiguration(admin: AdminClient, config: Config): Promise<Check> {
  const check = 'service';
  const [{ digestConfig, differingSections }, { readEncryptionKeys }] = await Promise.all([
    import('../config/digest.ts'),
    import('../config/secrets.ts'),
  ]);
  const running = { status: 'ok', check, message: 'is running' } as const;
  let configuration: unknown;
  try {
    ({ configuration } = await admin.call('GET', '/admin/status'));
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    const message = `is running; whether with this configuration could not be asked: ${error.message}`;
    return { status: 'warning', check, message };
  }
  if (typeof configuration !== 'object' || configuration === null) return running;
  const differing = differingSections(
    digestConfig(config, { encryptionKeys: readEncryptionKeys(config) }),
    configuration as Record<string, string>,
  );
  if (differing.length === 0) return running;
  return {
    check,
    status: 'warning',
    message: `is running with another configuration (other: ${differing.join(', ')}); restart it. The lines above are about the old one.`,
  };
}

/** The checks of a service, running or opened for this command; listeners are tried only when none runs. */
async function runningChecks(command: Command, customer: Customer | undefined): Promise<Check[]> {
  const checks: Check[] = [];
  try {
    await withAdmin(command, async (admin, { running, config }) => {
      checks.push(...serviceChecks(await admin.call('GET', '/admin/doctor')));
      if (customer) {
        const asked = serviceChecks(await admin.call('POST', '/admin/doctor', customer));
        checks.push(...asked.map((one) => ({ ...one, check: `${one.check} about this customer` })));
      }
      if (!config) checks.push({ check: 'service', status: 'ok', message: 'is running' });
      else if (running) checks.push(await sameConfiguration(admin, config));
      else {
        for (const name of ['listen', 'admin', 'ops'] as const) {
          checks.push(await listenerCheck(name, config[name]));
        }
      }
    });
  } catch (error) {
    if (!(error instanceof StartRefused || error instanceof CommandFailed)) throw error;
    checks.push({ check: 'service', status: 'failed', message: error.message });
  }
  return checks;
}

/** `doctor`: proves a configuration against the world and says every fix. */
export function registerDoctor(program: Command): void {
  program
    .command('doctor')
    .description(
      'check configuration, store, keys, listeners, authenticators and backends; exit code 1 when one fails',
    )
    .option('--customer <reference>', 'ask each backend about this customer and say which fields it gives')
    .option('--space <name>', 'reference space of that customer, where there are several')
    .addHelpText('after', '\nExample:\n  $ symbolon doctor --customer 4711')
    .action(async (options: { customer?: string; space?: string }, command: Command) => {
      const { config: file, json } = command.optsWithGlobals<GlobalOptions>();
      const customer =
        options.customer === undefined
          ? undefined
          : {
              reference: options.customer,
              ...(options.space === undefined ? {} : { reference_space: options.space }),
            };
      const checks = await configurationChecks(file);
      if (!checks.some((one) => one.status === 'failed'))
        checks.push(...(await runningChecks(command, customer)));
      const failed = checks.filter((one) => one.status === 'failed').length;
      if (failed > 0) process.exitCode = 1;
      if (json) return printJson({ ok: failed === 0, checks });
      for (const one of checks) print(line(one));
      if (failed > 0) print(`\n${failed === 1 ? 'One check' : `${failed} checks`} failed.`);
    });
}
