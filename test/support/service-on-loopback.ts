import { createServer } from 'node:net';
import { startService, type TestService } from './service.ts';

export type { TestService } from './service.ts';

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as { port: number };
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

/**
 * A service whose public address is the one that it listens on, for clients that go by its metadata. The real clock,
 * because such clients have one of their own.
 */
export async function freeLoopbackService(
  more: (settings: Record<string, unknown>) => Record<string, unknown> = (settings) => settings,
): Promise<TestService> {
  const port = await freePort();
  const { systemClock } = await import('../../src/platform/clock.ts');
  return startService({
    clock: systemClock,
    settings: (settings) => {
      const { behind_tls_proxy: _proxy, ...rest } = settings;
      return more({
        ...rest,
        public_url: `http://127.0.0.1:${port}`,
        listen: { host: '127.0.0.1', port },
      }) as typeof settings;
    },
  });
}
