/**
 * The composition root: the one place where rooms are wired to each other. Reads no environment and listens to
 * nothing by itself; `listen` and `close` do.
 */
import type { Config } from './config/config.ts';
import type { HttpApp } from './http/express-app.ts';
import type { Logger } from './platform/logger.ts';
import type { Metrics } from './platform/metrics.ts';
import { startWatching } from './platform/watch.ts';
import { createApps } from './service/apps.ts';
import { openFoundations, type ServiceOverrides } from './service/foundations.ts';
import { createListeners, LISTENERS, type ListenerName, type ServiceAddresses } from './service/listeners.ts';
import { type Closer, closeAll } from './service/open-stores.ts';
import { recurringTasks } from './service/recurring-tasks.ts';
import { openRooms } from './service/rooms.ts';

export interface Service {
  readonly app: HttpApp;
  readonly adminApp: HttpApp;
  readonly opsApp: HttpApp;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Opens the listeners, or only some of them. Throws `StartRefused` when an address cannot be had. */
  listen(options?: { only?: readonly ListenerName[] }): Promise<ServiceAddresses>;
  /** Readiness off, requests under way finish, then everything is closed. Safe to call twice. */
  close(): Promise<void>;
}

/** Opens stores, checks keys, wires everything. Throws `StartRefused`, naming the setting and the mend. */
export async function createService(config: Config, overrides: ServiceOverrides = {}): Promise<Service> {
  const opened: Closer[] = [];
  try {
    return await compose(config, overrides, opened);
  } catch (error) {
    await closeAll(opened).catch(() => {});
    throw error;
  }
}

async function compose(config: Config, overrides: ServiceOverrides, opened: Closer[]): Promise<Service> {
  let draining = false;
  let serving = false;
  const foundations = await openFoundations(config, overrides, opened);
  const rooms = await openRooms(foundations, () => serving, opened);
  const { apps, headers } = createApps(foundations, rooms, () => draining);
  const { clock, logger, metrics, audit } = foundations.shared;

  const watch = startWatching({ clock, logger, every: recurringTasks(foundations, rooms) });
  opened.push(() => watch.stop());

  const listeners = createListeners({ config, headers, apps, logger });
  let closing: Promise<void> | undefined;
  const close = async () => {
    draining = true;
    await listeners.drain();
    if (serving) audit.event('service.stopped', { outcome: 'success', actor: 'system' });
    await closeAll(opened);
  };
  return {
    app: apps.public,
    adminApp: apps.admin,
    opsApp: apps.ops,
    logger,
    metrics,
    listen: async ({ only = LISTENERS } = {}) => {
      try {
        const addresses = await listeners.open(only);
        serving = only.includes('public');
        if (serving) audit.event('service.started', { outcome: 'success', actor: 'system' });
        return addresses;
      } catch (error) {
        await (closing ??= close());
        throw error;
      }
    },
    close: () => (closing ??= close()),
  };
}
