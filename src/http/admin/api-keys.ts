import { z } from 'zod';
import type { ApiKey } from '../../api-keys/api-key.ts';
import type { ApiKeys } from '../../api-keys/api-keys.ts';
import { nameSetting } from '../../platform/settings.ts';
import type { Endpoint } from '../endpoint.ts';
import { adminEndpoint, listOf, timeSchema, timeText } from './admin-endpoint.ts';

const scopesSchema = z.array(z.string().min(1).max(64)).max(50);

const createSchema = z
  .strictObject({
    partner: nameSetting,
    label: z.string().min(1).max(100).default('key'),
    environment: z.enum(['live', 'test']).default('live'),
    use: z.enum(['bearer', 'signing']).default('bearer').meta({
      description: 'bearer: the secret is presented. signing: it signs requests and never travels.',
    }),
    signature_required: z.boolean().default(false),
    scopes: scopesSchema.default(['profile:read']),
    expires_at: timeSchema.optional(),
  })
  .meta({ id: 'ApiKeyCreate' });

const keySchema = z
  .strictObject({
    key_id: z.string(),
    partner: nameSetting,
    label: z.string(),
    environment: z.enum(['live', 'test']),
    use: z.enum(['bearer', 'signing']),
    signature_required: z.boolean(),
    scopes: scopesSchema,
    public_prefix: z.string().meta({ description: 'First characters of the public id.' }),
    created_at: timeSchema,
    expires_at: timeSchema.nullable(),
    revoked_at: timeSchema.nullable(),
  })
  .meta({ id: 'ApiKey' });

const createdSchema = keySchema
  .extend({
    public_id: z.string().meta({ description: 'pk_…: shown here and never again.' }),
    secret: z.string().meta({ description: 'sk_…: shown here and never again.' }),
  })
  .meta({ id: 'ApiKeyCreated' });

function show(key: ApiKey): z.output<typeof keySchema> {
  return {
    key_id: key.keyId,
    partner: key.partner,
    label: key.label,
    environment: key.environment,
    use: key.use,
    signature_required: key.signatureRequired,
    scopes: key.scopes,
    public_prefix: key.publicPrefix,
    created_at: timeText(key.createdAtMs),
    expires_at: timeText(key.expiresAtMs),
    revoked_at: timeText(key.revokedAtMs),
  };
}

/** API keys: create, list, revoke. */
export function apiKeyEndpoints({ apiKeys }: { apiKeys: ApiKeys }): Endpoint[] {
  return [
    adminEndpoint({
      method: 'post',
      path: '/admin/api-keys',
      operationId: 'createApiKey',
      tag: 'Administration',
      summary: 'Create an API key pair for a partner',
      body: createSchema,
      status: 201,
      answer: createdSchema,
      errors: ['NOT_FOUND', 'CONFLICT'],
      run: async ({ body, by }) => {
        const { key, publicId, secret } = await apiKeys.create(
          {
            partner: body.partner,
            label: body.label,
            environment: body.environment,
            use: body.use,
            signatureRequired: body.signature_required,
            scopes: body.scopes,
            expiresAtMs: body.expires_at === undefined ? undefined : Date.parse(body.expires_at),
          },
          by,
        );
        return { ...show(key), public_id: publicId, secret };
      },
    }),
    adminEndpoint({
      method: 'get',
      path: '/admin/api-keys',
      operationId: 'listApiKeys',
      tag: 'Administration',
      summary: 'List API keys',
      query: z.strictObject({ partner: nameSetting.optional() }),
      answer: listOf(keySchema),
      run: async ({ query }) => ({ items: (await apiKeys.list(query.partner)).map(show) }),
    }),
    adminEndpoint({
      method: 'post',
      path: '/admin/api-keys/{key_id}/revoke',
      operationId: 'revokeApiKey',
      tag: 'Administration',
      summary: 'Revoke an API key, at once',
      pathParameters: z.strictObject({ key_id: z.string().min(1).max(64) }),
      answer: z.strictObject({ key_id: z.string(), revoked: z.literal(true) }),
      errors: ['NOT_FOUND'],
      run: async ({ path, by }) => {
        await apiKeys.revoke(path.key_id, by);
        return { key_id: path.key_id, revoked: true };
      },
    }),
  ];
}
