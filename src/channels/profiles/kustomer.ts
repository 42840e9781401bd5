import { z } from 'zod';
import type { ChannelProfile } from '../channel-profile.ts';
import { read, unchecked, vendorSecret } from '../vendor-words.ts';

export const kustomer: ChannelProfile = {
  id: 'kustomer',
  version: 1,
  vendor: 'Kustomer',
  product: 'Chat',
  proof: {
    shape: 'shared_secret_jwt',
    algorithm: 'HS256',
    secretEncoding: 'utf8',
    header: { typ: { constant: 'JWT' } },
    claims: {
      // Never with `email`: where both are given the mail address wins and this is ignored.
      externalId: { from: 'identifier' },
      iat: { from: 'issued_at' },
      exp: { from: 'expires_at' },
    },
    lifetime: { defaultSeconds: 600, maxSeconds: 900 },
    backdateSeconds: 30,
    maxTokenBytes: 4_096,
  },
  identifier: { is: 'opaque', field: 'externalId' },
  attributes: {},
  inputs: {},
  settings: z.strictObject({ secret: vendorSecret('the chat secret') }),
  web: {
    adapter: 'kustomer',
    style: 'push',
    members: { jwtToken: { from: 'proof' }, externalId: { from: 'identifier' } },
    snippet: `kustomer(symbolon, { brandId: '{your brand id}' });`,
    logoutOrder: ['`Kustomer.logout()`', 'bridge'],
  },
  docs: {
    consoleSteps: [
      read('Copy the chat secret of your organisation: it is `secret`.'),
      unchecked('It stands in the chat settings, under security.'),
    ],
    enforcement: unchecked(
      'No switch was read that refuses visitors without a JWT; they chat as anonymous ones.',
    ),
    customerSees: [
      read('Signing in clears the chats of whoever was there before.'),
      read('Another customer on the same device must be signed out first.'),
    ],
    contentSecurityPolicy: {},
    commonErrors: [
      {
        symptom: '`login` does nothing',
        cause: 'It was called before `Kustomer.start()` was done.',
        mend: 'Let the adapter wait for it.',
        confidence: 'read',
      },
      {
        symptom: '`invalidJwt`',
        cause: 'Wrong secret, or `iat` lies too far in the past.',
        mend: 'Fetch a token for each login; a kept one is refused after about 15 minutes.',
        confidence: 'unverified',
      },
      {
        symptom: '`alreadyIdentifiedWithEmail`, `alreadyIdentifiedWithExternalId`',
        cause: 'Somebody is signed in already.',
        mend: 'Sign out first; iOS has `logOutThenLogIn(jwt:)`.',
        confidence: 'read',
      },
    ],
    mobile: [
      read('iOS: `logIn(jwt:)`, `logOut()`, `logOutThenLogIn(jwt:)`.'),
      read('React Native: `KustomerChat.logIn(jwt)` gives a promise.'),
    ],
    openQuestions: [
      'The algorithm (HS256), and that `iat` must not be older than about 15 minutes.',
      'Whether `exp` is honoured. It is sent, so that a copied token ends where it is.',
    ],
    sources: [
      'developer.kustomer.com/chat-sdk/docs/kustomer-login',
      'developer.kustomer.com/chat-sdk/docs/authenticate-chat-with-jwt-token',
      'developer.kustomer.com/chat-sdk/v2.0-Web/docs/kustomer-logout',
      'developer.kustomer.com/docs/chat/identity',
      'github.com/kustomer/kustomer-ios',
    ],
  },
};
