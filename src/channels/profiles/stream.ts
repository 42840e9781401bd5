import { z } from 'zod';
import type { ChannelProfile } from '../channel-profile.ts';
import { read, vendorSecret } from '../vendor-words.ts';

export const stream: ChannelProfile = {
  id: 'stream',
  version: 1,
  vendor: 'Stream',
  product: 'Chat',
  proof: {
    shape: 'shared_secret_jwt',
    algorithm: 'HS256',
    secretEncoding: 'utf8',
    header: { typ: { constant: 'JWT' } },
    claims: {
      user_id: { from: 'identifier' },
      // Revocation at Stream ends all tokens older than a moment, so every token says when it was made.
      iat: { from: 'issued_at' },
      exp: { from: 'expires_at' },
    },
    lifetime: { defaultSeconds: 3_600, maxSeconds: 86_400 },
    backdateSeconds: 30,
    maxTokenBytes: 4_096,
  },
  identifier: { is: 'opaque', field: 'user_id' },
  attributes: {},
  inputs: {},
  settings: z.strictObject({ secret: vendorSecret('secret of the app; the key of the app is no secret') }),
  web: {
    adapter: 'stream',
    style: 'pull',
    members: { id: { from: 'identifier' } },
    snippet: `const client = StreamChat.getInstance('{your app key}');
stream(symbolon, { client });`,
    logoutOrder: ['`client.disconnectUser()`', 'bridge'],
  },
  docs: {
    consoleSteps: [
      read(
        'In the dashboard copy key and secret of the app. The secret is `secret`; the key goes into the page.',
      ),
      read('Leave authentication checks on, so that development tokens are refused.'),
    ],
    enforcement: read(
      'Keep authentication checks on in the dashboard. With them off, anybody can write a token.',
    ),
    customerSees: [
      read(
        'The connection ends with error 40 when a token is over; the SDK asks the page for a new one and connects again.',
      ),
      read('A fixed token is never renewed: the chat goes silent.'),
    ],
    contentSecurityPolicy: {},
    commonErrors: [
      {
        symptom: 'Error 40, HTTP 401, "token is expired (exp)"',
        cause: 'The token is over and nothing brought a new one.',
        mend: 'Give a function as token provider, as the adapter does.',
        confidence: 'read',
      },
      {
        symptom: '"token used before issue (iat)"',
        cause: 'The clock of this service runs ahead.',
        mend: '`iat` lies 30 seconds in the past already. Set the clock by NTP.',
        confidence: 'second_hand',
      },
      {
        symptom: 'The user is refused although the token is valid',
        cause: '`id` of `connectUser` and `user_id` of the token differ.',
        mend: 'Take both from the answer of this service.',
        confidence: 'read',
      },
      {
        symptom: 'The provider fails once and the client gives up',
        cause: 'A token provider must not reject.',
        mend: 'Try again inside. The adapter does.',
        confidence: 'read',
      },
    ],
    mobile: [
      read(
        'All SDKs take a token provider beside the user. Never give a fixed token: it is not renewed and no error says so.',
      ),
    ],
    openQuestions: ['Content-Security-Policy sources of the client.'],
    sources: [
      'getstream.io/chat/docs/node/tokens_and_authentication',
      'getstream.io/docs/platform/authentication',
      'github.com/GetStream/stream-chat-js',
      'github.com/GetStream/stream-chat-net/issues/209',
    ],
  },
};
