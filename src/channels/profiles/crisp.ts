import { z } from 'zod';
import type { ChannelProfile } from '../channel-profile.ts';
import { read, requiredEmail, vendorSecret } from '../vendor-words.ts';

export const crisp: ChannelProfile = {
  id: 'crisp',
  version: 1,
  vendor: 'Crisp',
  product: 'Chatbox, identity verification',
  proof: {
    shape: 'hmac',
    message: { from: 'attribute', name: 'email', required: true },
    secretEncoding: 'utf8',
  },
  identifier: { is: 'email', field: 'user:email' },
  attributes: { email: requiredEmail },
  inputs: {},
  settings: z.strictObject({ secret: vendorSecret('the identity verification secret of the website') }),
  web: {
    adapter: 'crisp',
    style: 'settings',
    members: {
      email: { from: 'attribute', name: 'email', required: true },
      signature: { from: 'proof' },
    },
    snippet: `crisp(symbolon, { websiteId: '{your website id}' });`,
    logoutOrder: [
      'the token is cleared (`CRISP_TOKEN_ID = null`), before anything else',
      "`$crisp.push(['do', 'session:reset'])`",
      'bridge',
    ],
  },
  docs: {
    consoleSteps: [
      read('The plan must be Mini or higher.'),
      read('In the settings of the website generate the secret for identity verification: it is `secret`.'),
    ],
    enforcement: read(
      'There is no switch: a signature marks the mail address as verified. Tell agents to trust verified addresses only.',
    ),
    customerSees: [
      read('The mail address carries a mark for agents that it is verified.'),
      read(
        'The conversation is tied to a session of the browser. At sign-out the adapter clears the token first: with the token still there the next person would get the conversation back.',
      ),
    ],
    contentSecurityPolicy: {
      'script-src': ['https://*.crisp.chat'],
      'connect-src': ['https://*.crisp.chat', 'wss://*.relay.crisp.chat'],
      'img-src': ['data:', 'https://*.crisp.chat'],
      'font-src': ['https://*.crisp.chat'],
      'media-src': ['https://*.crisp.chat'],
      'frame-src': ['https://*.crisp.chat'],
      'worker-src': ['blob:', 'https://*.crisp.chat'],
      'style-src': ["'unsafe-inline'", 'https://*.crisp.chat'],
    },
    commonErrors: [
      {
        symptom: 'The address is not shown as verified',
        cause: 'The signature was made over another spelling of the address.',
        mend: 'The page must set exactly the `email` that this service gave with the signature.',
        confidence: 'read',
      },
      {
        symptom: 'After sign-out the next person sees the conversation',
        cause: 'The session was reset while the token was still set.',
        mend: 'Clear the token first, then reset. The adapter does.',
        confidence: 'read',
      },
    ],
    mobile: [
      read('iOS: set `CrispSDK.user.email` and `CrispSDK.user.signature`, which must be SHA-256 in hex.'),
    ],
    openQuestions: [
      'Continuity over devices needs a secret token for each customer (`CRISP_TOKEN_ID`). The identifier is not one, because others see it; this profile sends none.',
    ],
    sources: [
      'docs.crisp.chat/guides/chatbox-sdks/web-sdk/identity-verification',
      'docs.crisp.chat/guides/others/whitelisting-our-systems/crisp-domain-names',
      'github.com/crisp-im/crisp-sdk-ios',
      'github.com/crisp-im/crisp-sdk-web',
    ],
  },
};
