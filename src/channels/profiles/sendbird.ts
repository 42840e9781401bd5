import { z } from 'zod';
import type { ChannelProfile } from '../channel-profile.ts';
import { read, unchecked, vendorConnection } from '../vendor-words.ts';

export const sendbird: ChannelProfile = {
  id: 'sendbird',
  version: 1,
  vendor: 'Sendbird',
  product: 'Chat, session tokens',
  proof: {
    shape: 'fetched_token',
    request: {
      method: 'POST',
      path: '/v3/users/{identifier}/token',
      body: { expires_at: { from: 'expires_at_ms' } },
    },
    tokenAt: 'token',
    expiresAtMsAt: 'expires_at',
    lifetime: { defaultSeconds: 3_600, maxSeconds: 86_400 },
  },
  identifier: { is: 'opaque', field: 'user_id' },
  attributes: {},
  inputs: {},
  settings: z.strictObject({
    connection: vendorConnection(
      'name of the connection to the API of your application, with an API token in the header `api-token`',
      'sendbird',
      {
        base_url: 'https://api-0b5f1c7e.sendbird.com',
        auth: [{ type: 'api_key', header: 'api-token', value: '${}' }],
      },
    ),
  }),
  web: {
    adapter: 'sendbird',
    style: 'pull',
    members: { userId: { from: 'identifier' } },
    snippet: `const sb = SendbirdChat.init({ appId: '{your application id}' });
sendbird(symbolon, { sb });`,
    logoutOrder: ['`sb.disconnect()`', 'bridge'],
    answerWithinSeconds: 60,
  },
  docs: {
    consoleSteps: [
      unchecked('Make an API token for this service; it goes into the connection.'),
      read(
        'Create the users with the identifier of this service as `user_id`, from your server, before they chat.',
      ),
      read('Turn off guest login: Settings, Application, Security, Access token permission.'),
    ],
    enforcement: read(
      'Settings, Application, Security, Access token permission: do not let users in without a token. Clients that connect with a user id alone are then refused.',
    ),
    customerSees: [
      read('The SDK asks for a new token when the old one is over and waits 60 seconds for it by default.'),
      read('A revoked token ends with error 400310.'),
    ],
    contentSecurityPolicy: {},
    commonErrors: [
      {
        symptom: 'No token, and the log says 400 from Sendbird',
        cause: 'Sendbird does not know the user.',
        mend: 'Create the user with the identifier first.',
        confidence: 'unverified',
      },
      {
        symptom: 'Error 400310',
        cause: 'The session token was revoked.',
        mend: 'Let the session handler fetch a new one. If the customer signed out, the answer is that nobody is signed in.',
        confidence: 'read',
      },
      {
        symptom: 'The SDK asks for a token although the old one is good',
        cause: 'Old versions of the SDK did so.',
        mend: 'Use a current one.',
        confidence: 'second_hand',
      },
    ],
    mobile: [
      read(
        'The session handler has `onSessionTokenRequired(resolve, reject)`; `resolve(null)` means that there will be none. Allow more time with `sessionTokenRefreshTimeout`, at most 1,800 seconds.',
      ),
    ],
    openQuestions: [
      'The default life of a session token (7 days are said) and the length limit of `user_id`.',
      'The names of the members of the answer (`token`, `expires_at`), and the answer to a user who is not there.',
    ],
    sources: [
      'docs.sendbird.com (create a user)',
      'docs.sendbird.com (Business Messaging, authentication)',
      'github.com/sendbird/sendbird-chat-sdk-javascript',
    ],
  },
};
