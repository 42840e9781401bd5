import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import {
  type TalliedCounter,
  talliedCounter,
  type TalliedHistogram,
  talliedHistogram,
} from './tallied-metrics.ts';

/** Prometheus metrics of one service; every label comes from a closed set, so their number is bounded. */
export interface Metrics {
  readonly registry: Registry;
  /** Answered requests by route pattern, method and status. */
  readonly requests: TalliedCounter<'route' | 'method' | 'status'>;
  readonly requestSeconds: TalliedHistogram<'route'>;
  /** Security events by name and outcome. */
  readonly events: TalliedCounter<'event' | 'outcome'>;
  readonly backendRequests: TalliedCounter<'backend' | 'outcome'>;
  /** Values of backends that are not what `backends[].fields` says of them. */
  readonly profileValuesUnfit: TalliedCounter<'backend' | 'field'>;
  /** Questions to backends that remember answers, by where the answer came from. */
  readonly profileCache: TalliedCounter<'backend' | 'result'>;
  readonly tokenFetches: TalliedCounter<'connection' | 'outcome'>;
  /** Calls to partner APIs by connection and outcome. */
  readonly partnerCalls: TalliedCounter<'connection' | 'outcome'>;
  /** Calls that wait because the partner's limits leave no room. */
  readonly partnerCallsWaiting: Gauge<'connection'>;
  readonly verifiedTokens: TalliedCounter<'kind' | 'result'>;
  /** Proofs for chat vendors by channel and what became of them: an error code, or `issued`. */
  readonly channelProofs: TalliedCounter<'channel' | 'outcome'>;
  /** Calls about a channel's customers, by whether they proved them and what became of those that did not. */
  readonly channelCalls: TalliedCounter<'channel' | 'proof' | 'outcome'>;
  readonly passwordHashesWaiting: Gauge;
  readonly limitRefusals: TalliedCounter<'subject'>;
  readonly limitStoreAway: Gauge;
  readonly auditBacklog: Gauge;
  /** Live credentials by kind and by what is to be said of them. */
  readonly credentials: Gauge<'kind' | 'finding'>;
  readonly unhandledRejections: Counter;
}

/** The metrics of this process: memory, handles, event loop. What watches them runs until the process ends. */
export function addProcessMetrics({ registry }: Metrics): void {
  collectDefaultMetrics({ register: registry, prefix: 'symbolon_' });
}

export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  return {
    registry,
    requests: talliedCounter({
      name: 'symbolon_http_requests_total',
      help: 'Answered requests',
      labelNames: ['route', 'method', 'status'],
      registers,
    }),
    requestSeconds: talliedHistogram({
      name: 'symbolon_http_request_seconds',
      help: 'Time from the first byte of the request to the end of the answer',
      labelNames: ['route'],
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
      registers,
    }),
    events: talliedCounter({
      name: 'symbolon_security_events_total',
      help: 'Security events',
      labelNames: ['event', 'outcome'],
      registers,
    }),
    backendRequests: talliedCounter({
      name: 'symbolon_backend_requests_total',
      help: 'Calls to profile backends by outcome',
      labelNames: ['backend', 'outcome'],
      registers,
    }),
    profileValuesUnfit: talliedCounter({
      name: 'symbolon_profile_values_unfit_total',
      help: 'Values of backends that do not fit what the configuration says of the field',
      labelNames: ['backend', 'field'],
      registers,
    }),
    profileCache: talliedCounter({
      name: 'symbolon_profile_cache_total',
      help: 'Questions to backends with a cache by result (hit, joined, miss, stale)',
      labelNames: ['backend', 'result'],
      registers,
    }),
    tokenFetches: talliedCounter({
      name: 'symbolon_outbound_token_fetches_total',
      help: 'Fetches of our own access tokens at backends',
      labelNames: ['connection', 'outcome'],
      registers,
    }),
    partnerCalls: talliedCounter({
      name: 'symbolon_partner_calls_total',
      help: 'Calls to partner APIs by outcome (ok, refused, or the error code)',
      labelNames: ['connection', 'outcome'],
      registers,
    }),
    partnerCallsWaiting: new Gauge({
      name: 'symbolon_partner_calls_waiting',
      help: 'Calls to partner APIs that wait for their turn within the limits of the partner',
      labelNames: ['connection'],
      registers,
    }),
    verifiedTokens: talliedCounter({
      name: 'symbolon_token_verifications_total',
      help: 'Token verifications by kind of token and result (cached, verified, own, refused)',
      labelNames: ['kind', 'result'],
      registers,
    }),
    channelProofs: talliedCounter({
      name: 'symbolon_channel_proofs_total',
      help: 'Proofs for chat vendors by channel and outcome (issued, or an error code)',
      labelNames: ['channel', 'outcome'],
      registers,
    }),
    channelCalls: talliedCounter({
      name: 'symbolon_channel_calls_total',
      help: 'Calls about customers of a channel by proof (proven, expired, unsigned, altered) and outcome',
      labelNames: ['channel', 'proof', 'outcome'],
      registers,
    }),
    passwordHashesWaiting: new Gauge({
      name: 'symbolon_password_hashes_waiting',
      help: 'Password checks waiting for or in the hashing process',
      registers,
    }),
    limitRefusals: talliedCounter({
      name: 'symbolon_limit_refusals_total',
      help: 'Requests beyond a limit, by what the limit counts',
      labelNames: ['subject'],
      registers,
    }),
    limitStoreAway: new Gauge({
      name: 'symbolon_limit_store_away',
      help: '1 while the shared counters of limits cannot be reached and this process counts by itself',
      registers,
    }),
    auditBacklog: new Gauge({
      name: 'symbolon_audit_backlog',
      help: 'Audit entries not yet written',
      registers,
    }),
    credentials: new Gauge({
      name: 'symbolon_credentials',
      help: 'Live credentials by kind and finding (near their end, old, unused, replaced and still used)',
      labelNames: ['kind', 'finding'],
      registers,
    }),
    unhandledRejections: new Counter({
      name: 'symbolon_unhandled_rejections_total',
      help: 'Promise rejections that nothing handled: each is a defect',
      registers,
    }),
  };
}
