import { z } from 'zod';
import type { ChannelProfile } from '../channel-profile.ts';
import { optionalEmail, optionalName, read, vendorSecret } from '../vendor-words.ts';

/** What the messenger itself needs, in all regions, by the vendor's page. */
export const intercomPolicy = {
  'script-src': ['https://app.intercom.io', 'https://widget.intercom.io', 'https://js.intercomcdn.com'],
  'connect-src': [
    'https://via.intercom.io',
    'https://api.intercom.io',
    'https://api.eu.intercom.io',
    'https://api.au.intercom.io',
    'https://api-iam.intercom.io',
    'https://api-iam.eu.intercom.io',
    'https://api-iam.au.intercom.io',
    'https://api-ping.intercom.io',
    'https://*.intercom-messenger.com',
    'wss://*.intercom-messenger.com',
    'https://nexus-websocket-a.intercom.io',
    'wss://nexus-websocket-a.intercom.io',
    'https://nexus-websocket-b.intercom.io',
    'wss://nexus-websocket-b.intercom.io',
    'https://nexus-europe-websocket.intercom.io',
    'wss://nexus-europe-websocket.intercom.io',
    'https://nexus-australia-websocket.intercom.io',
    'wss://nexus-australia-websocket.intercom.io',
  ],
  'font-src': ['https://js.intercomcdn.com', 'https://fonts.intercomcdn.com'],
};

export const intercom: ChannelProfile = {
  id: 'intercom',
  version: 1,
  vendor: 'Intercom',
  product: 'Messenger with JWT (Messenger Security)',
  proof: {
    shape: 'shared_secret_jwt',
    algorithm: 'HS256',
    secretEncoding: 'utf8',
    header: { typ: { constant: 'JWT' } },
    claims: {
      user_id: { from: 'identifier' },
      email: { from: 'attribute', name: 'email' },
      name: { from: 'attribute', name: 'name' },
      exp: { from: 'expires_at' },
    },
    lifetime: { defaultSeconds: 3_600, maxSeconds: 43_200 },
    backdateSeconds: 30,
    maxTokenBytes: 4_096,
  },
  identifier: { is: 'opaque', field: 'user_id' },
  attributes: { email: optionalEmail, name: optionalName },
  inputs: {},
  settings: z.strictObject({
    secret: vendorSecret('the Messenger API secret of the platform that this channel is for'),
  }),
  web: {
    adapter: 'intercom',
    style: 'push',
    members: { intercom_user_jwt: { from: 'proof' } },
    snippet: `intercom(symbolon, { app_id: '{your app id}' });`,
    logoutOrder: [
      "`Intercom('shutdown')`, before the session is cleared",
      'bridge',
      "`Intercom('boot', { app_id })` again, if anonymous visitors may chat",
    ],
  },
  docs: {
    consoleSteps: [
      read('In the Messenger security settings make a Messenger API secret for the web.'),
      read(
        'iOS and Android have secrets of their own. Each needs a channel of its own here, in the same group.',
      ),
      read('Leave enforcement off until released apps send the token.'),
    ],
    enforcement: read(
      'Turn on "enforce messenger security". Every request of an SDK without a valid JWT is then answered 400, which breaks app versions that do not send one.',
    ),
    customerSees: [
      read(
        'Without messenger security a signed-in customer sees only the last 14 days of history; with it, all.',
      ),
      read('The token stands in the boot settings. The SDK boots again with a new one before it runs out.'),
    ],
    contentSecurityPolicy: intercomPolicy,
    commonErrors: [
      {
        symptom: 'Conflict error at boot',
        cause: 'Several users have the same mail address, and no `user_id` was sent.',
        mend: 'Send `user_id`; this profile always does.',
        confidence: 'read',
      },
      {
        symptom: 'The messenger does not start for customers in Europe or Australia',
        cause: 'Workspaces in the EU and AU need their own `api_base`.',
        mend: 'Add `api_base` to the settings that you give to the adapter.',
        confidence: 'read',
      },
      {
        symptom: 'Signed fields can be changed in the page',
        cause: 'They were sent in the plain settings as well.',
        mend: 'Leave `user_id`, `email` and `name` out of the plain settings; the token carries them.',
        confidence: 'read',
      },
    ],
    mobile: [
      read('Call `setUserJwt(jwt)` before the login call of the SDK; `logout()` clears its caches.'),
      read(
        '`setAuthTokens({ name: jwt })` after login hands over tokens that data connectors send to your own APIs as `Authorization: Bearer`. Use our customer token for that.',
      ),
    ],
    openQuestions: [
      'The list of Content-Security-Policy sources leaves out those of images, videos and product tours; the page named below has them all.',
    ],
    sources: [
      'developers.intercom.com/installing-intercom/web/identity-verification',
      'developers.intercom.com/installing-intercom/docs/ios-identity-verification',
      'intercom.com/help/en/articles/10589769',
      'intercom.com/help/en/articles/3894-using-intercom-with-content-security-policy',
      'github.com/intercom/intercom-rails',
      'github.com/intercom/intercom-react-native',
    ],
  },
};
