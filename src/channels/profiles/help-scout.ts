import { z } from 'zod';
import type { ChannelProfile } from '../channel-profile.ts';
import { optionalName, read, requiredEmail, unchecked, vendorSecret } from '../vendor-words.ts';

export const helpScout: ChannelProfile = {
  id: 'help-scout',
  version: 1,
  vendor: 'Help Scout',
  product: 'Beacon, secure mode',
  proof: {
    shape: 'hmac',
    message: { from: 'attribute', name: 'email', required: true },
    secretEncoding: 'utf8',
  },
  identifier: { is: 'email', field: 'email' },
  attributes: { email: requiredEmail, name: optionalName },
  inputs: {},
  settings: z.strictObject({ secret: vendorSecret('the secret key of the Beacon') }),
  web: {
    adapter: 'helpScout',
    style: 'settings',
    members: {
      name: { from: 'attribute', name: 'name' },
      email: { from: 'attribute', name: 'email', required: true },
      signature: { from: 'proof' },
    },
    snippet: `helpScout(symbolon, { beaconId: '{your Beacon id}' });`,
    logoutOrder: ["`Beacon('logout', { endActiveChat: true })`", 'bridge'],
  },
  docs: {
    consoleSteps: [
      read('Manage, Beacon, tab Contact: turn on the setting for the support history across devices.'),
      read('The secret key appears. Copy it (it is `secret`) and save.'),
    ],
    enforcement: read(
      'That same setting is secure mode: history is then shown to nobody without a valid signature.',
    ),
    customerSees: [
      read('With secure mode the customer finds the whole history, on every device, mail included.'),
      read('Without it only what was asked from this browser.'),
    ],
    contentSecurityPolicy: {},
    commonErrors: [
      {
        symptom: 'The history stays hidden',
        cause:
          'The signature was made over another spelling of the address, or with the key of another Beacon.',
        mend: 'Set exactly the `email` that this service gave with the signature; compare the key.',
        confidence: 'read',
      },
    ],
    mobile: [unchecked('The mobile SDKs take the same signature with the mail address.')],
    openQuestions: ['Content-Security-Policy sources.', 'The calls of the mobile SDKs.'],
    sources: [
      'developer.helpscout.com/beacon-2/web/secure-mode',
      'docs.helpscout.com/article/1229-support-history-security-options',
    ],
  },
};
