import { z } from 'zod';
import type { ChannelProfile } from '../channel-profile.ts';
import { read, vendorSecret } from '../vendor-words.ts';

export const novu: ChannelProfile = {
  id: 'novu',
  version: 1,
  vendor: 'Novu',
  product: 'Inbox and Web Chat',
  proof: { shape: 'hmac', message: { from: 'identifier' }, secretEncoding: 'utf8' },
  identifier: { is: 'opaque', field: 'subscriberId' },
  attributes: {},
  inputs: {},
  settings: z.strictObject({ secret: vendorSecret('the API secret of the environment') }),
  web: {
    style: 'settings',
    members: { subscriberId: { from: 'identifier' }, subscriberHash: { from: 'proof' } },
    snippet: `attach(symbolon, {
  async login() {
    const { web } = await symbolon.getProof();
    showInbox(web); // <NovuProvider applicationIdentifier="{your application}" {...web}>
  },
  reset: () => hideInbox(),
});`,
    logoutOrder: ['the provider is unmounted', 'bridge'],
  },
  docs: {
    consoleSteps: [
      read('API Keys: copy the secret of the environment, it is `secret`.'),
      read('In the in-app integration enable "Security HMAC encryption".'),
    ],
    enforcement: read(
      'Enable "Security HMAC encryption" in the integration; it is off by default. Without it anybody who guesses a subscriber id opens that session.',
    ),
    customerSees: [read('The customer is the subscriber of that identifier, on every device.')],
    contentSecurityPolicy: {},
    commonErrors: [
      {
        symptom: 'The session is refused',
        cause: 'The secret is of another environment, or the toggle of the agent wants a hash of its own.',
        mend: 'Compare the environment. `agentHash` is the same for all customers: make it once on your server.',
        confidence: 'read',
      },
    ],
    mobile: [read('The same two values go to any client.')],
    openQuestions: ['`agentHash` is not made here.'],
    sources: ['docs.novu.co/agents/channels/web-chat/security'],
  },
};
