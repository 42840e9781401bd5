import { z } from 'zod';
import type { ChannelProfile } from '../channel-profile.ts';
import { read, unchecked } from '../vendor-words.ts';

export const genesys: ChannelProfile = {
  id: 'genesys',
  version: 1,
  vendor: 'Genesys',
  product: 'Cloud, authenticated web messaging',
  proof: { shape: 'oidc_code', codeChallenge: 'ours' },
  identifier: { is: 'opaque', field: 'sub' },
  attributes: {},
  inputs: {},
  settings: z.strictObject({}),
  web: {
    adapter: 'genesys',
    style: 'pull',
    members: {
      authCode: { from: 'code', part: 'code' },
      redirectUri: { from: 'code', part: 'redirect_uri' },
      codeVerifier: { from: 'code', part: 'code_verifier' },
      nonce: { from: 'code', part: 'nonce' },
    },
    snippet: `genesys(symbolon);`,
    logoutOrder: ["`Genesys('command', 'Auth.logout')`", 'bridge'],
  },
  docs: {
    consoleSteps: [
      read(
        'Admin, Integrations: add "OpenID Connect Messenger Configuration". Its discovery address is `/.well-known/openid-configuration` of this service.',
      ),
      read(
        'Under Credentials enter id and secret of the client that you make here; it belongs to this messenger alone.',
      ),
      read(
        '"Max Refresh Token Lifetime" takes 15 minutes to 90 days, in seconds. Choose a working day or less.',
      ),
      read(
        'In the messenger configuration enable authentication and select that integration; then assign the deployment.',
      ),
    ],
    enforcement: read(
      'Turn authentication on in the messenger configuration. A deployment without it serves everybody as anonymous.',
    ),
    customerSees: [
      unchecked('The conversation follows the customer to every device.'),
      read(
        'Genesys refreshes by itself. When its refresh token is over it calls `reAuthenticate`, and the customer may have to sign in again.',
      ),
    ],
    contentSecurityPolicy: {},
    commonErrors: [
      {
        symptom: 'Authentication works once and then fails',
        cause: '`getAuthCode` is called again and again and got an old code.',
        mend: 'Give a new code each time. The adapter does.',
        confidence: 'read',
      },
      {
        symptom: 'Nobody can authenticate for a while after a key was replaced',
        cause: 'Genesys keeps the key set for a while.',
        mend: 'Keys are published well before they sign here; do not shorten that by hand.',
        confidence: 'second_hand',
      },
      {
        symptom: 'The plug-in is never asked',
        cause: 'It was registered too late.',
        mend: "Put `Genesys('registerPlugin', 'AuthProvider', …)` right after Genesys' own snippet, as the page above does.",
        confidence: 'read',
      },
    ],
    mobile: [
      unchecked(
        'The Transport SDK takes the deployment id, the code, its redirect address and the verifier.',
      ),
      unchecked('Fetch a new code for each call, as on the web.'),
    ],
    openQuestions: ['How long Genesys keeps the key set.'],
    sources: [
      'developer.genesys.cloud/commdigital/digital/webmessaging/messengersdk/authenticatedMessenger',
      'developer.genesys.cloud/commdigital/digital/webmessaging/messengersdk/SDKCommandsEvents/authProviderPlugin',
      'developer.genesys.cloud/commdigital/digital/webmessaging/messengersdk/SDKCommandsEvents/authPlugin',
      'help.mypurecloud.com/articles/get-started-with-authenticated-web-messaging',
    ],
  },
};
