import { freePort } from './child-server.ts';
import { startService, type TestService } from './service.ts';

export type { TestService } from './service.ts';

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
