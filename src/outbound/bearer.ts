import { z } from 'zod';
import type { OutboundAuthScheme } from './outbound-types.ts';
import { headerSecretSetting } from './outbound-settings.ts';

const optionsSchema = z.strictObject({
  type: z.literal('bearer'),
  /** A token that does not expire, or that somebody else renews in the configuration. */
  token: headerSecretSetting,
});

/** A fixed token in `Authorization: Bearer` (RFC 6750 section 2.1). */
export const bearer: OutboundAuthScheme<typeof optionsSchema> = {
  type: 'bearer',
  optionsSchema,
  headerNames: () => ['authorization'],
  create(options) {
    const headers = { authorization: `Bearer ${options.token}` };
    return { authorise: () => headers, onRejected: () => false };
  },
};
