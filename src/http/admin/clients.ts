import { z } from 'zod';
import type { OAuthClient, OpenIdSettings } from '../../clients/client.ts';
import type { Clients } from '../../clients/clients.ts';
import { GRANT_TYPES } from '../../oauth/grants/registry.ts';
import { nameSetting } from '../../platform/settings.ts';
import type { Endpoint } from '../endpoint.ts';
import { adminEndpoint, listOf, timeSchema, timeText } from './admin-endpoint.ts';

const scopesSchema = z.array(z.string().min(1).max(64)).max(50);
const grantTypeSchema = z.enum(GRANT_TYPES);

const labelSchema = z.string().min(1).max(100);
const redirectUrisSchema = z.array(z.string().min(1).max(2_000)).max(20);
const keySetSchema = z.object({
  keys: z
    .array(z.looseObject({ kty: z.string() }))
    .min(1)
    .max(10),
});

/** `openid: true` is short for the object with its defaults. */
const openIdSchema = z
  .strictObject({
    pkce: z.enum(['required', 'vendor']).default('required').meta({
      description: 'vendor: codes without a challenge are taken, because the vendor cannot do PKCE.',
    }),
    claims: z.record(z.string(), z.string()).default({}).meta({
      description: 'Claim name to profile field. The partner must be allowed to see the field.',
    }),
    claims_in_id_token: z.boolean().default(false),
    acr: z.string().optional().meta({ description: 'Stated in every ID token.' }),
  })
  .meta({ id: 'OpenIdSettings' });

function openIdOf(value: z.output<typeof openIdSchema> | boolean | undefined): OpenIdSettings | undefined {
  if (value === undefined || value === false) return undefined;
  const { pkce, claims, claims_in_id_token, acr } = value === true ? openIdSchema.parse({}) : value;
  return { pkce, claims, claimsInIdToken: claims_in_id_token, acr };
}

const createSchema = z
  .strictObject({
    partner: nameSetting,
    label: labelSchema.default('client').meta({ description: 'For an app that customers use: its name.' }),
    scopes: scopesSchema.optional().meta({
      description:
        'Default: profile:read, and for a client without redirect URIs also whoami; for one of OpenID Connect openid alone.',
    }),
    grant_types: z.array(grantTypeSchema).min(1).optional().meta({
      description: 'Default: client_credentials; with redirect URIs authorization_code and refresh_token.',
    }),
    application_type: z.enum(['web', 'native', 'spa']).default('web'),
    party: z.enum(['first', 'third']).default('third').meta({
      description: 'The company’s own apps (first) are not asked about; for others the customer consents.',
    }),
    authentication: z.enum(['secret', 'private_key_jwt', 'none']).optional().meta({
      description: 'Default: private_key_jwt with jwks, none for native and spa, else secret.',
    }),
    redirect_uris: redirectUrisSchema.default([]).meta({
      description:
        'Compared character by character. https; for native also http on a loopback address (any port) or a private-use scheme.',
    }),
    openid: z.union([z.boolean(), openIdSchema]).optional().meta({
      description: 'A client of OpenID Connect, such as a chat vendor of the code flow: it gets ID tokens.',
    }),
    jwks: keySetSchema.optional().meta({ description: 'Public keys for private_key_jwt (RFC 7523).' }),
  })
  .meta({
    id: 'ClientCreate',
    examples: [{ partner: 'chat-vendor', label: 'production', scopes: ['profile:read'] }],
  });

const changeSchema = z
  .strictObject({
    label: labelSchema.optional(),
    scopes: scopesSchema.optional(),
    redirect_uris: redirectUrisSchema.optional(),
  })
  .meta({ id: 'ClientChange', examples: [{ redirect_uris: ['https://app.example.com/callback'] }] });

