import type { Server as HttpServer } from 'node:http';
import { Server as NetServer, type AddressInfo } from 'node:net';
import { StartRefused } from '../errors.ts';

/** How long a kept connection may still bring one more request after the listener stopped; milliseconds. */
const IDLE_GRACE_MS = 500;
/** How long a server with connections goes on accepting after it was told to stop; milliseconds. */
const ACCEPT_GRACE_MS = 200;
const POLL_MS = 50;

export interface BindAddress {
  host: string;
  port: number;
  /** The setting that decides it, for the message when it cannot be had. */
  setting: string;
}

/** Listens; resolves with the port in use. Throws `StartRefused` when the address cannot be had. */
export function listenOn(server: HttpServer, { host, port, setting }: BindAddress): Promise<number> {
  return new Promise((resolve, reject) => {
    const refuse = (error: NodeJS.ErrnoException) => {
      const why =
        error.code === 'EADDRINUSE'
          ? `port ${port} is in use by another program`
          : error.code === 'EACCES'
            ? `port ${port} needs more rights than this process has`
            : `${host}:${port} cannot be listened on (${error.code ?? 'unknown'})`;
      reject(new StartRefused(`${setting}: ${why}. Choose another address or free this one.`));
    };
    server.once('error', refuse);
    server.listen(port, host, () => {
      server.off('error', refuse);
      resolve((server.address() as AddressInfo).port);
    });
  });
}

/**
 * Stops a server without losing a request: no new connections; connections that are kept may bring one more request,
 * which is answered with `Connection: close` (the application's draining flag must be up already); then idle ones are
 * closed, and after `limitMs` whatever is left.
 */
export function drain(server: HttpServer, limitMs: number): Promise<void> {
  if (!server.listening) return Promise.resolve();
  return new Promise((resolve) => {
    const startedMs = performance.now();
    const stopListening = () =>
      // The http server's own close would cut idle connections at once, and with them a request on its way.
      NetServer.prototype.close.call(server, () => {
        clearInterval(poll);
        server.close();
        resolve();
      });
    // Whoever has just connected is still served, and whoever asks meanwhile learns that we are not ready.
    server.getConnections((_error, connections) =>
      setTimeout(stopListening, connections > 0 ? ACCEPT_GRACE_MS : 0),
    );
    const poll = setInterval(() => {
      const elapsedMs = performance.now() - startedMs;
      if (elapsedMs >= limitMs) server.closeAllConnections();
      else if (elapsedMs >= IDLE_GRACE_MS) server.closeIdleConnections();
    }, POLL_MS);
  });
}
