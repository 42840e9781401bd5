import { z } from 'zod';
import type { ApiKeys } from '../../api-keys/api-keys.ts';
import type { Clients } from '../../clients/clients.ts';
import { BridgeError } from '../../errors.ts';
import type { Limiter } from '../../limits/limiter.ts';
import type { TierAssignments } from '../../limits/tier-assignments.ts';
import type { Tiers } from '../../limits/tiers.ts';
import { nameSetting } from '../../platform/settings.ts';
import type { Endpoint } from '../endpoint.ts';
import { adminEndpoint } from './admin-endpoint.ts';

/** Refuses a tier that is neither built in nor configured. Throws `INVALID_REQUEST` that names those there are. */
export function requireTier(tiers: Tiers, name: string | undefined): void {
  if (name === undefined || tiers.has(name)) return;
  const known = tiers.all().map((tier) => tier.name);
  throw new BridgeError('INVALID_REQUEST', {
    message: `There is no limits tier of this name. There are: ${known.join(', ')}.`,
    details: { member: 'tier' },
  });
}

const tierSchema = z
  .strictObject({
    name: nameSetting,
    windows: z
      .array(z.strictObject({ quota: z.int(), window_seconds: z.int() }))
      .meta({ description: 'A request has to fit into each of them; none: unlimited.' }),
  })
  .meta({ id: 'LimitsTier' });

const defaultsSchema = z.strictObject({
  partner: nameSetting,
  api_key: nameSetting,
  client: nameSetting,
  session: nameSetting,
  address: nameSetting,
  service: nameSetting,
});

const assignmentSchema = z.strictObject({
  tier: nameSetting.nullable().meta({ description: 'null: the default of its kind.' }),
});

export interface LimitEndpointsDeps {
  limits: Pick<Limiter, 'tiers' | 'defaults'>;
  assignments: TierAssignments;
  apiKeys: Pick<ApiKeys, 'find'>;
  clients: Pick<Clients, 'list'>;
}

function listTiers(deps: LimitEndpointsDeps): Endpoint {
  return adminEndpoint({
    method: 'get',
    path: '/admin/limits/tiers',
    operationId: 'listLimitsTiers',
    summary: 'Every limits tier, and which one holds where none is named',
    answer: z.strictObject({ items: z.array(tierSchema), defaults: defaultsSchema }),
    run: () => {
      const { key, ...others } = deps.limits.defaults;
      return {
        items: deps.limits.tiers.all().map(({ name, windows }) => ({
          name,
          windows: windows.map(({ quota, windowSeconds }) => ({ quota, window_seconds: windowSeconds })),
        })),
        defaults: { api_key: key, ...others },
      };
    },
  });
}

/** Limits: the tiers there are, and the tier of one key or client. */
export function limitEndpoints(deps: LimitEndpointsDeps): Endpoint[] {
  const { limits, assignments, apiKeys, clients } = deps;
  return [
    listTiers(deps),
    adminEndpoint({
      method: 'put',
      path: '/admin/limits/keys/{key_id}',
      operationId: 'setApiKeyTier',
      summary: 'Give an API key a limits tier of its own, or the default again',
      pathParameters: z.strictObject({ key_id: z.string().min(1).max(64) }),
      body: assignmentSchema,
      answer: assignmentSchema.extend({ key_id: z.string() }),
      errors: ['NOT_FOUND'],
      run: async ({ path, body, by }) => {
        if (body.tier !== null) requireTier(limits.tiers, body.tier);
        const key = await apiKeys.find(path.key_id);
        if (!key) throw new BridgeError('NOT_FOUND', { message: 'There is no key of this id.' });
        const about = { partner: key.partner, keyPrefix: key.publicPrefix };
        await assignments.assign({ kind: 'key', id: key.keyId, tier: body.tier ?? undefined }, by, about);
        return { key_id: key.keyId, tier: body.tier };
      },
    }),
    adminEndpoint({
      method: 'put',
      path: '/admin/limits/clients/{client_id}',
      operationId: 'setClientTier',
      summary: 'Give an OAuth client a limits tier of its own, or the default again',
      pathParameters: z.strictObject({ client_id: z.string().min(1).max(64) }),
      body: assignmentSchema,
      answer: assignmentSchema.extend({ client_id: z.string() }),
      errors: ['NOT_FOUND'],
      run: async ({ path, body, by }) => {
        if (body.tier !== null) requireTier(limits.tiers, body.tier);
        const client = (await clients.list()).find(({ clientId }) => clientId === path.client_id);
        if (!client) throw new BridgeError('NOT_FOUND', { message: 'There is no client of this id.' });
        const { clientId, partner } = client;
        const tier = body.tier ?? undefined;
        await assignments.assign({ kind: 'client', id: clientId, tier }, by, { partner, clientId });
        return { client_id: clientId, tier: body.tier };
      },
    }),
  ];
}
