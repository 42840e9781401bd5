import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { Config } from '../config/config.ts';
import { type AdminClient, AdminUnreachable, createAdminClient } from './admin-client.ts';
import type { GlobalOptions } from './command-options.ts';
import { findRunningService } from './service-file.ts';
import { CommandFailed } from './terminal.ts';

/** What a command knows beside the admin API. */
export interface AdminSession {
  /** The caller wants JSON. */
  json: boolean;
  /** `undefined` when the command speaks to a running demo, which has no configuration file. */
  config: Config | undefined;
  /** Whether a running service answers, or one that was opened for this command alone. */
  running: boolean;
}

async function answers(client: AdminClient): Promise<boolean> {
  try {
    await client.call('GET', '/admin/status');
    return true;
  } catch (error) {
    if (error instanceof AdminUnreachable) return false;
    // An answer all the same: what the command asks next says what is wrong.
    if (error instanceof CommandFailed) return true;
    throw error;
  }
}

/** The demo of this folder, if it runs and nothing else is configured: its file names the admin API and the token. */
export async function findDemo(configFile: string | undefined): Promise<AdminClient | undefined> {
  const { findConfigFile } = await import('../config/load.ts');
  const { readEnvironment } = await import('../config/environment.ts');
  if (findConfigFile({ file: configFile }) !== undefined) return undefined;
  if (readEnvironment().databaseUrl !== undefined) return undefined;
  let file: { admin_url?: unknown; admin_token?: unknown };
  try {
    file = JSON.parse(readFileSync(resolve('.symbolon/demo.json'), 'utf8')) as typeof file;
  } catch {
    return undefined;
  }
  if (typeof file.admin_url !== 'string' || typeof file.admin_token !== 'string') return undefined;
  const client = createAdminClient({ url: file.admin_url, token: file.admin_token });
  return (await answers(client)) ? client : undefined;
}

async function clientOfRunning(config: Config): Promise<AdminClient | undefined> {
  const found = findRunningService(config.data_dir);
  if (!found) return undefined;
  const { readAdminToken } = await import('../config/secrets.ts');
  const token = readAdminToken(config);
  if (token === undefined) {
    throw new CommandFailed(
      `A service runs with process id ${found.pid}, but its admin token is not known here. Set ADMIN_TOKEN.`,
    );
  }
  const client = createAdminClient({ url: found.admin_url, token });
  return (await answers(client)) ? client : undefined;
}

/**
 * Lets a command speak to the admin API: of the service that runs on this data directory, else of one that is opened
 * in this process, on a loopback port and a token of its own, for as long as the command needs.
 */
export async function withAdmin(
  command: Command,
  use: (admin: AdminClient, session: AdminSession) => Promise<void>,
): Promise<void> {
  const { config: file, json = false } = command.optsWithGlobals<GlobalOptions>();
  const demo = await findDemo(file);
  if (demo) return use(demo, { json, config: undefined, running: true });
  const { loadConfig } = await import('../config/load.ts');
  const { config } = loadConfig({ file });
  const running = await clientOfRunning(config);
  if (running) return use(running, { json, config, running: true });
  const { openOwnAdmin } = await import('./own-service.ts');
  const own = await openOwnAdmin(config);
  try {
    await use(own.client, { json, config, running: false });
  } finally {
    await own.close();
  }
}
