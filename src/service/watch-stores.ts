import { Counter, Gauge } from 'prom-client';
import { systemClock } from '../platform/clock.ts';
import type { Metrics } from '../platform/metrics.ts';
import { talliedCounter } from '../platform/tallied-metrics.ts';
import type { Tracing } from '../platform/tracing.ts';
import type { ReplayStore } from '../replay/replay.ts';
import { storesAnswer } from './readiness.ts';

interface WatchDeps {
  metrics: Pick<Metrics, 'registry'>;
  tracing: Tracing | undefined;
}

type Method = (...values: unknown[]) => Promise<unknown>;

/** Calls of one store; kept as plain numbers, because a store call must not cost more for being counted. */
interface Tally {
  ok: number;
  failed: number;
  ms: number;
}

const snakeCase = (name: string): string => name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

function counted(method: Method, tally: Tally): Method {
  return async (...values) => {
    const startedMs = systemClock.monotonicMs();
    try {
      const result = await method(...values);
      tally.ok += 1;
      return result;
    } catch (error) {
      tally.failed += 1;
      throw error;
    } finally {
      tally.ms += systemClock.monotonicMs() - startedMs;
    }
  };
}

function registerTallies(tallies: ReadonlyMap<string, Tally>, { registry }: WatchDeps['metrics']): void {
  const registers = [registry];
  void new Counter({
    name: 'symbolon_store_calls_total',
    help: 'Calls to the database by store and whether they worked',
    labelNames: ['store', 'outcome'],
    registers,
    collect() {
      this.reset();
      for (const [store, { ok, failed }] of tallies) {
        this.inc({ store, outcome: 'ok' }, ok);
        this.inc({ store, outcome: 'failed' }, failed);
      }
    },
  });
  void new Counter({
    name: 'symbolon_store_call_seconds_total',
    help: 'Time of all calls to the database together',
    labelNames: ['store'],
    registers,
    collect() {
      this.reset();
      for (const [store, { ms }] of tallies) this.inc({ store }, ms / 1_000);
    },
  });
}

/**
 * The same stores, with every call counted and, where spans are wanted, traced. What is no store (`ping`, `close`) is
 * left as it is. Labels are the names of the stores, which are closed in the program.
 */
export function watchStores<Stores extends object>(stores: Stores, { metrics, tracing }: WatchDeps): Stores {
  const tallies = new Map<string, Tally>();
  const watched: Record<string, unknown> = {};
  for (const [key, store] of Object.entries(stores) as [string, unknown][]) {
    if (typeof store !== 'object' || store === null) {
      watched[key] = store;
      continue;
    }
    const name = snakeCase(key);
    const tally: Tally = { ok: 0, failed: 0, ms: 0 };
    tallies.set(name, tally);
    const methods = Object.entries(store as Record<string, Method>).map(([operation, method]) => {
      const call = counted(method, tally);
      if (!tracing) return [operation, call];
      const attributes = { 'symbolon.store': name, 'symbolon.operation': snakeCase(operation) };
      const traced: Method = (...values) =>
        tracing.span('store call', { attributes, kind: 'client' }, () => call(...values));
      return [operation, traced];
    });
    watched[key] = Object.fromEntries(methods);
  }
  registerTallies(tallies, metrics);
  return watched as Stores;
}

/** The same memory, with its answers counted by what is remembered: `fresh`, `replayed`, or `failed`. */
export function watchReplays(replays: ReplayStore, { metrics, tracing }: WatchDeps): ReplayStore {
  const checks = talliedCounter({
    name: 'symbolon_replay_checks_total',
    help: 'What may be used once, by kind and answer (fresh, replayed, or failed when nobody could tell)',
    labelNames: ['space', 'result'],
    registers: [metrics.registry],
  });
  const consume: ReplayStore['consume'] = async (space, id, expiresAtMs) => {
    try {
      const use = await replays.consume(space, id, expiresAtMs);
      checks.inc({ space, result: use });
      return use;
    } catch (error) {
      checks.inc({ space, result: 'failed' });
      throw error;
    }
  };
  return {
    prune: replays.prune,
    consume: tracing
      ? (space, id, expiresAtMs) =>
          tracing.span('replay check', { attributes: { 'symbolon.space': space }, kind: 'client' }, () =>
            consume(space, id, expiresAtMs),
          )
      : consume,
  };
}

/** 1 while a store answers, asked when the metrics are read; each has a second and a half. */
export function registerStoreStates(
  metrics: Pick<Metrics, 'registry'>,
  pings: Readonly<Record<string, (() => Promise<unknown>) | undefined>>,
): void {
  void new Gauge({
    name: 'symbolon_store_up',
    help: '1 while the store answers (database, redis)',
    labelNames: ['store'],
    registers: [metrics.registry],
    async collect() {
      const asked = Object.entries(pings).flatMap(([store, ping]) => (ping ? [{ store, ping }] : []));
      const answers = await Promise.all(asked.map(({ ping }) => storesAnswer([ping])));
      asked.forEach(({ store }, i) => this.set({ store }, answers[i] ? 1 : 0));
    },
  });
}
