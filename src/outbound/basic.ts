import { z } from 'zod';
import { secretSetting } from '../platform/settings.ts';
import type { OutboundAuthScheme } from './outbound-types.ts';

const optionsSchema = z.strictObject({
  type: z.literal('basic'),
  username: z
    .string()
    .min(1)
    .max(255)
    .regex(/^[^:\p{Cc}]+$/u, 'must hold no colon and no control character'),
  /** Others chose it, so that eight characters must do. */
  password: secretSetting({ minLength: 8 }).refine(
    (value) => !/\p{Cc}/u.test(value),
    'must hold no control character',
  ),
});

/** User name and password in `Authorization: Basic`, in UTF-8 (RFC 7617 sections 2 and 2.1). */
export const basic: OutboundAuthScheme<typeof optionsSchema> = {
  type: 'basic',
  optionsSchema,
  headerNames: () => ['authorization'],
  create({ username, password }) {
    const pair = Buffer.from(`${username}:${password}`, 'utf8').toString('base64');
    const headers = { authorization: `Basic ${pair}` };
    return { authorise: () => headers, onRejected: () => false };
  },
};
