import { z } from 'zod';
import type { ChannelProfile } from '../channel-profile.ts';
import { optionalEmail, optionalName, read, unchecked, vendorIssuer } from '../vendor-words.ts';

export const dynamics365: ChannelProfile = {
  id: 'dynamics365',
  version: 1,
  vendor: 'Dynamics 365',
  product: 'Omnichannel live chat of Microsoft',
  proof: {
    shape: 'published_key_jwt',
    algorithm: 'RS256',
    publish: 'pem_url',
    header: { typ: { constant: 'JWT' } },
    claims: {
      iss: { from: 'setting', name: 'issuer', required: true },
      sub: { from: 'identifier' },
      iat: { from: 'issued_at' },
      exp: { from: 'expires_at' },
      lwicontexts: {
        jsonText: {
          customer_id: { from: 'identifier' },
          customer_name: { from: 'attribute', name: 'customer_name' },
          customer_email: { from: 'attribute', name: 'customer_email' },
          segment: { from: 'attribute', name: 'segment' },
        },
      },
    },
    lifetime: { defaultSeconds: 900, maxSeconds: 3_600 },
    backdateSeconds: 30,
    maxTokenBytes: 4_096,
  },
  identifier: { is: 'opaque', field: 'sub' },
  attributes: {
    customer_name: optionalName,
    customer_email: optionalEmail,
    segment: {
      type: 'string',
      personal: false,
      required: false,
      maxLength: 128,
      meaning: 'kind of customer, for routing',
    },
  },
  inputs: {},
  settings: z.strictObject({ issuer: vendorIssuer() }),
  web: {
    adapter: 'dynamics365',
    style: 'pull',
    members: {},
    snippet: `dynamics365(symbolon);`,
    logoutOrder: [
      'the token provider is removed (`setAuthTokenProvider` gets one that gives nothing)',
      'an open chat is closed (`Microsoft.Omnichannel.LiveChatWidget.SDK.closeChat()`)',
      'bridge',
    ],
    answerWithinSeconds: 10,
  },
  docs: {
    consoleSteps: [
      read('Make chat authentication settings of the kind "OAuth 2.0 implicit flow".'),
      read('Public key URL: `/.well-known/vendor-keys.pem` of this service.'),
      read(
        'JavaScript client function: any name; the adapter hands the token over by `setAuthTokenProvider`.',
      ),
      unchecked('Choose these settings in the chat widget.'),
      read(
        'Each key of `lwicontexts` (`customer_id` and the attributes that you send) must exist as a context variable of the workstream.',
      ),
    ],
    enforcement: unchecked(
      'Choose the authentication settings in the chat widget. It then starts no chat without a token that verifies.',
    ),
    customerSees: [
      read('The token is asked for when a chat starts, and the page has 10 seconds to answer.'),
      unchecked('With persistent chat the history follows the customer.'),
    ],
    contentSecurityPolicy: {},
    commonErrors: [
      {
        symptom: '"Authentication Setup Error"',
        cause: 'The widget got no token of three parts, or one that is over.',
        mend: 'Hand over `token` alone; check the clock of this service.',
        confidence: 'read',
      },
      {
        symptom: 'The chat does not start, and this service answered slowly',
        cause: 'The provider must answer within 10 seconds.',
        mend: 'Keep the time limits of your profile APIs below that, or send no attributes.',
        confidence: 'read',
      },
      {
        symptom: 'The widget complains about the provider',
        cause: 'Something else than a function was set, or it was set before `lcw:ready`.',
        mend: 'Let the adapter wait for the event.',
        confidence: 'read',
      },
      {
        symptom: 'The context is empty for agents',
        cause: 'A key of `lwicontexts` is no context variable of the workstream.',
        mend: 'Create the variables named above.',
        confidence: 'read',
      },
    ],
    mobile: [
      read('Chat SDK: `chatSDKConfig.getAuthToken` is an async function that returns the token or null.'),
      read('`authenticateChat(tokenOrProvider)` signs in during a conversation.'),
    ],
    openQuestions: [
      "The algorithms that are accepted, and the exact form of the key. RS256 follows from the public key; the vendor's sample shows an HS256 header.",
      'The documented list of claims names `nbf`. This service leaves it out, because a clock that runs behind would refuse the token.',
      'How the session of the widget is ended at sign-out was not read.',
    ],
    sources: [
      'learn.microsoft.com/dynamics365/customer-service/develop/reference/methods/setauthtokenprovider',
      'learn.microsoft.com/dynamics365/customer-service/develop/send-auth-token-starting-chat',
      'learn.microsoft.com/dynamics365/customer-service/administer/create-chat-auth-settings',
      'github.com/microsoft/omnichannel-chat-sdk',
      'github.com/microsoft/omnichannel-chat-widget',
    ],
  },
};
