import type { Server } from 'node:http';
import type { Config } from '../config/config.ts';
import { type BindAddress, drain, listenOn } from '../http/draining-server.ts';
import type { HttpApp } from '../http/express-app.ts';
import { createListener } from '../http/listener.ts';
import type { Logger } from '../platform/logger.ts';

export type ListenerName = 'admin' | 'ops' | 'public';
export const LISTENERS: readonly ListenerName[] = ['admin', 'ops', 'public'];

/** Where the listeners are bound; empty for one that was not opened. */
export interface ServiceAddresses {
  url: string;
  adminUrl: string;
  opsUrl: string;
}

/** How long requests under way may take after a stop was asked for; the process is to be gone within ten seconds. */
const DRAIN_LIMIT_MS = 7_500;
const OPS_DRAIN_LIMIT_MS = 700;

export interface ListenersDeps {
  config: Config;
  /** Headers of every answer, also of those that no application makes. */
  headers: Record<string, string>;
  apps: Record<ListenerName, HttpApp>;
  logger: Logger;
}

/** The service's listeners; only the public one speaks TLS by itself. */
export function createListeners({ config, headers, apps, logger }: ListenersDeps) {
  const servers = new Map<ListenerName, Server>();
  const tls = config.tls && {
    certificate: config.tls.certificate,
    privateKey: config.tls.private_key,
  };
  const binds: Record<ListenerName, BindAddress> = {
    admin: { ...config.admin, setting: 'admin.port' },
    ops: { ...config.ops, setting: 'ops.port' },
    public: { ...config.listen, setting: 'listen.port (PORT)' },
  };

  const openOne = async (name: ListenerName): Promise<string> => {
    const ownTls = name === 'public' ? tls : undefined;
    const server = createListener(apps[name], headers, {
      maxConnections: config.http.max_connections,
      tls: ownTls,
      report: ({ requestId, ...refusal }) =>
        logger.log('info', { event: 'http.request', request_id: requestId, route: 'unknown', ...refusal }),
    });
    const bind = binds[name];
    const port = await listenOn(server, bind);
    servers.set(name, server);
    const host = bind.host.includes(':') ? `[${bind.host}]` : bind.host;
    return `${ownTls ? 'https' : 'http'}://${host}:${port}`;
  };

  return {
    open: async (only: readonly ListenerName[]): Promise<ServiceAddresses> => {
      const urls: Record<ListenerName, string> = { public: '', admin: '', ops: '' };
      for (const name of only) urls[name] = await openOne(name);
      return { url: urls.public, adminUrl: urls.admin, opsUrl: urls.ops };
    },
    /**
     * Lets requests under way finish, then closes every listener; the operations listener last, so that readiness can
     * be seen to be off meanwhile.
     */
    drain: async (): Promise<void> => {
      const closeOne = async (name: ListenerName, limitMs: number) => {
        const server = servers.get(name);
        if (server) await drain(server, limitMs);
      };
      await Promise.all([closeOne('public', DRAIN_LIMIT_MS), closeOne('admin', DRAIN_LIMIT_MS)]);
      await closeOne('ops', OPS_DRAIN_LIMIT_MS);
    },
  };
}
