import { z } from 'zod';
import type { ChannelProfile } from '../channel-profile.ts';
import { optionalEmail, read, unchecked, vendorIssuer } from '../vendor-words.ts';

export const livepersonImplicit: ChannelProfile = {
  id: 'liveperson-implicit',
  version: 1,
  vendor: 'LivePerson',
  product: 'Conversational Cloud, implicit flow',
  proof: {
    shape: 'published_key_jwt',
    algorithm: 'RS256',
    publish: 'pem_upload',
    header: { typ: { constant: 'JWT' } },
    claims: {
      iss: { from: 'setting', name: 'issuer', required: true },
      sub: { from: 'identifier' },
      iat: { from: 'issued_at' },
      exp: { from: 'expires_at' },
      preferred_username: { from: 'attribute', name: 'preferred_username' },
      email: { from: 'attribute', name: 'email' },
      phone_number: { from: 'attribute', name: 'phone_number' },
      lp_sdes: {
        list: [
          {
            object: {
              type: { constant: 'ctmrinfo' },
              info: { object: { customerId: { from: 'identifier' } } },
            },
          },
        ],
      },
    },
    lifetime: { defaultSeconds: 900, maxSeconds: 3_600 },
    backdateSeconds: 30,
    maxTokenBytes: 4_096,
  },
  identifier: { is: 'opaque', field: 'sub' },
  attributes: {
    preferred_username: {
      type: 'string',
      personal: true,
      required: false,
      maxLength: 255,
      meaning: 'name that agents see',
    },
    email: optionalEmail,
    phone_number: {
      type: 'string',
      personal: true,
      required: false,
      maxLength: 32,
      meaning: 'telephone number',
    },
  },
  inputs: {},
  settings: z.strictObject({ issuer: vendorIssuer() }),
  web: {
    adapter: 'livePerson',
    style: 'pull',
    members: {
      iss: { from: 'setting', name: 'issuer' },
      acr: { constant: 'loa1' },
      sub: { from: 'identifier' },
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
      read('Add an authentication connector and choose the implicit flow.'),
      read(
        'Paste the public key of this service: the base64 text of `/.well-known/vendor-keys.pem` without its first and last line. It is never replaced by age; `symbolon signing-keys rotate --ring vendor --signs-after-hours 72` gives you three days to paste the next one.',
      ),
      unchecked('A JWKS address can be given instead of the key.'),
      read(
        'Leave the name of the JavaScript function at `lpGetAuthenticationToken`, or tell the adapter another.',
      ),
      unchecked('Make an authenticated campaign and engagement for signed-in pages.'),
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
        symptom: 'The window keeps loading',
        cause: 'The token function did not call back.',
        mend: 'Always call back, also when the customer is signed out. The adapter does.',
        confidence: 'read',
      },
      {
        symptom: 'The customer is shown as not authenticated',
        cause: '`iss` or `sub` of the identity function differ from those of the token.',
        mend: 'Both come from the answer of this service. `issuer` must be what the connector says.',
        confidence: 'read',
      },
      {
        symptom: '`ctmrinfo.customerId` is filled, and the customer still counts as unauthenticated',
        cause: 'That attribute no longer marks a customer as authenticated.',
        mend: 'Use the connector.',
        confidence: 'read',
      },
      {
        symptom: 'The pop-out window is not signed in',
        cause: 'It is another page, to which the token must be brought.',
        mend: 'Configure page redirect for the pop-out window, or turn it off.',
        confidence: 'read',
      },
    ],
    mobile: [
      read('The SDK asks the app for the JWT and passes it on.'),
      unchecked('It calls back when the token is over; fetch a new one there.'),
    ],
    openQuestions: [
      'Whether a JWKS address may replace the pasted key.',
      'The name of the expiry callback of the mobile SDK.',
    ],
    sources: [
      'developers.liveperson.com/consumer-authentication-authenticate-in-web-and-mobile-messaging-implicit-flow',
      'developers.liveperson.com/messaging-window-api-tutorials-authentication',
    ],
  },
};
