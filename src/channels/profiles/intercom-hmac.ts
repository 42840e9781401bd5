import { z } from 'zod';
import type { ChannelProfile } from '../channel-profile.ts';
import { read, unchecked, vendorSecret } from '../vendor-words.ts';
import { intercomPolicy } from './intercom.ts';

export const intercomHmac: ChannelProfile = {
  id: 'intercom-hmac',
  version: 1,
  vendor: 'Intercom',
  product: 'Messenger with HMAC (Identity Verification, the older way)',
  proof: { shape: 'hmac', message: { from: 'identifier' }, secretEncoding: 'utf8' },
  identifier: { is: 'opaque', field: 'user_id' },
  attributes: {},
  inputs: {},
  settings: z.strictObject({
    secret: vendorSecret('the identity verification secret of the platform that this channel is for'),
  }),
  web: {
    adapter: 'intercomHmac',
    style: 'settings',
    members: { user_id: { from: 'identifier' }, user_hash: { from: 'proof' } },
    snippet: `intercomHmac(symbolon, { app_id: '{your app id}' });`,
    logoutOrder: [
      "`Intercom('shutdown')`, before the session is cleared",
      'bridge',
      "`Intercom('boot', { app_id })` again, if anonymous visitors may chat",
    ],
  },
  docs: {
    consoleSteps: [
      read('In the identity verification settings copy the secret of the web platform.'),
      read(
        'iOS and Android have secrets of their own. Each needs a channel of its own here, in the same group.',
      ),
    ],
    enforcement: unchecked(
      'Turn identity verification on for each platform. Visitors who claim a `user_id` without its `user_hash` are then refused, released apps included.',
    ),
    customerSees: [
      read('Without verification a signed-in customer sees only the last 14 days of history; with it, all.'),
      read(
        'The hash never runs out. A copied one is good until the secret is replaced: prefer the `intercom` profile.',
      ),
    ],
    contentSecurityPolicy: intercomPolicy,
    commonErrors: [
      {
        symptom: 'The hash is refused',
        cause: 'It was made with the secret of another platform, or over another value than `user_id`.',
        mend: 'Take the secret of this platform, and let the adapter pass `user_id` and `user_hash` together.',
        confidence: 'unverified',
      },
    ],
    mobile: [
      read(
        'Call `setUserHash(hash)` before the user is registered with the SDK; `logout()` clears its caches.',
      ),
    ],
    openQuestions: [
      'The list of Content-Security-Policy sources leaves out those of images, videos and product tours; the page named below has them all.',
    ],
    sources: [
      'developers.intercom.com/installing-intercom/web/identity-verification',
      'developers.intercom.com/installing-intercom/docs/ios-identity-verification',
      'intercom.com/help/en/articles/3894-using-intercom-with-content-security-policy',
      'github.com/intercom/intercom-rails',
    ],
  },
};
