import type { Config } from '../config/config.ts';
import type { Connection } from '../connections/connection.ts';
import { createPartnerApi } from '../connections/partner-api.ts';
import { connectionWarnings } from '../connections/preset-warnings.ts';
import { createCallOnBehalf } from '../customers/partner-calls/call-on-behalf.ts';
import { createCallPartnerApi, type PartnerApis } from '../customers/partner-calls/call-partner-api.ts';
import { createTryPartnerApi } from '../customers/partner-calls/try-partner-api.ts';
import type { Audit } from '../audit/audit.ts';
import { partnerCallEndpoint } from '../http/admin/partner-calls.ts';
import type { Finding } from '../http/admin/status.ts';
import type { LimitCounter } from '../limits/limit-counter.ts';
import type { ReportFailure } from '../outbound/failure-reason.ts';
import type { Partners } from '../partners/partners.ts';
import type { Clock } from '../platform/clock.ts';
import type { Metrics } from '../platform/metrics.ts';
import { systemTimer } from '../platform/timer.ts';
import type { RedisConnection } from '../stores/redis.ts';
import { createRedisLimitCounter } from '../stores/redis-limits.ts';

export interface PartnerApisDeps {
  config: Config;
  connections: ReadonlyMap<string, Connection>;
  clock: Clock;
  metrics: Metrics;
  audit: Audit;
  redis: RedisConnection | undefined;
  partners: Pick<Partners, 'find'>;
  reportFailure: ReportFailure;
}

/** The partner APIs of the configuration, with what calls them from outside and from the admin API. */
export function createPartnerApis(deps: PartnerApisDeps) {
  const { config, clock, metrics, partners } = deps;
  const sharedCounter: LimitCounter | undefined = deps.redis && createRedisLimitCounter(deps.redis);
  const apis: PartnerApis = new Map(
    [...deps.connections].flatMap(([name, connection]) => {
      const setting = config.connections[name];
      const api =
        setting &&
        createPartnerApi(setting, { connection, clock, startTimer: systemTimer, metrics, sharedCounter });
      return api ? [[name, api] as const] : [];
    }),
  );

  /** What an operator should look at; a connection that works gives nothing. */
  const findings = (): Finding[] =>
    Object.entries(config.connections).flatMap(([name, setting]) => {
      const unknown = (setting.pass_through?.partners ?? []).filter((id) => !partners.find(id));
      return [
        ...connectionWarnings(setting, clock.nowMs()),
        ...unknown.map((id) => `It is opened to the partner ${id}, whom nobody has created.`),
      ].map((message) => ({ subject: `connection ${name}`, ok: true, warning: true, message }));
    });

  const callPartnerApi = createCallPartnerApi(deps);
  return {
    findings,
    endpoints: {
      partnerApis: apis,
      callOnBehalf: createCallOnBehalf(callPartnerApi),
    },
    adminEndpoints: [
      partnerCallEndpoint({ tryPartnerApi: createTryPartnerApi({ ...deps, apis, callPartnerApi }) }),
    ],
  };
}
