import { z } from 'zod';
import type { ChannelProfile } from '../channel-profile.ts';
import { heard, optionalEmail, optionalName, read, vendorSecret } from '../vendor-words.ts';

export const chatwoot: ChannelProfile = {
  id: 'chatwoot',
  version: 1,
  vendor: 'Chatwoot',
  product: 'Website live chat, identity validation',
  proof: { shape: 'hmac', message: { from: 'identifier' }, secretEncoding: 'utf8' },
  identifier: { is: 'opaque', field: 'identifier' },
  attributes: { name: optionalName, email: optionalEmail },
  inputs: {},
  settings: z.strictObject({ secret: vendorSecret('the HMAC token of the website inbox') }),
  web: {
    adapter: 'chatwoot',
    style: 'settings',
    members: {
      identifier: { from: 'identifier' },
      identifier_hash: { from: 'proof' },
      name: { from: 'attribute', name: 'name' },
      email: { from: 'attribute', name: 'email' },
    },
    snippet: `chatwoot(symbolon);`,
    logoutOrder: ['`window.$chatwoot.reset()`', 'bridge'],
  },
  docs: {
    consoleSteps: [
      heard(
        'Settings, Inboxes, your website inbox, Configuration: copy the token under identity validation. It is `secret`.',
      ),
      read('Turn on "Enforce User Identity Validation".'),
    ],
    enforcement: read(
      'Turn on "Enforce User Identity Validation" for the inbox. Nobody can then claim an identity without its hash. By the maintainers it covers that call alone: visitors who claim nobody can still write, so leave the widget out of pages for people who are not signed in.',
    ),
    customerSees: [
      read('With the hash the history is there again at the next sign-in; without it, it is gone.'),
      read('The hash covers the identifier alone. Name and mail address can be changed in the page.'),
    ],
    contentSecurityPolicy: {},
    commonErrors: [
      {
        symptom: 'The history is lost after sign-out',
        cause: '`reset()` starts anew, and only a signed identity brings the history back.',
        mend: 'Sign in with the hash.',
        confidence: 'read',
      },
      {
        symptom: 'The call does nothing',
        cause: '`setUser` was called before the event `chatwoot:ready`.',
        mend: 'Let the adapter wait for it.',
        confidence: 'read',
      },
    ],
    mobile: [read('React Native widget: `user.identifier_hash` beside `user.identifier`.')],
    openQuestions: [
      'Where the secret stands in the console.',
      'Content-Security-Policy sources; your own host when you run Chatwoot yourself.',
    ],
    sources: [
      'github.com/chatwoot/chatwoot/issues/1120',
      'github.com/chatwoot/chatwoot/issues/3915',
      'github.com/chatwoot/chatwoot/issues/9493',
      'github.com/chatwoot/chatwoot-react-native-widget',
    ],
  },
};
