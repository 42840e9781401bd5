import { z } from 'zod';
import type { ChannelProfile } from '../channel-profile.ts';
import { read, unchecked, vendorSecret, vendorText } from '../vendor-words.ts';

export const twilio: ChannelProfile = {
  id: 'twilio',
  version: 1,
  vendor: 'Twilio',
  product: 'Conversations',
  proof: {
    shape: 'shared_secret_jwt',
    algorithm: 'HS256',
    secretEncoding: 'utf8',
    header: {
      typ: { constant: 'JWT' },
      cty: { constant: 'twilio-fpa;v=1' },
      twr: { from: 'setting', name: 'region' },
    },
    claims: {
      jti: { template: '{setting:api_key_sid}-{issued_at}' },
      iss: { from: 'setting', name: 'api_key_sid', required: true },
      sub: { from: 'setting', name: 'account_sid', required: true },
      exp: { from: 'expires_at' },
      grants: {
        object: {
          identity: { from: 'identifier' },
          chat: { object: { service_sid: { from: 'setting', name: 'service_sid', required: true } } },
        },
      },
    },
    lifetime: { defaultSeconds: 3_600, maxSeconds: 86_400 },
    backdateSeconds: 30,
    maxTokenBytes: 4_096,
  },
  identifier: { is: 'opaque', field: 'grants.identity' },
  attributes: {},
  inputs: {},
  settings: z.strictObject({
    account_sid: vendorText('SID of the account', 'AC00112233445566778899aabbccddeeff', /^AC[0-9a-f]{32}$/),
    api_key_sid: vendorText('SID of an API key', 'SK00112233445566778899aabbccddeeff', /^SK[0-9a-f]{32}$/),
    secret: vendorSecret('secret of that API key, shown once'),
    service_sid: vendorText(
      'SID of the Conversations service',
      'IS00112233445566778899aabbccddeeff',
      /^IS[0-9a-f]{32}$/,
    ),
    region: vendorText(
      'region of the account, if it is not the usual one',
      'ie1',
      /^[a-z0-9-]{2,16}$/,
    ).optional(),
  }),
  web: {
    adapter: 'twilio',
    style: 'push',
    members: { identity: { from: 'identifier' } },
    snippet: `const { Client } = Twilio.Conversations;
twilio(symbolon, { Client, onClient: (client) => showChat(client) });`,
    logoutOrder: ['`client.shutdown()`, and the page forgets its token', 'bridge'],
  },
  docs: {
    consoleSteps: [
      unchecked(
        'Create an API key of the kind Standard. Its SID is `api_key_sid`, its secret is `secret` and is shown once.',
      ),
      unchecked('`account_sid` stands on the first page of the console.'),
      unchecked('`service_sid` is the SID of the Conversations service (`IS…`).'),
      unchecked('Make a key for this service alone, so that it can be replaced without others noticing.'),
    ],
    enforcement: unchecked('Nothing to turn on: a client without a valid token cannot connect.'),
    customerSees: [
      read('The client says `tokenAboutToExpire` before the end and gets a new token without a break.'),
      unchecked('Conversations belong to the identity and follow the customer.'),
    ],
    contentSecurityPolicy: {},
    commonErrors: [
      {
        symptom: 'The token is refused although its signature is right',
        cause: '`cty` is missing, or `service_sid` is of another account.',
        mend: 'This service writes `cty`. Compare the three SIDs with the console.',
        confidence: 'unverified',
      },
      {
        symptom: 'The connection ends after an hour',
        cause: 'A fixed token was given and never renewed.',
        mend: 'Let the adapter answer `tokenAboutToExpire`.',
        confidence: 'read',
      },
    ],
    mobile: [unchecked('The mobile clients have the same event: fetch a new token and call `updateToken`.')],
    openQuestions: [
      'The cap of 24 hours.',
      'Flex webchat makes the identity at Twilio (`POST https://flex-api.twilio.com/v2/WebChats`); this profile serves Conversations, where the identity is ours.',
      'No call that revokes one token was found. Replacing the API key ends all of them.',
    ],
    sources: ['github.com/twilio/twilio-node', 'github.com/twilio/twilio-webchat-react-app'],
  },
};
