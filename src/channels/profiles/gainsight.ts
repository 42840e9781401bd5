import { z } from 'zod';
import type { ChannelProfile } from '../channel-profile.ts';
import { read, vendorSecret } from '../vendor-words.ts';

export const gainsight: ChannelProfile = {
  id: 'gainsight',
  version: 1,
  vendor: 'Gainsight',
  product: 'PX, identity verification by user hash',
  proof: { shape: 'hmac', message: { from: 'identifier' }, secretEncoding: 'utf8' },
  identifier: { is: 'opaque', field: 'id' },
  attributes: {},
  inputs: {},
  settings: z.strictObject({ secret: vendorSecret('the key of identity verification') }),
  web: {
    style: 'settings',
    members: { id: { from: 'identifier' }, userHash: { from: 'proof' } },
    snippet: `attach(symbolon, {
  async login() {
    const { web } = await symbolon.getProof();
    aptrinsic('identify', web, { id: '{your account id}' });
  },
  reset: () => aptrinsic('reset'),
});`,
    logoutOrder: ["`aptrinsic('reset')`", 'bridge'],
  },
  docs: {
    consoleSteps: [
      read('Administration, Identity Verification: copy the key, it is `secret`.'),
      read('Enable identity verification there when the page sends hashes.'),
    ],
    enforcement: read(
      'Enable identity verification. No request of a signed-in customer is accepted without a valid hash from then on.',
    ),
    customerSees: [read('The customer is known by the identifier on web and mobile.')],
    contentSecurityPolicy: {},
    commonErrors: [
      {
        symptom: 'The customer is not recorded',
        cause: 'The hash does not belong to the `id` that was given.',
        mend: 'Take both from the same answer of this service.',
        confidence: 'read',
      },
    ],
    mobile: [read('The mobile SDKs support the same hash.')],
    openQuestions: [
      'How the secret is encoded (taken as text here).',
      "The name of the sign-out call (`aptrinsic('reset')`).",
    ],
    sources: ['support.gainsight.com/PX/Administration/Security/HMAC_Identity_Verification_(User_Hash)'],
  },
};
