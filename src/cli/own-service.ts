import type { Config } from '../config/config.ts';
import { createLogger } from '../platform/logger.ts';
import { randomToken } from '../platform/random.ts';
import { createService } from '../service.ts';
import { type AdminClient, createAdminClient } from './admin-client.ts';

/**
 * Opens the service in this process for one command: only its admin API listens, on a free loopback port and with a
 * token that nobody else knows. Throws `StartRefused` when the service cannot be opened.
 */
export async function openOwnAdmin(config: Config): Promise<{ client: AdminClient; close(): Promise<void> }> {
  const token = randomToken(32);
  // Standard output belongs to the command's own answer.
  const logger = createLogger('error', process.stderr);
  const service = await createService(
    { ...config, admin: { host: '127.0.0.1', port: 0, token } },
    { logger },
  );
  try {
    const { adminUrl: url } = await service.listen({ only: ['admin'] });
    return { client: createAdminClient({ url, token }), close: () => service.close() };
  } catch (error) {
    await service.close();
    throw error;
  }
}
