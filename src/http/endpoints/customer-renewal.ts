import type { Request, Response } from 'express';
import { z } from 'zod';
import type { Channels } from '../../channels/channel.ts';
import type { Devices } from '../../customers/sessions/devices.ts';
import { BridgeError } from '../../errors.ts';
import { callerNetwork } from '../../limits/caller-network.ts';
import { sendJson } from '../answer.ts';
import type { LimitGuard } from '../limit-guard.ts';
import { parseWith } from '../parse.ts';
import { header } from '../raw-headers.ts';
import { contextOf } from '../request-context.ts';

const REFRESH_TOKEN = z.string().min(1).max(128);

/** The body of a renewal at `/customer_authenticate`. */
export const renewalBody = z
  .object({
    grant_type: z.literal('refresh_token'),
    refresh_token: REFRESH_TOKEN.meta({ description: 'Used up by this call; the answer has the next one.' }),
    channel: z.string().min(1).max(64).optional().meta({
      description: 'A channel of the same group that gives refresh tokens; default: the one signed in to.',
    }),
    delivery: z.literal('token').optional(),
  })
  .meta({
    id: 'CustomerRenewalRequest',
    examples: [{ grant_type: 'refresh_token', refresh_token: 'rt_Yk3mX0…' }],
  });

/** What a person calls the device, as the app gives it: kept sealed, shown to that person and to operators. */
const deviceNameSchema = z
  .string()
  .min(1)
  .max(64)
  .regex(/^[^\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]*$/u, 'no control characters')
  .meta({
    description: 'Name of the device, for channels that give refresh tokens.',
    example: "Mira's phone",
  });

/** What a sign-in may say about its device. */
export const deviceBody = z.object({ device_name: deviceNameSchema.optional() });

/** Whether a body asks for a renewal instead of a sign-in. */
export const isRenewal = (fields: Record<string, unknown>): boolean =>
  fields['grant_type'] === 'refresh_token' || 'refresh_token' in fields;

/** A refresh token in `Authorization: Bearer`. Throws `INVALID_REFRESH_TOKEN` for any other use of that header. */
export function bearerRefreshToken(req: Request): string | undefined {
  const authorization = header(req, 'authorization');
  if (authorization === undefined) return undefined;
  const token = /^bearer +(rt_\S{1,125})$/i.exec(authorization)?.[1];
  if (token === undefined) throw new BridgeError('INVALID_REFRESH_TOKEN');
  return token;
}

export interface CustomerRenewalDeps {
  devices: Devices;
  channels: Channels;
  limits: LimitGuard;
}

/** Answers a renewal. A device counts by itself; who presents no living token counts by the address. */
export function createCustomerRenewal({ devices, channels, limits }: CustomerRenewalDeps) {
  return async (fields: Record<string, unknown>, res: Response): Promise<void> => {
    if ('username' in fields || 'password' in fields || 'subject_token' in fields) {
      throw new BridgeError('INVALID_REQUEST', {
        message: 'One proof at a time: a password or a token to sign in, or a refresh token to renew.',
      });
    }
    const asked = parseWith(renewalBody, fields);
    const channel = asked.channel === undefined ? undefined : channels.find(asked.channel);
    if (asked.channel !== undefined && !channel) throw new BridgeError('UNKNOWN_CHANNEL');
    const context = contextOf(res);
    context.channel = channel?.id;
    const { requestId, address } = context;
    const renewed = await devices
      .renew({
        token: asked.refresh_token,
        channel,
        requestId,
        address,
        admit: (deviceId) => limits.admit(context, [{ kind: 'session', id: deviceId }]),
      })
      .catch(async (error: unknown) => {
        if (error instanceof BridgeError && error.code === 'INVALID_REFRESH_TOKEN') {
          await limits.admit(context, [{ kind: 'address', id: callerNetwork(address) }]);
        }
        throw error;
      });
    context.customerId = renewed.customerId;
    sendJson(res, 200, {
      issued_at: String(renewed.issued.issuedAtMs),
      JWT: renewed.issued.token,
      expires_in: String(renewed.issued.expiresInSeconds),
      customer_id: renewed.customerId,
      refresh_token: renewed.refreshToken,
    });
  };
}
