import { z } from 'zod';
import type { Endpoint } from '../endpoint.ts';
import { adminEndpoint, timeSchema, timeText } from './admin-endpoint.ts';

export interface Finding {
  /** What was looked at, such as `authenticator login`. */
  subject: string;
  ok: boolean;
  message: string;
}

export interface ServiceStatus {
  version: string;
  publicUrl: string;
  startedAtMs: number;
  store: string;
  customers: number;
}

export interface StatusEndpointsDeps {
  status(): Promise<ServiceStatus>;
  /** Tries every dependency for real. */
  examine(): Promise<Finding[]>;
}

/** What runs here, and whether everything that it depends on works. */
export function statusEndpoints({ status, examine }: StatusEndpointsDeps): Endpoint[] {
  return [
    adminEndpoint({
      method: 'get',
      path: '/admin/status',
      operationId: 'getStatus',
      summary: 'What runs here',
      answer: z.strictObject({
        version: z.string(),
        public_url: z.string(),
        started_at: timeSchema,
        store: z.string(),
        customers: z.int(),
      }),
      run: async () => {
        const now = await status();
        return {
          version: now.version,
          public_url: now.publicUrl,
          started_at: timeText(now.startedAtMs),
          store: now.store,
          customers: now.customers,
        };
      },
    }),
    adminEndpoint({
      method: 'get',
      path: '/admin/doctor',
      operationId: 'examine',
      summary: 'Try every dependency and say what is wrong',
      answer: z.strictObject({
        ok: z.boolean(),
        findings: z.array(z.strictObject({ subject: z.string(), ok: z.boolean(), message: z.string() })),
      }),
      run: async () => {
        const findings = await examine();
        return { ok: findings.every(({ ok }) => ok), findings };
      },
    }),
  ];
}
