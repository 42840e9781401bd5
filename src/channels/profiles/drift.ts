import { z } from 'zod';
import type { ChannelProfile } from '../channel-profile.ts';
import { read, unchecked, vendorSecret } from '../vendor-words.ts';

export const drift: ChannelProfile = {
  id: 'drift',
  version: 1,
  vendor: 'Drift',
  product: 'Chat of Salesloft, signed identities',
  proof: {
    shape: 'shared_secret_jwt',
    algorithm: 'HS256',
    secretEncoding: 'utf8',
    header: { typ: { constant: 'JWT' } },
    claims: { sub: { from: 'identifier' }, exp: { from: 'expires_at' } },
    lifetime: { defaultSeconds: 3_600, maxSeconds: 28_800 },
    backdateSeconds: 30,
    maxTokenBytes: 4_096,
  },
  identifier: { is: 'opaque', field: 'sub' },
  attributes: {},
  inputs: {},
  settings: z.strictObject({ secret: vendorSecret('the secret for signed identities') }),
  web: {
    adapter: 'drift',
    style: 'push',
    members: { userId: { from: 'identifier' }, userJwt: { from: 'proof' } },
    snippet: `drift(symbolon);`,
    logoutOrder: ['`drift.reset()`', 'bridge'],
  },
  docs: {
    consoleSteps: [
      read('In the settings for signed identities copy the secret: it is `secret`.'),
      read('Choose ENABLED while you try, REQUIRED when it works.'),
    ],
    enforcement: read(
      'Set signed identities to REQUIRED. ENABLED is for tests: a token that is wrong or over falls back to the unsigned identity.',
    ),
    customerSees: [
      unchecked('The customer keeps one history under the identifier that is given to `identify`.'),
    ],
    contentSecurityPolicy: {},
    commonErrors: [
      {
        symptom: 'The identity is ignored with REQUIRED',
        cause: '`sub` and the user id of `identify` differ, or the token is over.',
        mend: 'Take both from the answer of this service, in the same call. The adapter does.',
        confidence: 'read',
      },
    ],
    mobile: [read('No mobile SDK call for signed identities was found.')],
    openQuestions: ['The longest life of a token.', 'Content-Security-Policy sources.'],
    sources: ['devdocs.drift.com/docs/securing-drift-on-your-site-using-signed-identities'],
  },
};
