import { z } from 'zod';
import type { ChannelProfile } from '../channel-profile.ts';
import { read, unchecked, vendorIssuer } from '../vendor-words.ts';

export const salesforce: ChannelProfile = {
  id: 'salesforce',
  version: 1,
  vendor: 'Salesforce',
  product: 'Messaging for In-App and Web (Enhanced Chat), user verification',
  proof: {
    shape: 'published_key_jwt',
    algorithm: 'RS256',
    publish: 'jwk_upload',
    header: { typ: { constant: 'JWT' } },
    claims: {
      iss: { from: 'setting', name: 'issuer', required: true },
      sub: { from: 'identifier' },
      iat: { from: 'issued_at' },
      exp: { from: 'expires_at' },
    },
    lifetime: { defaultSeconds: 900, maxSeconds: 3_600 },
    backdateSeconds: 30,
    maxTokenBytes: 4_096,
  },
  identifier: { is: 'opaque', field: 'sub' },
  attributes: {},
  inputs: {},
  settings: z.strictObject({ issuer: vendorIssuer() }),
  web: {
    adapter: 'salesforce',
    style: 'push',
    members: {
      identityTokenType: { constant: 'JWT' },
      identityToken: { from: 'proof' },
    },
    snippet: `salesforce(symbolon);`,
    logoutOrder: ['`embeddedservice_bootstrap.userVerificationAPI.clearSession()` clears all tabs', 'bridge'],
    answerWithinSeconds: 30,
  },
  docs: {
    consoleSteps: [
      read('In Setup, open the settings for user verification of messaging and add a JSON Web Key.'),
      read(
        'Upload one key at a time; a list is refused. It needs `kty`, `kid`, `alg` and `x5c`: take `/.well-known/vendor-keys/KID.jwk` of this service. The first key is made at the start; `symbolon signing-keys list` shows its KID for the ring `vendor`.',
      ),
      unchecked('A key set can point to an address instead: give it the `jwks_uri` of this service.'),
      read(
        'Enter the issuer exactly as in `issuer` below, and turn user verification on for the deployment.',
      ),
    ],
    enforcement: read(
      'A deployment is verified or unverified, never both: turning user verification on refuses everybody without a token. Keep a second deployment for anonymous visitors.',
    ),
    customerSees: [
      read('The chat button appears only after a valid token.'),
      read(
        'The token is held in memory, so every tab and every page load hands it over again. The adapter does.',
      ),
      read(
        'Salesforce renews its own authorisation silently while the token is valid. When both are over and the customer acts, the page has 30 seconds to bring a new one, or the conversation is cleared from the page.',
      ),
    ],
    contentSecurityPolicy: {},
    commonErrors: [
      {
        symptom: 'No chat button',
        cause: 'No valid token was set in this tab, or it was set before `onEmbeddedMessagingReady`.',
        mend: 'Let the adapter wait for the event.',
        confidence: 'read',
      },
      {
        symptom: 'The key is refused at upload',
        cause: 'A list (`keys`) was uploaded, or `x5c` is missing.',
        mend: 'Upload single keys with `x5c`.',
        confidence: 'read',
      },
      {
        symptom: 'Verification worked and stops',
        cause: 'This service began to sign with a key that Salesforce has not been given.',
        mend: 'Rotate with `symbolon signing-keys rotate --ring vendor --signs-after-hours 72` and upload the new key within that time. It is never replaced by age.',
        confidence: 'read',
      },
    ],
    mobile: [
      read(
        'iOS (SDK 1.2.0 and later): `userVerificationRequired = true` in the configuration; the `UserVerificationDelegate` answers a challenge with `UserVerification(customerIdentityToken: jwt, type: .JWT)`. Sign-out: `CoreClient.revokeTokenAndDeregisterDevice`.',
      ),
      read(
        'Android (SDK 1.2.0 and later): `isUserVerificationRequired`, `registerUserVerificationProvider`; its `userVerificationChallenge` returns the token. Sign-out: `CoreClient.revokeToken`.',
      ),
    ],
    openQuestions: [
      'The complete list of claims and their limits. This service sends `iss`, `sub`, `iat` and `exp`.',
      'Whether the key set can be read from an address.',
      'The guide allows RS512 beside RS256; the reference names RS256 alone.',
    ],
    sources: [
      'developer.salesforce.com/docs/service/messaging-web/guide/user-verification',
      'developer.salesforce.com/docs/service/messaging-web/references/m4w-reference/userVerificationAPI',
      'developer.salesforce.com/docs/service/messaging-in-app/guide/ios-user-verification',
      'developer.salesforce.com/docs/service/messaging-in-app/guide/android-user-verification',
      'help.salesforce.com (User Verification Troubleshooting)',
      'github.com/Salesforce-Async-Messaging/messaging-in-app-ios',
    ],
  },
};
