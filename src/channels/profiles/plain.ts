import { z } from 'zod';
import type { ChannelProfile } from '../channel-profile.ts';
import { optionalName, read, requiredEmail, vendorSecret } from '../vendor-words.ts';

export const plain: ChannelProfile = {
  id: 'plain',
  version: 1,
  vendor: 'Plain',
  product: 'Chat',
  proof: {
    shape: 'hmac',
    message: { from: 'attribute', name: 'email', required: true },
    secretEncoding: 'utf8',
  },
  identifier: { is: 'email', field: 'email' },
  attributes: { email: requiredEmail, full_name: optionalName },
  inputs: {},
  settings: z.strictObject({ secret: vendorSecret('the secret of the chat settings') }),
  web: {
    style: 'settings',
    members: {
      email: { from: 'attribute', name: 'email', required: true },
      emailHash: { from: 'proof' },
      fullName: { from: 'attribute', name: 'full_name' },
    },
    snippet: `attach(symbolon, {
  async login() {
    const { web } = await symbolon.getProof();
    Plain.init({ appId: '{your app id}', customerDetails: web });
  },
  reset: () => {},
});`,
    logoutOrder: ['bridge', 'your page loads itself anew (`location.reload()` after `logout()`)'],
  },
  docs: {
    consoleSteps: [read('On the chat settings page generate a secret: it is `secret`.')],
    enforcement: read(
      'Nothing to turn on: a mail address without its hash is not accepted, and the visitor stays anonymous.',
    ),
    customerSees: [read('The chat belongs to the customer that Plain knows by the mail address.')],
    contentSecurityPolicy: {},
    commonErrors: [
      {
        symptom: 'The customer stays anonymous',
        cause: 'The hash was made over another spelling of the address.',
        mend: 'Pass exactly the `email` that this service gave with the hash.',
        confidence: 'read',
      },
    ],
    mobile: [read('No mobile SDK is documented on the page that was read.')],
    openQuestions: [
      'How the widget forgets a customer without loading the page anew.',
      'That the hash is HMAC-SHA-256 in hex was read in an example, not in a sentence.',
    ],
    sources: ['plain.com/docs/chat/authentication'],
  },
};
