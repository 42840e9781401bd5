import { z } from 'zod';
import type { TryPartnerApi } from '../../customers/partner-calls/try-partner-api.ts';
import { nameSetting } from '../../platform/settings.ts';
import type { Endpoint } from '../endpoint.ts';
import { adminEndpoint } from './admin-endpoint.ts';

const requestSchema = z
  .strictObject({
    method: z.enum(['GET', 'POST']),
    path: z.string().min(1).max(1_024).meta({ description: 'Below the base URL, with or without query.' }),
    data: z.record(z.string(), z.unknown()).optional().meta({ description: 'Sent as JSON.' }),
    customer: z
      .string()
      .regex(/^[\x21-\x7e]{1,255}$/, 'must be visible ASCII')
      .optional()
      .meta({ description: 'Identifier of a customer; goes where the preset says.' }),
  })
  .meta({
    id: 'PartnerApiTry',
    examples: [{ method: 'GET', path: '/conversation/v1/conversations' }],
  });

/** One call to a partner API with our own credentials, for whoever sets a connection up. */
export function partnerCallEndpoint({ tryPartnerApi }: { tryPartnerApi: TryPartnerApi }): Endpoint {
  return adminEndpoint({
    method: 'post',
    path: '/admin/connections/{name}/calls',
    operationId: 'tryPartnerApi',
    summary: 'Call a partner API and see what it answers',
    description:
      'Any path of a connection with a preset, within the limits of the partner. Secrets in the answer are masked.',
    pathParameters: z.object({ name: nameSetting }),
    body: requestSchema,
    answer: z
      .strictObject({
        status: z.int().meta({ description: 'Of the partner API.' }),
        attempts: z.int().min(1).meta({ description: 'How often the call went out.' }),
        body: z.unknown(),
      })
      .meta({ id: 'TriedPartnerApi' }),
    errors: [
      'NOT_FOUND',
      'PARTNER_LIMIT_REACHED',
      'PARTNER_API_ERROR',
      'PARTNER_API_UNAVAILABLE',
      'PARTNER_API_TIMEOUT',
    ],
    run: ({ path, body, by }) =>
      tryPartnerApi(
        {
          connection: path.name,
          method: body.method,
          path: body.path,
          data: body.data,
          customer: body.customer,
        },
        by,
      ),
  });
}
