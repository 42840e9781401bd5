/** `symbolon serve` as a process of its own, which a test can stop or kill and start again on the same data. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { ConfigInput } from '../../src/config/config.ts';

/** `npm run test:faults` names the one it has built. */
const launcher = process.env['SYMBOLON_PROGRAM'] ?? resolve(import.meta.dirname, '../../bin/symbolon.mjs');
const STARTED = /Symbolon serves \S+ on (\S+)\. Admin API (\S+), operations (\S+)\.\n/;
const START_LIMIT_MS = 20_000;

export const ADMIN_TOKEN = 'serve-admin-token-4c1f0e7a9b2d';
export const PUBLIC_URL = 'http://localhost:8080';

export interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface ServeProcess {
  readonly url: string;
  readonly adminUrl: string;
  readonly opsUrl: string;
  /** Sends the signal and waits for the end. */
  end(signal: NodeJS.Signals): Promise<Ended>;
  /** Waits for an end that comes by itself. */
  ended(): Promise<Ended>;
  /** Of the process. */
  readonly pid: number;
  /** A call of the admin API; throws on any refusal. */
  admin(method: string, path: string, body?: object): Promise<Record<string, unknown>>;
}

function launch(
  folder: string,
  program = launcher,
  env: Record<string, string> = {},
): { child: ChildProcess; said: () => string } {
  const child = spawn(process.execPath, [program, '--config', join(folder, 'symbolon.yaml'), 'serve'], {
    cwd: folder,
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let text = '';
  child.stderr?.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const endWithUs = () => child.kill('SIGKILL');
  process.once('exit', endWithUs);
  child.once('exit', () => process.off('exit', endWithUs));
  return { child, said: () => text };
}

/** Writes the configuration: everything on free loopback ports, the database in `folder`. */
export function configure(folder: string, settings: Partial<ConfigInput>): void {
  const host = '127.0.0.1';
  const config: ConfigInput = {
    public_url: PUBLIC_URL,
    listen: { host, port: 0 },
    admin: { host, port: 0, token: ADMIN_TOKEN },
    ops: { host, port: 0 },
    data_dir: join(folder, 'data'),
    keys: { generate: true },
    log: { level: 'error' },
    ...settings,
  };
  // YAML reads JSON.
  writeFileSync(join(folder, 'symbolon.yaml'), JSON.stringify(config));
}

/** Starts the service of a configured folder, by default this one's, and waits until it serves. */
export async function serve(
  folder: string,
  program?: string,
  env?: Record<string, string>,
): Promise<ServeProcess> {
  const { child, said } = launch(folder, program, env);
  const startedMs = performance.now();
  let addresses: RegExpExecArray | null = null;
  while (!addresses) {
    if (child.exitCode !== null || performance.now() - startedMs > START_LIMIT_MS) {
      child.kill('SIGKILL');
      throw new Error(`the service did not start: ${said()}`);
    }
    await new Promise((later) => setTimeout(later, 10));
    addresses = STARTED.exec(said());
  }
  const [, url = '', adminUrl = '', opsUrl = ''] = addresses;
  return {
    url,
    adminUrl,
    opsUrl,
    async end(signal) {
      if (child.exitCode === null && child.signalCode === null) {
        const ended = once(child, 'exit');
        child.kill(signal);
        await ended;
      }
      return { code: child.exitCode, signal: child.signalCode };
    },
    async ended() {
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
      return { code: child.exitCode, signal: child.signalCode };
    },
    pid: child.pid as number,
    async admin(method, path, body) {
      const response = await fetch(adminUrl + path, {
        method,
        headers: { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' },
        ...(body ? { body: JSON.stringify(body) } : {}),
      });
      const text = await response.text();
      if (!response.ok) throw new Error(`${method} ${path} gave ${response.status} ${text}`);
      return JSON.parse(text || '{}') as Record<string, unknown>;
    },
  };
}

/** Starts the service of a folder where it must not start; what it said and how it ended. */
export async function serveRefused(folder: string): Promise<Ended & { said: string }> {
  const { child, said } = launch(folder);
  const timer = setTimeout(() => child.kill('SIGKILL'), START_LIMIT_MS);
  await once(child, 'close');
  clearTimeout(timer);
  return { code: child.exitCode, signal: child.signalCode, said: said() };
}
