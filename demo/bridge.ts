import type { ConfigInput } from '../src/config/config.ts';
import { parseConfig } from '../src/config/load.ts';
import { createService } from '../src/service.ts';

/** The running bridge of the demo. */
export interface Bridge {
  close(): Promise<void>;
}

/** Starts the real service with these settings. Throws `StartRefused` when it cannot. */
export async function startBridge(settings: ConfigInput): Promise<Bridge> {
  const service = await createService(parseConfig(settings));
  await service.listen();
  return { close: () => service.close() };
}
