import { z } from 'zod';
import type { OAuthClient } from '../../clients/client.ts';
import type { Clients } from '../../clients/clients.ts';
import { GRANT_TYPES } from '../../oauth/grants/registry.ts';
import { nameSetting } from '../../platform/settings.ts';
import type { Endpoint } from '../endpoint.ts';
import { adminEndpoint, listOf, timeSchema, timeText } from './admin-endpoint.ts';

const scopesSchema = z.array(z.string().min(1).max(64)).max(50);
const grantTypeSchema = z.enum(GRANT_TYPES);

const createSchema = z
  .strictObject({
    partner: nameSetting,
    label: z.string().min(1).max(100).default('client'),
    scopes: scopesSchema.default(['profile:read']),
    grant_types: z.array(grantTypeSchema).min(1).default(['client_credentials']),
  })
  .meta({ id: 'ClientCreate' });

const clientSchema = z
  .strictObject({
    client_id: z.string(),
    partner: nameSetting,
    label: z.string(),
    scopes: scopesSchema,
    grant_types: z.array(z.string()),
    created_at: timeSchema,
    revoked_at: timeSchema.nullable(),
  })
  .meta({ id: 'Client' });

const createdSchema = clientSchema
  .extend({ client_secret: z.string().meta({ description: 'Shown here and never again.' }) })
  .meta({ id: 'ClientCreated' });

function show(client: OAuthClient): z.output<typeof clientSchema> {
  return {
    client_id: client.clientId,
    partner: client.partner,
    label: client.label,
    scopes: client.scopes,
    grant_types: client.grantTypes,
    created_at: timeText(client.createdAtMs),
    revoked_at: timeText(client.revokedAtMs),
  };
}

/** OAuth 2.0 clients: create, list, revoke. */
export function clientEndpoints({ clients }: { clients: Clients }): Endpoint[] {
  return [
    adminEndpoint({
      method: 'post',
      path: '/admin/clients',
      operationId: 'createClient',
      tag: 'Administration',
      summary: 'Create an OAuth 2.0 client for a partner',
      body: createSchema,
      status: 201,
      answer: createdSchema,
      errors: ['NOT_FOUND', 'CONFLICT'],
      run: async ({ body, by }) => {
        const { client, secret } = await clients.create(
          { partner: body.partner, label: body.label, scopes: body.scopes, grantTypes: body.grant_types },
          by,
        );
        return { ...show(client), client_secret: secret };
      },
    }),
    adminEndpoint({
      method: 'get',
      path: '/admin/clients',
      operationId: 'listClients',
      tag: 'Administration',
      summary: 'List OAuth 2.0 clients',
      query: z.strictObject({ partner: nameSetting.optional() }),
      answer: listOf(clientSchema),
      run: async ({ query }) => ({ items: (await clients.list(query.partner)).map(show) }),
    }),
    adminEndpoint({
      method: 'post',
      path: '/admin/clients/{client_id}/revoke',
      operationId: 'revokeClient',
      tag: 'Administration',
      summary: 'Revoke a client and its access tokens, at once',
      pathParameters: z.strictObject({ client_id: z.string().min(1).max(64) }),
      answer: z.strictObject({ client_id: z.string(), revoked: z.literal(true) }),
      errors: ['NOT_FOUND'],
      run: async ({ path, by }) => {
        await clients.revoke(path.client_id, by);
        return { client_id: path.client_id, revoked: true };
      },
    }),
  ];
}
