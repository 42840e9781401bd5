import { z } from 'zod';
import type { Metrics } from '../../platform/metrics.ts';
import { sendBytes, sendJson } from '../answer.ts';
import type { Endpoint, ListenerName } from '../endpoint.ts';

export interface HealthDeps {
  /** Whether every needed store answers and the service is not shutting down. */
  isReady(): Promise<boolean>;
}

const statusSchema = z.strictObject({ status: z.enum(['ok', 'unavailable']) }).meta({ id: 'Health' });

const named = (listener: ListenerName, name: string) => (listener === 'public' ? name : `${listener}${name}`);

/** `GET /health/live`: the process answers; says nothing else. */
export function healthLive(listener: ListenerName): Endpoint {
  return {
    contract: {
      listener,
      method: 'get',
      path: '/health/live',
      operationId: named(listener, 'HealthLive'),
      tag: 'Operations',
      summary: 'The process answers',
      responses: { 200: { description: 'Alive', schema: statusSchema } },
    },
    handle: (_req, res) => sendJson(res, 200, { status: 'ok' }),
  };
}

/** `GET /health/ready`: 503 while a needed store is away or the service is shutting down. */
export function healthReady(listener: ListenerName, { isReady }: HealthDeps): Endpoint {
  return {
    contract: {
      listener,
      method: 'get',
      path: '/health/ready',
      operationId: named(listener, 'HealthReady'),
      tag: 'Operations',
      summary: 'Whether requests can be served',
      responses: {
        200: { description: 'Ready', schema: statusSchema },
        503: { description: 'A needed store is away, or the service is shutting down', schema: statusSchema },
      },
    },
    handle: async (_req, res) => {
      const ready = await isReady();
      sendJson(res, ready ? 200 : 503, { status: ready ? 'ok' : 'unavailable' });
    },
  };
}

/** `GET /metrics`, on the operations listener alone. */
export function metricsEndpoint({ metrics }: { metrics: Metrics }): Endpoint {
  return {
    contract: {
      listener: 'ops',
      method: 'get',
      path: '/metrics',
      operationId: 'getMetrics',
      tag: 'Operations',
      summary: 'Prometheus metrics',
      responses: { 200: { description: 'Prometheus text format', contentType: 'text/plain' } },
    },
    handle: async (_req, res) => {
      const body = Buffer.from(await metrics.registry.metrics());
      sendBytes(res, 200, { type: metrics.registry.contentType, body });
    },
  };
}
