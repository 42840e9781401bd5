import { z } from 'zod';
import type { ApiKey } from '../../api-keys/api-key.ts';
import type { ApiKeys } from '../../api-keys/api-keys.ts';
import type { ApiKeySettings } from '../../api-keys/key-settings.ts';
import type { TierAssignments } from '../../limits/tier-assignments.ts';
import type { Tiers } from '../../limits/tiers.ts';
import type { AdminActor } from '../../partners/partners.ts';
import { nameSetting } from '../../platform/settings.ts';
import type { Endpoint } from '../endpoint.ts';
import { adminEndpoint, listOf } from './admin-endpoint.ts';
import {
  createdSchema,
  createSchema,
  importSchema,
  keyIdPath,
  keySchema,
  showKey,
  updateSchema,
} from './api-key-schemas.ts';
import { requireTier } from './limits.ts';

function settingsOf(body: z.output<typeof createSchema>): ApiKeySettings {
  return {
    partner: body.partner,
    label: body.label,
    environment: body.environment,
    use: body.use,
    signature: body.signature,
    scopes: body.scopes,
    allowedAddresses: body.allowed_addresses,
    publicKeys: body.ed25519_public_keys,
    expiresAtMs: body.expires_at === undefined ? undefined : Date.parse(body.expires_at),
  };
}

function changeOf(body: z.output<typeof updateSchema>): Parameters<ApiKeys['update']>[1] {
  return {
    ...(body.label === undefined ? {} : { label: body.label }),
    ...(body.signature === undefined ? {} : { signature: body.signature }),
    ...(body.scopes === undefined ? {} : { scopes: body.scopes }),
    ...(body.allowed_addresses === undefined ? {} : { allowedAddresses: body.allowed_addresses }),
    ...(body.ed25519_public_keys === undefined ? {} : { publicKeys: body.ed25519_public_keys }),
    ...(body.expires_at === undefined
      ? {}
      : { expiresAtMs: body.expires_at === null ? undefined : Date.parse(body.expires_at) }),
  };
}

export interface ApiKeyEndpointsDeps {
  apiKeys: ApiKeys;
  tiers: Tiers;
  assignments: TierAssignments;
}

/** API keys: create, import, list, change, revoke. */
export function apiKeyEndpoints(deps: ApiKeyEndpointsDeps): Endpoint[] {
  const { apiKeys } = deps;
  const show = (key: ApiKey) => showKey(key, deps.assignments.find('key', key.keyId));
  const giveTier = async (key: ApiKey, tier: string | undefined, by: AdminActor) => {
    if (tier === undefined) return;
    const about = { partner: key.partner, keyPrefix: key.publicPrefix };
    await deps.assignments.assign({ kind: 'key', id: key.keyId, tier }, by, about);
  };
  return [
    adminEndpoint({
      method: 'post',
      path: '/admin/api-keys',
      operationId: 'createApiKey',
      summary: 'Create an API key pair for a partner',
      body: createSchema,
      status: 201,
      answer: createdSchema,
      errors: ['NOT_FOUND', 'CONFLICT'],
      run: async ({ body, by }) => {
        requireTier(deps.tiers, body.tier);
        const { key, publicId, secret } = await apiKeys.create(settingsOf(body), by);
        await giveTier(key, body.tier, by);
        return { ...show(key), public_id: publicId, secret: secret ?? null };
      },
    }),
    adminEndpoint({
      method: 'post',
      path: '/admin/api-keys/import',
      operationId: 'importApiKey',
      summary: 'Take over an API key that a partner uses already',
      description:
        'From its public id and its secret, or the secret’s SHA-256: partners go on with what they have.',
      body: importSchema,
      status: 201,
      answer: keySchema,
      errors: ['NOT_FOUND', 'CONFLICT'],
      run: async ({ body, by }) => {
        const secret = body.secret ?? { sha256: body.secret_sha256 as string };
        requireTier(deps.tiers, body.tier);
        const key = await apiKeys.importKey(settingsOf(body), { publicId: body.public_id, secret }, by);
        await giveTier(key, body.tier, by);
        return show(key);
      },
    }),
    adminEndpoint({
      method: 'get',
      path: '/admin/api-keys',
      operationId: 'listApiKeys',
      summary: 'List API keys',
      query: z.strictObject({ partner: nameSetting.optional() }),
      answer: listOf(keySchema),
      run: async ({ query }) => ({ items: (await apiKeys.list(query.partner)).map(show) }),
    }),
    adminEndpoint({
      method: 'patch',
      path: '/admin/api-keys/{key_id}',
      operationId: 'updateApiKey',
      summary: 'Change what an API key may do, within a second everywhere',
      pathParameters: keyIdPath,
      body: updateSchema,
      answer: keySchema,
      errors: ['NOT_FOUND'],
      run: async ({ path, body, by }) => show(await apiKeys.update(path.key_id, changeOf(body), by)),
    }),
    adminEndpoint({
      method: 'post',
      path: '/admin/api-keys/{key_id}/revoke',
      operationId: 'revokeApiKey',
      summary: 'Revoke an API key, at once',
      pathParameters: keyIdPath,
      answer: z.strictObject({ key_id: z.string(), revoked: z.literal(true) }),
      errors: ['NOT_FOUND'],
      run: async ({ path, by }) => {
        await apiKeys.revoke(path.key_id, by);
        return { key_id: path.key_id, revoked: true };
      },
    }),
  ];
}
