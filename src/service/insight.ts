import { X509Certificate } from 'node:crypto';
import { Counter, Gauge } from 'prom-client';
import type { ApiKeys } from '../api-keys/api-keys.ts';
import type { Audit, AuditEventName, AuditFacts } from '../audit/audit.ts';
import type { Config } from '../config/config.ts';
import type { Connection } from '../connections/connection.ts';
import type { Clock } from '../platform/clock.ts';
import type { Metrics } from '../platform/metrics.ts';
import { talliedCounter } from '../platform/tallied-metrics.ts';
import { programVersion } from '../platform/version.ts';
import type { SigningRings } from '../tokens/signing-rings.ts';
import { registerStoreStates } from './watch-stores.ts';

export interface InsightDeps {
  config: Pick<Config, 'tls'>;
  metrics: Pick<Metrics, 'registry'>;
  clock: Clock;
  rings: Pick<SigningRings, 'list'>;
  apiKeys: Pick<ApiKeys, 'lookupCounts'>;
  connections: ReadonlyMap<string, Connection>;
  stores: { ping(): Promise<unknown> };
  redis: { ping(): Promise<unknown> } | undefined;
}

type Registers = InsightDeps['metrics']['registry'][];

function registerBuild(registers: Registers): void {
  new Gauge({
    name: 'symbolon_build_info',
    help: 'Always 1; the labels say what runs',
    labelNames: ['version', 'node'],
    registers,
  }).set({ version: programVersion(), node: process.versions.node }, 1);
}

function registerKeys({ rings, clock, apiKeys, config }: InsightDeps, registers: Registers): void {
  void new Gauge({
    name: 'symbolon_signing_key_age_seconds',
    help: 'How long the key that signs at the moment has done so, by ring',
    labelNames: ['ring'],
    registers,
    collect() {
      this.reset();
      for (const { ring, state, signsAtMs } of rings.list())
        if (state === 'signing') this.set({ ring }, (clock.nowMs() - signsAtMs) / 1_000);
    },
  });
  void new Counter({
    name: 'symbolon_cache_lookups_total',
    help: 'Look-ups in what the process remembers, by cache and result (hit, miss)',
    labelNames: ['cache', 'result'],
    registers,
    collect() {
      this.reset();
      const { hits, misses } = apiKeys.lookupCounts();
      this.inc({ cache: 'api_keys', result: 'hit' }, hits);
      this.inc({ cache: 'api_keys', result: 'miss' }, misses);
    },
  });
  const { tls } = config;
  const endsAtMs = tls && new X509Certificate(tls.certificate).validToDate.getTime();
  void new Gauge({
    name: 'symbolon_tls_certificate_expiry_seconds',
    help: 'Until the end of the certificate that a listener itself presents; negative once it is over',
    labelNames: ['listener'],
    registers,
    collect() {
      if (endsAtMs !== undefined) this.set({ listener: 'public' }, (endsAtMs - clock.nowMs()) / 1_000);
    },
  });
}

function registerConnections({ connections, clock }: InsightDeps, registers: Registers): void {
  const perConnection = (name: string, help: string, read: (one: Connection) => number | undefined) =>
    void new Gauge({
      name: `symbolon_outbound_${name}`,
      help,
      labelNames: ['connection'],
      registers,
      collect() {
        this.reset();
        for (const one of connections.values()) {
          const value = read(one);
          if (value !== undefined) this.set({ connection: one.name }, value);
        }
      },
    });
  const untilSeconds = (ms: number) => (ms - clock.nowMs()) / 1_000;
  const tokensOf = (one: Connection) => one.status().tokens;
  perConnection('certificate_expiry_seconds', 'Until the end of our client certificate', (one) => {
    const endsAtMs = one.status().certificateEndsAtMs;
    return endsAtMs === undefined ? undefined : untilSeconds(endsAtMs);
  });
  perConnection('tokens_held', 'Access tokens of ours that serve at the moment', (one) => {
    const tokens = tokensOf(one);
    return tokens.length === 0 ? undefined : tokens.filter(({ held }) => held).length;
  });
  perConnection('token_expiry_seconds', 'Until the first of our access tokens ends', (one) => {
    const ends = tokensOf(one).flatMap(({ endsAtMs }) => (endsAtMs === undefined ? [] : [endsAtMs]));
    return ends.length === 0 ? undefined : untilSeconds(Math.min(...ends));
  });
  perConnection('token_leases_held', 'Leases to fetch a token that this process holds', (one) => {
    const tokens = tokensOf(one);
    return tokens.length === 0 ? undefined : tokens.filter(({ holdsLease }) => holdsLease).length;
  });
  perConnection('grants_lost', '1: the connection does not work until somebody connects it', (one) => {
    const grants = tokensOf(one).flatMap(({ grant }) => (grant === undefined ? [] : [grant]));
    return grants.length === 0 ? undefined : grants.some((grant) => grant !== 'connected') ? 1 : 0;
  });
}

/** States that are read when the metrics are: ages, ends, caches, leases, stores. No call pays for them. */
export function registerInsight(deps: InsightDeps): void {
  const registers = [deps.metrics.registry];
  const { stores, redis } = deps;
  registerBuild(registers);
  registerKeys(deps, registers);
  registerConnections(deps, registers);
  registerStoreStates(deps.metrics, {
    database: () => stores.ping(),
    redis: redis && (() => redis.ping()),
  });
}

/** The same log, with sign-ins counted by channel and denials by reason: both come from closed sets. */
export function countAudited(audit: Audit, { registry }: Pick<Metrics, 'registry'>): Audit {
  const registers = [registry];
  const signIns = talliedCounter({
    name: 'symbolon_sign_ins_total',
    help: 'Sign-ins of customers by channel, outcome (success, refused, failed) and error code',
    labelNames: ['channel', 'outcome', 'reason'],
    registers,
  });
  const denials = talliedCounter({
    name: 'symbolon_denials_total',
    help: 'Denied requests by error code',
    labelNames: ['reason'],
    registers,
  });
  const newAddresses = talliedCounter({
    name: 'symbolon_new_addresses_total',
    help: 'Credentials that were used from a network where they had not been used before, by kind',
    labelNames: ['kind'],
    registers,
  });
  const counters: Partial<Record<AuditEventName, (facts: AuditFacts) => void>> = {
    'customer.authenticated': ({ channel = 'none', outcome, reason = 'none' }) =>
      signIns.inc({ channel, outcome, reason }),
    'access.denied': ({ reason = 'none' }) => denials.inc({ reason }),
    'api_key.new_address': () => newAddresses.inc({ kind: 'api_key' }),
    'client.new_address': () => newAddresses.inc({ kind: 'client' }),
  };
  return {
    ...audit,
    event: (name, facts) => {
      audit.event(name, facts);
      counters[name]?.(facts);
    },
  };
}
