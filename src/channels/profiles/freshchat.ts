import { z } from 'zod';
import type { ChannelProfile } from '../channel-profile.ts';
import { optionalEmail, optionalName, read, unchecked, vendorSecret } from '../vendor-words.ts';

export const freshchat: ChannelProfile = {
  id: 'freshchat',
  version: 1,
  vendor: 'Freshworks',
  product: 'Freshchat and Freshdesk web chat',
  proof: {
    shape: 'shared_secret_jwt',
    algorithm: 'HS256',
    secretEncoding: 'utf8',
    header: { typ: { constant: 'JWT' } },
    claims: {
      reference_id: { from: 'identifier' },
      freshchat_uuid: { from: 'input', name: 'freshchat_uuid' },
      first_name: { from: 'attribute', name: 'first_name' },
      last_name: { from: 'attribute', name: 'last_name' },
      email: { from: 'attribute', name: 'email' },
      iat: { from: 'issued_at' },
      exp: { from: 'expires_at' },
    },
    lifetime: { defaultSeconds: 3_600, maxSeconds: 28_800 },
    backdateSeconds: 30,
    maxTokenBytes: 4_096,
  },
  identifier: { is: 'opaque', field: 'reference_id' },
  attributes: { first_name: optionalName, last_name: optionalName, email: optionalEmail },
  inputs: {
    freshchat_uuid: {
      pattern: /[A-Za-z0-9-]{1,64}/,
      required: false,
      meaning: "id that the vendor's SDK gave this device; strict mode wants it in the token",
    },
  },
  settings: z.strictObject({
    secret: vendorSecret('the encryption key, the same for all widgets of the account'),
  }),
  web: {
    adapter: 'freshchat',
    style: 'push',
    members: { externalId: { from: 'identifier' }, jwt: { from: 'proof' } },
    snippet: `freshchat(symbolon, { token: '{your widget token}', host: '{your host}' });`,
    logoutOrder: ['`fcWidget.user.clear()`, and wait for it', 'bridge'],
  },
  docs: {
    consoleSteps: [
      read('As an administrator: Admin Settings, Channels, Web Chat, tab User authentication.'),
      read('Generate the encryption key, once for the whole account. It is `secret`.'),
      read('Put the adapter into the page and try it, before you enforce anything.'),
      read('Then turn on "Enforce user authentication" and confirm.'),
    ],
    enforcement: read(
      'Turn on "Enforce user authentication". Every visitor of every widget of the account then needs a token, anonymous ones too: pages without this service lose their chat.',
    ),
    customerSees: [
      read('With tokens the history is there again on the next visit.'),
      unchecked(
        'When a token is over the widget says so by an event, and `fcWidget.authenticate(jwt)` goes on.',
      ),
    ],
    contentSecurityPolicy: {},
    commonErrors: [
      {
        symptom: 'Anonymous visitors lost the chat',
        cause: 'Authentication is enforced, which takes in everybody.',
        mend: 'Show the widget to signed-in customers only, or turn enforcement off.',
        confidence: 'read',
      },
      {
        symptom: 'The token is refused in strict mode',
        cause: '`freshchat_uuid` is missing.',
        mend: 'Send it as an input of the token call; the SDK of the vendor knows it.',
        confidence: 'read',
      },
    ],
    mobile: [
      read(
        'iOS: `getFreshchatUserId()` gives the id for the token; then `setUserWithIdToken`. Watch `FCEventIdTokenStatusChange`, and `restoreUserWithIdToken` on another device.',
      ),
      read('iOS: `resetUserWithCompletion` at sign-out; wait for its completion before you start again.'),
    ],
    openQuestions: [
      'The names of the claims were read in the mobile SDKs (`reference_id`, `freshchat_uuid`, `exp`) and in a sample app (`first_name`, `last_name`); for the web they are taken to be the same. Whether `iat` and `exp` have limits is not known.',
      'The names of the events of the web widget, and of its sign-out call (`fcWidget.user.clear()`).',
    ],
    sources: [
      'support.freshdesk.com/support/solutions/articles/50000011580',
      'crmsupport.freshworks.com/support/solutions/articles/50000010263',
      'github.com/freshworks/freshchat-ios',
      'github.com/freshworks/freshchat-widget',
    ],
  },
};
