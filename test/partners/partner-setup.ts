/** A partner API as the service builds it, in front of a stand-in, on a clock that moves by itself while it waits. */
import { createConnection } from '../../src/connections/connection.ts';
import { createPartnerApi, type PartnerApi } from '../../src/connections/partner-api.ts';
import { connectionSetting } from '../../src/connections/presets/preset-settings.ts';
import { createHttpClient } from '../../src/outbound/http-client.ts';
import { createLogger } from '../../src/platform/logger.ts';
import { createMetrics } from '../../src/platform/metrics.ts';
import type { TestClock } from '../support/clock.ts';
import { createManualTimer } from '../support/manual-timer.ts';

export interface PartnerSetup extends AsyncDisposable {
  api: PartnerApi;
  /** Waits for a call while time passes as far as it must. */
  drive<T>(work: Promise<T>): Promise<T>;
  metrics: ReturnType<typeof createMetrics>;
  /** Everything that was logged. */
  logged(): string;
}

/** `written` is an entry of `connections` as the configuration has it. */
export async function setUpPartner(
  clock: TestClock,
  written: Record<string, unknown>,
): Promise<PartnerSetup> {
  const setting = connectionSetting.parse(written);
  const lines: string[] = [];
  const logger = createLogger('debug', { write: (line) => lines.push(line) });
  const metrics = createMetrics();
  const httpClient = createHttpClient({ clock });
  const connection = createConnection('partner', setting, { httpClient, clock, metrics, logger });
  const timer = createManualTimer(clock);
  const api = createPartnerApi(setting, { connection, clock, startTimer: timer.startTimer, metrics });
  if (!api) throw new Error('the entry has no preset');
  const busy = () => {
    const { running, waiting } = connection.status().destination;
    return running + waiting > 0 || httpClient.destinations.some((one) => one.status().running > 0);
  };
  return {
    api,
    metrics,
    drive: (work) => timer.drive(work, busy),
    logged: () => lines.join(''),
    [Symbol.asyncDispose]: () => httpClient.close(),
  };
}
