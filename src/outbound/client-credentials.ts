import { z } from 'zod';
import type { OutboundAuthScheme } from './outbound-types.ts';
import { createTokenEndpoint, fleetOf } from './token-endpoint.ts';
import { createTokenHolder } from './token-holder.ts';
import { tokenClientSettings, tokenRequest } from './token-request.ts';

const optionsSchema = z
  .strictObject({ type: z.literal('client_credentials'), ...tokenClientSettings })
  .refine(
    ({ client_authentication: how, client_secret: secret }) => (how === 'tls') === (secret === undefined),
    { path: ['client_secret'], message: 'is needed, unless client_authentication is tls' },
  );

/** Our own access token by the client credentials grant (RFC 6749 section 4.4). */
export const clientCredentials: OutboundAuthScheme<typeof optionsSchema> = {
  type: 'client_credentials',
  optionsSchema,
  headerNames: () => ['authorization'],
  create(options, deps) {
    const { scope, parameters } = options;
    const endpoint = createTokenEndpoint(options.token_url, deps);
    const request = tokenRequest(options, endpoint.path, {
      grant_type: 'client_credentials',
      ...(scope === '' ? {} : { scope }),
    });
    return createTokenHolder({
      clock: deps.clock,
      origin: endpoint.origin,
      onSame: endpoint.onSame,
      fetch: async () => {
        const { token, lifetimeSeconds, askedAtMs } = await endpoint.ask(request);
        return { token, grantedAtMs: askedAtMs, endsAtMs: askedAtMs + lifetimeSeconds * 1_000 };
      },
      fleet: fleetOf(deps, endpoint.origin, {
        names: [options.token_url, options.client_id, scope, JSON.stringify(parameters)],
      }),
    });
  },
};
