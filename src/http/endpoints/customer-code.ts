import type { Response } from 'express';
import { z } from 'zod';
import type { Channel, Channels } from '../../channels/channel.ts';
import type { SignInCodes } from '../../customers/sign-in/sign-in-codes.ts';
import { BridgeError } from '../../errors.ts';
import { callerNetwork } from '../../limits/caller-network.ts';
import type { CustomerSession } from '../../sessions/session.ts';
import type { LimitGuard } from '../limit-guard.ts';
import { parseWith } from '../parse.ts';
import { contextOf } from '../request-context.ts';
import { deviceBody } from './customer-renewal.ts';

/** The body with which an app redeems the code of a sign-in by redirect, in the words of RFC 6749 section 4.1.3. */
export const codeBody = z
  .object({
    grant_type: z.literal('authorization_code'),
    code: z.string().min(1).max(4_096).meta({ description: 'From the redirect; good once, for a minute.' }),
    code_verifier: z.string().min(43).max(128).meta({ description: 'RFC 7636 section 4.1.' }),
    redirect_uri: z
      .string()
      .min(1)
      .max(1_000)
      .meta({ description: 'return_to of the sign-in, letter by letter.' }),
    channel: z.string().min(1).max(64).optional().meta({ description: 'If given, that of the sign-in.' }),
    delivery: z.literal('token').optional(),
    ...deviceBody.shape,
  })
  .meta({
    id: 'CustomerCodeRedemptionRequest',
    examples: [
      {
        grant_type: 'authorization_code',
        code: 'sc_Yk3mX0…',
        code_verifier: 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk',
        redirect_uri: 'com.example.shop:/signed-in',
      },
    ],
  });

/** Members of such a body that prove something. */
export const CODE_MEMBERS = ['code', 'code_verifier'];

const OTHER_PROOFS = ['username', 'password', 'subject_token', 'refresh_token'];

/** Whether a body redeems a code instead of signing in by itself; beside another proof a `code` means nothing. */
export const isCodeRedemption = (fields: Record<string, unknown>): boolean =>
  fields['grant_type'] === 'authorization_code' ||
  (CODE_MEMBERS.some((name) => name in fields) && !OTHER_PROOFS.some((name) => name in fields));

export interface CustomerCodeDeps {
  signInCodes: SignInCodes;
  channels: Channels;
  limits: LimitGuard;
}

export interface RedeemedSignIn {
  session: CustomerSession;
  channel: Channel;
  deviceName: string | undefined;
}

/** Redeems an app's code. Throws `INVALID_CREDENTIALS`, or `CHANNEL_NOT_ALLOWED` when the channel lost its tokens meanwhile. */
export function createCodeRedemption({ signInCodes, channels, limits }: CustomerCodeDeps) {
  return async (fields: Record<string, unknown>, res: Response): Promise<RedeemedSignIn> => {
    if (OTHER_PROOFS.some((name) => name in fields)) {
      throw new BridgeError('INVALID_REQUEST', { message: 'One proof at a time: a code, or another one.' });
    }
    const body = parseWith(codeBody, fields);
    const context = contextOf(res);
    const { requestId, address } = context;
    await limits.admit(context, [{ kind: 'address', id: callerNetwork(address) }]);
    const session = await signInCodes.redeem({
      code: body.code,
      verifier: body.code_verifier,
      redirectUri: body.redirect_uri,
      channel: body.channel,
      requestId,
      address,
    });
    const channel = channels.find(session.channel);
    if (!channel?.allowedDeliveries.includes('token')) throw new BridgeError('CHANNEL_NOT_ALLOWED');
    context.channel = channel.id;
    context.customerId = session.customerId;
    return { session, channel, deviceName: body.device_name };
  };
}
