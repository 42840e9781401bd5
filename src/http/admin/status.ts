import { z } from 'zod';
import type { AdminActor } from '../../partners/partners.ts';
import type { Endpoint } from '../endpoint.ts';
import { adminEndpoint, timeSchema, timeText } from './admin-endpoint.ts';

export interface Finding {
  /** What was looked at, such as `authenticator login`. */
  subject: string;
  ok: boolean;
  /** It works as far as can be told, and somebody should look. */
  warning?: boolean;
  message: string;
}

export interface ServiceStatus {
  version: string;
  publicUrl: string;
  startedAtMs: number;
  store: string;
  customers: number;
  /** By section: a keyed digest of the configuration that this process started with. */
  configuration: Readonly<Record<string, string>>;
}

/** Asks every backend about one customer; its findings name fields, never what they hold. */
export type ExamineCustomer = (
  who: { reference: string; space: string | undefined },
  by: AdminActor,
) => Promise<Finding[]>;

export interface StatusEndpointsDeps {
  status(): Promise<ServiceStatus>;
  /** Tries every dependency for real. */
  examine(): Promise<Finding[]>;
  examineCustomer: ExamineCustomer;
}

const findingsSchema = z
  .strictObject({
    ok: z.boolean(),
    findings: z.array(
      z.strictObject({
        subject: z.string(),
        ok: z.boolean(),
        warning: z.boolean().optional().meta({
          description: 'It works as far as can be told, and somebody should look.',
        }),
        message: z.string(),
      }),
    ),
  })
  .meta({ id: 'Findings' });

const answerOf = (findings: Finding[]) => ({ ok: findings.every(({ ok }) => ok), findings });

/** What runs here, and whether everything that it depends on works. */
export function statusEndpoints({ status, examine, examineCustomer }: StatusEndpointsDeps): Endpoint[] {
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
        configuration: z.record(z.string(), z.string()).meta({
          description:
            'By section, a keyed digest of the configuration that this process started with: `symbolon doctor` compares it with the file.',
        }),
      }),
      run: async () => {
        const now = await status();
        return {
          version: now.version,
          public_url: now.publicUrl,
          started_at: timeText(now.startedAtMs),
          store: now.store,
          customers: now.customers,
          configuration: { ...now.configuration },
        };
      },
    }),
    adminEndpoint({
      method: 'get',
      path: '/admin/doctor',
      operationId: 'examine',
      summary: 'Try every dependency and say what is wrong',
      answer: findingsSchema,
      run: async () => answerOf(await examine()),
    }),
    adminEndpoint({
      method: 'post',
      path: '/admin/doctor',
      operationId: 'examineCustomer',
      summary: 'Ask every backend about one customer and say which fields were found',
      description:
        'Values are never shown. The audit record is written before the backends are asked. Without `reference_space` there must be one space alone.',
      body: z
        .strictObject({
          reference: z.string().min(1).max(255),
          reference_space: z.string().max(64).optional(),
        })
        .meta({ id: 'ExamineCustomerRequest', examples: [{ reference: '4711' }] }),
      answer: findingsSchema,
      run: async ({ body, by }) =>
        answerOf(await examineCustomer({ reference: body.reference, space: body.reference_space }, by)),
    }),
  ];
}
