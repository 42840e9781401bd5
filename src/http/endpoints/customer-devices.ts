import type { Request, Response } from 'express';
import { z } from 'zod';
import type { Device } from '../../customers/sessions/device.ts';
import type { Devices } from '../../customers/sessions/devices.ts';
import { BridgeError } from '../../errors.ts';
import type { CustomerIdentifier } from '../../identifiers/identifier.ts';
import { sendEmpty, sendJson } from '../answer.ts';
import type { Endpoint } from '../endpoint.ts';
import type { LimitGuard } from '../limit-guard.ts';
import { LIMIT_HEADERS } from '../limit-headers.ts';
import { type OriginRules, refuseForeignOrigin, requireOriginOf, requireOwnPage } from '../origins.ts';
import { parseWith } from '../parse.ts';
import { contextOf } from '../request-context.ts';
import type { SessionCookies } from '../session-cookie.ts';
import { bearerRefreshToken } from './customer-renewal.ts';

export interface CustomerDevicesDeps {
  devices: Devices;
  sessionCookies: SessionCookies;
  origins: OriginRules;
  limits: LimitGuard;
}

/** Who asks: by the cookie, or by the refresh token of one of the devices. */
interface Asking {
  customerId: CustomerIdentifier;
  deviceId: string | undefined;
}

const seconds = (ms: number) => Math.floor(ms / 1000);
const idSchema = z.string().regex(/^[A-Za-z0-9_-]{22}$/);

const deviceSchema = z
  .strictObject({
    id: idSchema,
    channel: z.string(),
    device_name: z.string().nullable().meta({ description: 'As the app gave it at sign-in.' }),
    signed_in_at: z.int().meta({ description: 'Unix seconds.' }),
    last_used_at: z.int().meta({ description: 'Unix seconds of the last renewal.' }),
    expires_at: z.int().meta({ description: 'Unix seconds; when it ends if it is not used again.' }),
    current: z.boolean().meta({ description: 'Whether its refresh token made this call.' }),
  })
  .meta({
    id: 'CustomerDevice',
    examples: [
      {
        id: '7Qm1vJ3sTq2b8yX0aZkR5w',
        channel: 'ios',
        device_name: "Mira's phone",
        signed_in_at: 1_570_733_606,
        last_used_at: 1_570_820_006,
        expires_at: 1_573_412_006,
        current: true,
      },
    ],
  });

const describeDevice = (device: Device, current: string | undefined) => ({
  id: device.id,
  channel: device.channel,
  device_name: device.name ?? null,
  signed_in_at: seconds(device.signedInAtMs),
  last_used_at: seconds(device.lastUsedAtMs),
  expires_at: seconds(device.expiresAtMs),
  current: device.id === current,
});

/**
 * The customer who asks. A refresh token in `Authorization` is asked first: it rides on nothing ambient, so it needs no
 * header against forged requests; the cookie does wherever something is changed.
 */
async function asking(
  deps: CustomerDevicesDeps,
  { req, res, changes }: { req: Request; res: Response; changes: boolean },
): Promise<Asking> {
  const context = contextOf(res);
  const token = bearerRefreshToken(req);
  if (token !== undefined) {
    const { customerId, device } = await deps.devices.holder(token);
    requireOriginOf(req, deps.origins, device.channel);
    context.customerId = customerId;
    context.channel = device.channel;
    await deps.limits.admit(context, [{ kind: 'session', id: device.id }]);
    return { customerId, deviceId: device.id };
  }
  if (changes) requireOwnPage(req, deps.origins);
  else refuseForeignOrigin(req, deps.origins);
  const session = deps.sessionCookies.current(req);
  if (!session) throw new BridgeError('NOT_SIGNED_IN', { missing: true });
  requireOriginOf(req, deps.origins, session.channel);
  context.customerId = session.customerId;
  context.channel = session.channel;
  await deps.limits.admit(context, [
    { kind: 'session', id: deps.sessionCookies.presented(req) ?? session.sid },
  ]);
  return { customerId: session.customerId, deviceId: undefined };
}

/** Header that a call on the cookie needs; one with a refresh token does without. */
export const csrfWithCookie = z.object({
  'x-symbolon-csrf': z.literal('1').optional().meta({
    description: 'Needed with the cookie: proves that the page itself made the call.',
  }),
});

const ERRORS = [
  'NOT_SIGNED_IN',
  'INVALID_REFRESH_TOKEN',
  'ORIGIN_NOT_ALLOWED',
  'RATE_LIMITED',
  'STORE_UNAVAILABLE',
] as const;

/** `GET /customer_session/devices`: where the customer is signed in by refresh token. */
function listDevices(deps: CustomerDevicesDeps): Endpoint {
  return {
    usesSession: true,
    crossOrigin: true,
    contract: {
      listener: 'public',
      method: 'get',
      path: '/customer_session/devices',
      operationId: 'listCustomerDevices',
      tag: 'Customers',
      summary: 'The devices on which this customer is signed in',
      security: [['sessionCookie'], ['refreshToken']],
      responses: {
        200: {
          description: 'Newest first',
          schema: z.strictObject({ items: z.array(deviceSchema) }),
          headers: LIMIT_HEADERS,
        },
      },
      errors: ERRORS,
    },
    handle: async (req, res) => {
      const { customerId, deviceId } = await asking(deps, { req, res, changes: false });
      const devices = await deps.devices.list(customerId);
      sendJson(res, 200, { items: devices.map((device) => describeDevice(device, deviceId)) });
    },
  };
}

/** `DELETE /customer_session/devices/{id}`: signs one of them out. */
function endDevice(deps: CustomerDevicesDeps): Endpoint {
  const pathParameters = z.object({ id: idSchema });
  return {
    usesSession: true,
    crossOrigin: true,
    contract: {
      listener: 'public',
      method: 'delete',
      path: '/customer_session/devices/{id}',
      operationId: 'endCustomerDevice',
      tag: 'Customers',
      summary: 'Sign a device out',
      description: 'Ends its refresh token and the customer tokens that came of it.',
      security: [['sessionCookie'], ['refreshToken']],
      headers: csrfWithCookie,
      pathParameters,
      responses: { 204: { description: 'Signed out', headers: LIMIT_HEADERS } },
      errors: [...ERRORS, 'INVALID_REQUEST', 'CSRF_REJECTED', 'NOT_FOUND'],
    },
    handle: async (req, res) => {
      const { customerId } = await asking(deps, { req, res, changes: true });
      const { id } = parseWith(pathParameters, req.params);
      await deps.devices.end(customerId, id, contextOf(res));
      sendEmpty(res, 204);
    },
  };
}

/** A customer's devices: list them, sign one out. */
export function customerDevices(deps: CustomerDevicesDeps): Endpoint[] {
  return [listDevices(deps), endDevice(deps)];
}
