import { createServer } from 'node:net';

/** Ports of every part of the demo. */
export interface DemoPorts {
  bridge: number;
  admin: number;
  ops: number;
  shop: number;
  vendor: number;
  backend: number;
}

export const DEFAULT_PORTS: DemoPorts = {
  bridge: 8080,
  admin: 8081,
  ops: 8082,
  shop: 8090,
  vendor: 8091,
  backend: 8092,
};

/** The port that 127.0.0.1 gives when asked for `port` (0: any), or `undefined` when it is taken. */
function tryPort(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      const given = typeof address === 'object' ? address?.port : undefined;
      server.close(() => resolve(given));
    });
  });
}

/**
 * Picks a port for each part: the first of its wishes that is free, else any free one. All addresses are needed before
 * anything listens, because the parts are told each other's.
 */
export async function choosePorts(
  wishes: Record<keyof DemoPorts, readonly (number | undefined)[]>,
): Promise<DemoPorts> {
  const chosen: DemoPorts = { ...DEFAULT_PORTS };
  const taken = new Set<number>();
  for (const part of ['bridge', 'admin', 'ops', 'shop', 'vendor', 'backend'] as const) {
    for (const wish of [...wishes[part], 0, 0, 0]) {
      if (wish === undefined || taken.has(wish)) continue;
      const port = await tryPort(wish);
      if (port === undefined || taken.has(port)) continue;
      taken.add(port);
      chosen[part] = port;
      break;
    }
  }
  return chosen;
}

/** The port of a URL that an earlier run wrote. */
export function portOf(url: string | undefined): number | undefined {
  if (url === undefined || !URL.canParse(url)) return undefined;
  const port = Number(new URL(url).port);
  return port > 0 ? port : undefined;
}
