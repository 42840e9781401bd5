import { z } from 'zod';
import type { OutboundAuthScheme } from './outbound-types.ts';
import { headerNameSetting, headerSecretSetting } from './outbound-settings.ts';

const optionsSchema = z.strictObject({
  type: z.literal('api_key'),
  /** Name of the header that carries the key. */
  header: headerNameSetting,
  value: headerSecretSetting,
});

/** A fixed key in a header of the destination's choice. */
export const apiKey: OutboundAuthScheme<typeof optionsSchema> = {
  type: 'api_key',
  optionsSchema,
  headerNames: (options) => [options.header],
  create(options) {
    const headers = { [options.header]: options.value };
    return { authorise: () => headers, onRejected: () => false };
  },
};
