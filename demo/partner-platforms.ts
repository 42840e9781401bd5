/** Stand-ins of the chat platforms that the company calls, so that `symbolon call` and `/partners` have an answer. */
import type { ConfigInput } from '../src/config/config.ts';
import { asappCredentials, startAsapp } from '../test/partners/asapp.ts';
import { audexumCredentials, startAudexum } from '../test/partners/audexum.ts';
import { cmzonCredentials, startCmzon } from '../test/partners/cmzon.ts';
import { coextCredentials, startCoext } from '../test/partners/coext.ts';
import { messengerxCredentials, startMessengerx } from '../test/partners/messengerx.ts';

export interface PartnerPlatforms {
  /** Settings for the bridge, one connection for each platform. */
  connections: NonNullable<ConfigInput['connections']>;
  close(): Promise<void>;
}

const CLOCK = { nowMs: () => Date.now(), monotonicMs: () => performance.now() };

/** Starts all of them on free loopback ports; `partner` may call them through the bridge. */
export async function startPartnerPlatforms(partner: string): Promise<PartnerPlatforms> {
  const [asapp, messengerx, cmzon, audexum, coext] = await Promise.all([
    startAsapp(CLOCK),
    startMessengerx(CLOCK),
    startCmzon(CLOCK),
    startAudexum(CLOCK),
    startCoext(CLOCK),
  ]);
  const pass_through = { partners: [partner] };
  return {
    connections: {
      asapp: {
        preset: 'asapp',
        base_url: asapp.url,
        auth: [
          { type: 'api_key', header: 'asapp-api-id', value: asappCredentials.id },
          { type: 'api_key', header: 'asapp-api-secret', value: asappCredentials.secret },
        ],
        pass_through,
      },
      messengerx: {
        preset: 'messengerx',
        base_url: messengerx.url,
        auth: [{ type: 'bearer', token: messengerxCredentials.apiKey }],
        pass_through,
      },
      cmzon: {
        preset: 'cmzon',
        base_url: cmzon.url,
        auth: [{ type: 'bearer', token: cmzonCredentials.token }],
        pass_through,
      },
      audexum: {
        preset: 'audexum',
        base_url: audexum.url,
        auth: [
          {
            type: 'client_credentials',
            token_url: `${audexum.url}/oauth/token`,
            client_id: audexumCredentials.clientId,
            client_secret: audexumCredentials.clientSecret,
          },
        ],
      },
      coext: {
        preset: 'coext',
        base_url: coext.url,
        auth: [{ type: 'signature_v1', key_id: coextCredentials.key, secret: coextCredentials.secret }],
        pass_through,
      },
    },
    close: async () => {
      await Promise.all([asapp, messengerx, cmzon, audexum, coext].map((one) => one.close()));
    },
  };
}
