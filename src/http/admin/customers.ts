import { z } from 'zod';
import type { Devices } from '../../customers/sessions/devices.ts';
import type { EndSessions } from '../../customers/sessions/end-sessions.ts';
import type { Identities } from '../../customers/identities.ts';
import type { Endpoint } from '../endpoint.ts';
import { customerIdSchema, EXAMPLE_CUSTOMER_ID } from '../schemas.ts';
import { adminEndpoint, listOf, reasonSchema, timeSchema, timeText } from './admin-endpoint.ts';

/** One customer: who is behind an identifier, end all sessions; and the identifier key. */
export function customerEndpoints(deps: {
  identities: Identities;
  endSessions: EndSessions;
  devices: Devices;
}): Endpoint[] {
  const { identities, endSessions } = deps;
  return [
    adminEndpoint({
      method: 'post',
      path: '/admin/identifiers/trace',
      operationId: 'traceCustomer',
      summary: "The company's own reference of a customer identifier",
      description:
        'Of a merged identifier, the survivor. The audit record, with the reason, is written before the answer is given.',
      body: z.strictObject({ customer_id: z.string().max(64), reason: reasonSchema }).meta({
        id: 'TraceRequest',
        examples: [{ customer_id: EXAMPLE_CUSTOMER_ID, reason: 'complaint 2026-118' }],
      }),
      answer: z
        .strictObject({
          customer_id: customerIdSchema,
          reference: z.string(),
          reference_space: z.string(),
          channel_group: z.string(),
          pinned_at: timeSchema,
        })
        .meta({ id: 'TracedCustomer' }),
      errors: ['NOT_FOUND', 'RATE_LIMITED'],
      run: async ({ body, by }) => {
        const traced = await identities.trace(body.customer_id, body.reason, by);
        return {
          customer_id: traced.customerId,
          reference: traced.reference,
          reference_space: traced.space,
          channel_group: traced.group,
          pinned_at: timeText(traced.pinnedAtMs),
        };
      },
    }),
    adminEndpoint({
      method: 'post',
      path: '/admin/identifiers/rotate-key',
      operationId: 'rotateIdentifierKey',
      summary: 'Derive identifiers of new customers under a new key; known customers keep theirs',
      answer: z.strictObject({ version: z.int() }),
      errors: ['CONFLICT'],
      run: async ({ by }) => ({ version: await identities.rotateKey(by) }),
    }),
    adminEndpoint({
      method: 'post',
      path: '/admin/customers/{customer_id}/end-sessions',
      operationId: 'endCustomerSessions',
      summary: 'End all sessions and tokens of a customer',
      pathParameters: z.strictObject({ customer_id: z.string().max(64) }),
      body: z.strictObject({ reason: reasonSchema }),
      answer: z.strictObject({ customer_id: customerIdSchema, ended: z.literal(true) }),
      errors: ['NOT_FOUND'],
      run: async ({ path, body, by }) => {
        await endSessions.endAll(path.customer_id, body.reason, by);
        return { customer_id: path.customer_id, ended: true };
      },
    }),
    devicesEndpoint(deps.devices),
  ];
}

function devicesEndpoint(devices: Devices): Endpoint {
  return adminEndpoint({
    method: 'get',
    path: '/admin/customers/{customer_id}/devices',
    operationId: 'listDevicesOfCustomer',
    summary: 'The devices on which a customer is signed in by refresh token',
    description: 'Leaves an audit record before it answers.',
    pathParameters: z.strictObject({ customer_id: z.string().max(64) }),
    answer: listOf(
      z
        .strictObject({
          id: z.string(),
          channel: z.string(),
          device_name: z.string().nullable(),
          signed_in_at: timeSchema,
          last_used_at: timeSchema,
          expires_at: timeSchema,
        })
        .meta({ id: 'DeviceOfCustomer' }),
    ),
    errors: ['NOT_FOUND'],
    run: async ({ path, by }) => {
      const listed = await devices.listFor(path.customer_id, by);
      return {
        items: listed.map((device) => ({
          id: device.id,
          channel: device.channel,
          device_name: device.name ?? null,
          signed_in_at: timeText(device.signedInAtMs),
          last_used_at: timeText(device.lastUsedAtMs),
          expires_at: timeText(device.expiresAtMs),
        })),
      };
    },
  });
}
