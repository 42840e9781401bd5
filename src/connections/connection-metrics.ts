import { Counter, Gauge } from 'prom-client';
import type { Destination } from '../outbound/outbound-types.ts';
import type { Metrics } from '../platform/metrics.ts';
import type { Connection } from './connection.ts';

export interface ConnectionMetricsDeps {
  metrics: Pick<Metrics, 'registry'>;
  /** Every destination, those of token endpoints and key sets among them: their names come from the configuration. */
  destinations: readonly Destination[];
  connections: ReadonlyMap<string, Connection>;
}

const CIRCUIT = { closed: 0, half_open: 1, open: 2 } as const;

/** Sums by name: several destinations may share one. */
function summed(
  destinations: readonly Destination[],
  read: (one: ReturnType<Destination['status']>) => number,
) {
  const sums = new Map<string, number>();
  for (const one of destinations) sums.set(one.name, (sums.get(one.name) ?? 0) + read(one.status()));
  return sums;
}

/**
 * Tells the registry of every destination. Everything is read when it is asked for, so a call pays for a count in the
 * process and for nothing else.
 */
export function registerConnectionMetrics({
  metrics,
  destinations,
  connections,
}: ConnectionMetricsDeps): void {
  const registers = [metrics.registry];
  const labelNames = ['destination'] as const;
  const perDestination = (
    kind: typeof Counter | typeof Gauge,
    name: string,
    help: string,
    read: (one: ReturnType<Destination['status']>) => number,
  ) => {
    void new kind({
      name: `symbolon_outbound_${name}`,
      help,
      labelNames,
      registers,
      collect() {
        this.reset();
        for (const [destination, value] of summed(destinations, read)) this.inc({ destination }, value);
      },
    });
  };
  void new Counter({
    name: 'symbolon_outbound_calls_total',
    help: 'Calls to other systems by how they ended',
    labelNames: ['destination', 'outcome'],
    registers,
    collect() {
      this.reset();
      for (const one of destinations) {
        for (const [outcome, count] of one.status().outcomes)
          this.inc({ destination: one.name, outcome }, count);
      }
    },
  });
  perDestination(Counter, 'call_seconds_total', 'Time of all calls together', (one) => one.callMs / 1_000);
  perDestination(Counter, 'connects_total', 'Connections made', (one) => one.connects);
  perDestination(Counter, 'circuit_opened_total', 'How often the circuit opened', (one) => one.circuitOpened);
  perDestination(Gauge, 'circuit_state', '0 closed, 1 on trial, 2 open', (one) => CIRCUIT[one.circuit]);
  perDestination(
    Gauge,
    'paused_seconds',
    'Left of a pause that was asked for',
    (one) => one.pausedForMs / 1_000,
  );
  perDestination(Gauge, 'calls_running', 'Calls under way', (one) => one.running);
  perDestination(Gauge, 'calls_waiting', 'Calls in line for a connection', (one) => one.waiting);
  void new Gauge({
    name: 'symbolon_outbound_retries_left',
    help: 'Repeats that the budget of a connection allows now',
    labelNames: ['connection'],
    registers,
    collect() {
      for (const one of connections.values()) this.set({ connection: one.name }, one.status().retriesLeft);
    },
  });
  void new Counter({
    name: 'symbolon_outbound_retries_total',
    help: 'Calls that were sent a second time',
    labelNames: ['connection'],
    registers,
    collect() {
      this.reset();
      for (const one of connections.values()) this.inc({ connection: one.name }, one.status().retries);
    },
  });
}
