/**
 * What another program gets when it imports this package: partner APIs, called as the service calls them, without a
 * service. Everything else in the package may change from one release to the next; these names are promises.
 */
import type { z } from 'zod';
import { StartRefused } from '../errors.ts';
import { createHttpClient } from '../outbound/http-client.ts';
import { systemClock } from '../platform/clock.ts';
import { createLogger, silentLogger } from '../platform/logger.ts';
import { createMetrics } from '../platform/metrics.ts';
import { systemTimer } from '../platform/timer.ts';
import { type ConnectionStatus, createConnection } from './connection.ts';
import { createPartnerApi, type PartnerApi } from './partner-api.ts';
import { connectionSetting } from './presets/preset-settings.ts';

export { BridgeError, type ErrorCode, StartRefused } from '../errors.ts';
export { authenticateConversation, type ConversationAuthentication } from './asapp-calls.ts';
export { type AnswerSchema, callPartner, PartnerRefusal } from './call-partner.ts';
export type { PartnerAnswer, PartnerCall, PartnerCallOptions } from './partner-api.ts';

/** An entry of `connections` as `symbolon.yaml` has it; `preset` must be named. */
export type PartnerApiSettings = z.input<typeof connectionSetting>;

export interface OpenPartnerApiOptions {
  /** Gets one line of JSON for each event of the log; no line holds a secret. Default: nothing is logged. */
  log?: (line: string) => void;
}

/** A partner API that this process alone calls: its limits are counted here and nowhere else. */
export interface OpenedPartnerApi extends Pick<PartnerApi, 'name' | 'knownPaths' | 'call'>, AsyncDisposable {
  /** Circuit, tokens and counts; holds no secret. */
  status(): ConnectionStatus;
  /** Lets calls under way end for two seconds, then cuts them off. */
  close(): Promise<void>;
}

/**
 * Opens a partner API. `name` stands in errors and in the log. `authorization_code` does not work here, for its grant is
 * kept in the database of a service. Throws `StartRefused`, naming the setting, for settings that are wrong.
 */
export function openPartnerApi(
  name: string,
  settings: PartnerApiSettings,
  { log }: OpenPartnerApiOptions = {},
): OpenedPartnerApi {
  const parsed = connectionSetting.safeParse(settings);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(
      ({ path, message }) => `connections.${[name, ...path].join('.')}: ${message}`,
    );
    throw new StartRefused(problems.join('\n'));
  }
  if (parsed.data.auth.some(({ type }) => type === 'authorization_code')) {
    throw new StartRefused(`connections.${name}.auth: authorization_code needs a running service`);
  }
  const logger = log ? createLogger('info', { write: (line) => log(line.trimEnd()) }) : silentLogger;
  const metrics = createMetrics();
  const clock = systemClock;
  const httpClient = createHttpClient({ clock, logger });
  const connection = createConnection(name, parsed.data, { httpClient, clock, metrics, logger });
  const api = createPartnerApi(parsed.data, { connection, clock, startTimer: systemTimer, metrics });
  if (!api) throw new StartRefused(`connections.${name}.preset is missing`);
  return {
    name,
    knownPaths: api.knownPaths,
    call: api.call,
    status: connection.status,
    close: httpClient.close,
    [Symbol.asyncDispose]: httpClient.close,
  };
}
