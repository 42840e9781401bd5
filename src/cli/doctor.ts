import { createServer } from 'node:net';
import type { Command } from 'commander';
import type { Config } from '../config/config.ts';
import { StartRefused } from '../errors.ts';
import { records } from './admin-client.ts';
import { withAdmin } from './admin-session.ts';
import type { GlobalOptions } from './command-line.ts';
import { CommandFailed, plain, print, printJson, styled } from './terminal.ts';

/** One thing that was looked at. A warning does not fail the check. */
export interface Check {
  check: string;
  status: 'ok' | 'warning' | 'failed';
  message: string;
  fix?: string;
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
async function configurationChecks(
  file: string | undefined,
): Promise<{ checks: Check[]; config: Config | undefined }> {
  const [{ loadConfig }, { ConfigRefused }] = await Promise.all([
    import('../config/load.ts'),
    import('../config/problems.ts'),
  ]);
  try {
    const loaded = loadConfig({ file });
    const checks: Check[] = [
      { check: 'configuration', status: 'ok', message: loaded.file ?? 'from the environment' },
      ...loaded.warnings.map(
        (one): Check => ({ check: one.path, status: 'warning', message: one.problem, fix: one.fix }),
      ),
    ];
    return { checks, config: loaded.config };
  } catch (error) {
    if (error instanceof ConfigRefused) {
      const checks = error.problems.map(
        (one): Check => ({
          check: one.path === '' ? 'configuration' : one.path,
          status: 'failed',
          message: one.problem,
          fix: one.fix,
        }),
      );
      return { checks, config: undefined };
    }
    if (error instanceof StartRefused) {
      return {
        checks: [{ check: 'configuration', status: 'failed', message: error.message }],
        config: undefined,
      };
    }
    throw error;
  }
}

/** What the service itself found: store, keys, each authenticator and backend. Its sentences hold the fix. */
function serviceChecks(answer: Record<string, unknown>): Check[] {
  return records(answer, 'findings').map(({ subject, ok, message }) => ({
    check: plain(subject),
    status: ok === true ? 'ok' : 'failed',
    message: plain(message),
  }));
}

async function runningChecks(command: Command, config: Config): Promise<Check[]> {
  const checks: Check[] = [];
  try {
    await withAdmin(command, async (admin, { running }) => {
      checks.push(...serviceChecks(await admin.call('GET', '/admin/doctor')));
      if (running) checks.push({ check: 'service', status: 'ok', message: 'is running' });
      else {
        for (const name of ['listen', 'admin', 'ops'] as const)
          checks.push(await listenerCheck(name, config[name]));
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
    .action(async (_options: object, command: Command) => {
      const { config: file, json } = command.optsWithGlobals<GlobalOptions>();
      const { checks, config } = await configurationChecks(file);
      if (config) checks.push(...(await runningChecks(command, config)));
      const failed = checks.filter((one) => one.status === 'failed').length;
      if (failed > 0) process.exitCode = 1;
      if (json) return printJson({ ok: failed === 0, checks });
      for (const one of checks) print(line(one));
      if (failed > 0) print(`\n${failed === 1 ? 'One check' : `${failed} checks`} failed.`);
    });
}