const clientSchema = z
  .strictObject({
    client_id: z.string(),
    partner: nameSetting,
    label: z.string(),
    scopes: scopesSchema,
    grant_types: z.array(z.string()),
    application_type: z.enum(['web', 'native', 'spa']),
    party: z.enum(['first', 'third']),
    authentication: z.enum(['secret', 'private_key_jwt', 'none']),
    redirect_uris: z.array(z.string()),
    openid: openIdSchema.nullable(),
    created_at: timeSchema,
    revoked_at: timeSchema.nullable(),
  })
  .meta({ id: 'Client' });

const createdSchema = clientSchema
  .extend({
    client_secret: z
      .string()
      .optional()
      .meta({ description: 'Shown here and never again. Absent for a client without a secret.' }),
  })
  .meta({ id: 'ClientCreated' });

const pathSchema = z.strictObject({ client_id: z.string().min(1).max(64) });

function show(client: OAuthClient): z.output<typeof clientSchema> {
  return {
    client_id: client.clientId,
    partner: client.partner,
    label: client.label,
    scopes: client.scopes,
    grant_types: client.grantTypes,
    application_type: client.applicationType,
    party: client.party,
    authentication: client.authentication,
    redirect_uris: client.redirectUris,
    openid: client.openid
      ? {
          pkce: client.openid.pkce,
          claims: client.openid.claims,
          claims_in_id_token: client.openid.claimsInIdToken,
          ...(client.openid.acr === undefined ? {} : { acr: client.openid.acr }),
        }
      : null,
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
      summary: 'Create an OAuth 2.0 client for a partner',
      body: createSchema,
      status: 201,
      answer: createdSchema,
      errors: ['NOT_FOUND', 'CONFLICT'],
      run: async ({ body, by }) => {
        const isApp = body.redirect_uris.length > 0;
        const openid = openIdOf(body.openid);
        const usualScopes = openid ? [] : isApp ? ['profile:read'] : ['profile:read', 'whoami'];
        const usual = isApp ? ['authorization_code', 'refresh_token'] : ['client_credentials'];
        const { client, secret } = await clients.create(
          {
            partner: body.partner,
            label: body.label,
            scopes: body.scopes ?? usualScopes,
            grantTypes: body.grant_types ?? usual,
            applicationType: body.application_type,
            party: body.party,
            authentication: body.authentication,
            redirectUris: body.redirect_uris,
            publicKeys: body.jwks?.keys,
            openid,
          },
          by,
        );
        return { ...show(client), ...(secret === undefined ? {} : { client_secret: secret }) };
      },
    }),
    adminEndpoint({
      method: 'get',
      path: '/admin/clients',
      operationId: 'listClients',
      summary: 'List OAuth 2.0 clients',
      query: z.strictObject({ partner: nameSetting.optional() }),
      answer: listOf(clientSchema),
      run: async ({ query }) => ({ items: (await clients.list(query.partner)).map(show) }),
    }),
    adminEndpoint({
      method: 'patch',
      path: '/admin/clients/{client_id}',
      operationId: 'updateClient',
      summary: 'Change the label, scopes or redirect URIs of a client',
      pathParameters: pathSchema,
      body: changeSchema,
      answer: clientSchema,
      errors: ['NOT_FOUND'],
      run: async ({ path, body, by }) =>
        show(
          await clients.update(
            path.client_id,
            { label: body.label, scopes: body.scopes, redirectUris: body.redirect_uris },
            by,
          ),
        ),
    }),
    adminEndpoint({
      method: 'post',
      path: '/admin/clients/{client_id}/revoke',
      operationId: 'revokeClient',
      summary: 'Revoke a client and its access tokens, at once',
      pathParameters: pathSchema,
      answer: z.strictObject({ client_id: z.string(), revoked: z.literal(true) }),
      errors: ['NOT_FOUND'],
      run: async ({ path, by }) => {
        await clients.revoke(path.client_id, by);
        return { client_id: path.client_id, revoked: true };
      },
    }),
  ];
}
