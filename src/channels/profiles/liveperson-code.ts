import { z } from 'zod';
import type { ChannelProfile } from '../channel-profile.ts';
import { read, unchecked } from '../vendor-words.ts';

const sources = [
  'developers.liveperson.com/consumer-authentication-authenticate-in-web-and-mobile-messaging-code-flow',
  'developers.liveperson.com/messaging-window-api-tutorials-authentication',
];

export const livepersonCode: ChannelProfile = {
  id: 'liveperson-code',
  version: 1,
  vendor: 'LivePerson',
  product: 'Conversational Cloud, code flow',
  proof: { shape: 'oidc_code', codeChallenge: 'none' },
  identifier: { is: 'opaque', field: 'sub' },
  attributes: {},
  inputs: {},
  settings: z.strictObject({}),
  web: {
    adapter: 'livePerson',
    style: 'pull',
    members: {
      iss: { from: 'code', part: 'issuer' },
      acr: { constant: 'loa1' },
      sub: { from: 'identifier' },
      ssoKey: { from: 'code', part: 'code' },
      redirect_uri: { from: 'code', part: 'redirect_uri' },
    },
    snippet: `livePerson(symbolon);`,
    logoutOrder: [
      'the token function is deleted',
      'the identity function is removed from `lpTag.identities`',
      '`lpTag.newPage(url)`',
      'bridge',
    ],
  },
  docs: {
    consoleSteps: [
      read('Add an authentication connector and choose the code flow.'),
      read(
        'Token address: `/oauth/token` of this service. Enter id and secret of the client that you make here.',
      ),
      unchecked('Key set: `/.well-known/jwks.json` of this service.'),
      read(
        'Leave the name of the JavaScript function at `lpGetAuthenticationToken`, or tell the adapter another.',
      ),
    ],
    enforcement: unchecked(
      'Use an engagement that is shown to authenticated customers only. An identity alone targets a customer, it does not authenticate.',
    ),
    customerSees: [
      unchecked('The history follows the customer to every device.'),
      read('The window waits for the token function. If it is never called back, the window never opens.'),
    ],
    contentSecurityPolicy: {},
    commonErrors: [
      {
        symptom: 'The code is refused at `/oauth/token`',
        cause:
          'A code lives for at most 60 seconds and is good once, for this redirect address and this client.',
        mend: 'Hand over a new one each time the function is called. The adapter does.',
        confidence: 'read',
      },
      {
        symptom: 'The window keeps loading',
        cause: 'The token function did not call back.',
        mend: 'Always call back, also when the customer is signed out. The adapter does.',
        confidence: 'read',
      },
      {
        symptom: 'The customer is shown as not authenticated',
        cause: '`iss` or `sub` of the identity function differ from those of the ID token.',
        mend: 'Both come from the answer of this service.',
        confidence: 'read',
      },
    ],
    mobile: [read('The SDK asks the app for the code and its redirect address and passes them on.')],
    openQuestions: ['Whether the connector reads a JWKS address.', 'The expiry callback of the mobile SDK.'],
    sources,
  },
};
