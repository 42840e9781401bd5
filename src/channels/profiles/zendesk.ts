import { z } from 'zod';
import type { ChannelProfile } from '../channel-profile.ts';
import { optionalEmail, optionalName, read, unchecked, vendorSecret, vendorText } from '../vendor-words.ts';

export const zendesk: ChannelProfile = {
  id: 'zendesk',
  version: 1,
  vendor: 'Zendesk',
  product: 'Messaging (Web Widget, iOS, Android, Unity)',
  proof: {
    shape: 'shared_secret_jwt',
    algorithm: 'HS256',
    secretEncoding: 'utf8',
    header: { typ: { constant: 'JWT' }, kid: { from: 'setting', name: 'key_id', required: true } },
    claims: {
      scope: { constant: 'user' },
      external_id: { from: 'identifier' },
      name: { from: 'attribute', name: 'name' },
      email: { from: 'attribute', name: 'email' },
      email_verified: { from: 'attribute', name: 'email_verified' },
      exp: { from: 'expires_at' },
    },
    lifetime: { defaultSeconds: 900, maxSeconds: 21_600 },
    backdateSeconds: 30,
    maxTokenBytes: 4_096,
  },
  identifier: { is: 'opaque', field: 'external_id', maxLength: 255, pattern: /[A-Za-z0-9]+/ },
  attributes: {
    name: optionalName,
    email: optionalEmail,
    email_verified: {
      type: 'boolean',
      personal: false,
      required: false,
      meaning: 'whether you verified the mail address; means nothing without `email`',
    },
  },
  inputs: {},
  settings: z.strictObject({
    key_id: vendorText('id of the signing key', 'app_5f0c1e7d2a9b4c6e8f1a2b3c', /^[A-Za-z0-9_-]{1,64}$/),
    secret: vendorSecret('the key itself, as the text it is'),
  }),
  web: {
    adapter: 'zendesk',
    style: 'pull',
    members: {},
    snippet: `zendesk(symbolon);`,
    logoutOrder: ["`zE('messenger', 'logoutUser')`", 'bridge'],
  },
  docs: {
    consoleSteps: [
      read('As an administrator open Admin Center, Security, End user authentication.'),
      read('Create a signing key. Its id (`app_…`) is `key_id`, its secret is `secret`.'),
      unchecked('Make a key for each environment, so that one can be replaced without the other.'),
    ],
    enforcement: unchecked(
      'No switch is documented that refuses visitors without a JWT: they stay anonymous. Let agents show private data only in conversations of an authenticated customer.',
    ),
    customerSees: [
      unchecked('The customer keeps one history on every device and platform, tied to `external_id`.'),
      read(
        'In a mobile app a failed sign-in quietly makes an unauthenticated customer who can go on chatting. Listen for `authenticationFailed`.',
      ),
      read('When the token of a session is over, the widget calls the JWT callback again.'),
    ],
    contentSecurityPolicy: {
      'default-src': [
        'https://static.zdassets.com',
        'https://ekr.zdassets.com',
        'https://ekr.zendesk.com',
        'https://*.zendesk.com',
        'https://api.smooch.io',
        'https://media.smooch.io',
        'https://zendesk-eu.my.sentry.io',
        'https://*.twilio.com',
        'wss://*.zendesk.com',
        'wss://api.smooch.io',
        'wss://voice-js.roaming.twilio.com',
      ],
      'style-src': ["'unsafe-inline'"],
      'img-src': [
        'https://static.zdassets.com',
        'https://accounts.zendesk.com',
        'https://*.zendesk.com',
        'https://media.smooch.io',
        'https://*.zdusercontent.com',
        'blob:',
        'data:',
      ],
      'media-src': ['https://static.zdassets.com'],
    },
    commonErrors: [
      {
        symptom: '401 or `invalid_auth` although the token looks right',
        cause: '`external_id` is a number, the secret was decoded from base64, or `exp` is in milliseconds.',
        mend: 'This service writes text, takes the secret as it stands and counts in seconds. Check that `secret` has no blank or line break.',
        confidence: 'second_hand',
      },
      {
        symptom: '"Invalid JWT"',
        cause:
          'The whole answer was handed over instead of its `token`, or `key_id` belongs to another secret.',
        mend: 'Use the adapter, and check that `key_id` and `secret` are of the same key.',
        confidence: 'second_hand',
      },
      {
        symptom: '401 "Invalid session token" once, then success',
        cause: 'The widget tried its old session first.',
        mend: 'Nothing to do.',
        confidence: 'second_hand',
      },
      {
        symptom: 'Two customers with the same mail address',
        cause: 'A sign-in with an address that Zendesk knows already can make a second customer.',
        mend: 'Send no `email`, or merge the two at Zendesk. Matching by `external_id` is reliable.',
        confidence: 'second_hand',
      },
      {
        symptom: '"Secret invalid" (403)',
        cause: 'This message belongs to Zendesk Chat (Classic), whose secret and claims are others.',
        mend: 'Use the key of End user authentication.',
        confidence: 'second_hand',
      },
    ],
    mobile: [
      read('iOS: `Zendesk.instance?.loginUser(with: jwt)`; at sign-out `logoutUser()`.'),
      read('Android: `Zendesk.instance.loginUser(jwt, success, failure)`; at sign-out `logoutUser(…)`.'),
      read('Both: on the event `authenticationFailed` fetch a new token and call `loginUser` again.'),
    ],
    openQuestions: [
      'Whether `exp` has a maximum, and whether it may be left out.',
      'The length limit of `external_id` (255 characters are assumed).',
      'How many keys can be active at the same time.',
    ],
    sources: [
      'developer.zendesk.com/api-reference/widget-messaging/web/authentication',
      'developer.zendesk.com/documentation/conversations/messaging-platform/users/authenticating-users',
      'developer.zendesk.com/documentation/zendesk-web-widget-sdks/sdks/ios/authentication',
      'developer.zendesk.com/documentation/zendesk-web-widget-sdks/sdks/android/authentication',
      'developer.zendesk.com/documentation/zendesk-web-widget-sdks/sdks/web/csp',
      'support.zendesk.com/hc/en-us/articles/4411666638746',
      'support.zendesk.com/hc/en-us/articles/6219127152794',
      'internalnote.com/deepdive-into-messaging-profiles',
    ],
  },
};
