import { z } from 'zod';
import type { Audit } from '../../audit/audit.ts';
import type { AuditStore } from '../../audit/audit-record.ts';
import { BridgeError } from '../../errors.ts';
import type { Endpoint } from '../endpoint.ts';
import { adminEndpoint, timeSchema } from './admin-endpoint.ts';
import { explainRefusal, type KeyFacts } from './explain-refusal.ts';

const optionalText = z.string().nullable();

const answerSchema = z
  .strictObject({
    request_id: z.string(),
    refused: z.boolean(),
    at: timeSchema,
    endpoint: optionalText,
    status: z.int().nullable(),
    code: optionalText,
    partner: optionalText,
    client_id: optionalText,
    key_prefix: optionalText,
    address: optionalText,
    explanation: z.array(z.string()).meta({ description: 'What happened, in sentences.' }),
    advice: optionalText.meta({ description: 'What the caller should do.' }),
  })
  .meta({ id: 'Explanation' });

export interface WhyDeps {
  audit: Audit;
  store: AuditStore;
  /** What is known of the keys whose public id begins like this. */
  keysOf(publicPrefix: string): Promise<readonly KeyFacts[]>;
  /** Partner that owns the group of a channel. */
  ownerOf(channel: string): string | undefined;
}

/** `GET /admin/why/{request_id}`: why a request was refused, from the audit log. */
export function whyEndpoint({ audit, store, keysOf, ownerOf }: WhyDeps): Endpoint {
  return adminEndpoint({
    method: 'get',
    path: '/admin/why/{request_id}',
    operationId: 'explainRequest',
    summary: 'Why a request was refused',
    description:
      'From the audit records of the request id that every answer carries in X-Request-Id: which check refused, whose credentials were shown, and what the caller should do. Holds no secret.',
    pathParameters: z.strictObject({ request_id: z.string().min(1).max(64) }),
    answer: answerSchema,
    errors: ['NOT_FOUND'],
    run: async ({ path }) => {
      await audit.flush();
      const records = await store.list({ requestId: path.request_id, limit: 50 });
      if (records.length === 0) {
        throw new BridgeError('NOT_FOUND', {
          message:
            'The audit log knows no request of this id. Only sign-ins, tokens, profiles, changes and refusals (401, 403, 429) are recorded; another process writes its records within a second.',
        });
      }
      const prefix = records.flatMap(({ keyPrefix, details }) => keyPrefix ?? details?.claimed_key ?? [])[0];
      const keys = typeof prefix === 'string' ? await keysOf(prefix) : [];
      return { request_id: path.request_id, ...explainRefusal(records, { keys, ownerOf }) };
    },
  });
}
