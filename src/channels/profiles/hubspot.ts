import { z } from 'zod';
import type { ChannelProfile } from '../channel-profile.ts';
import { read, requiredEmail, unchecked, vendorConnection, vendorText } from '../vendor-words.ts';

export const hubspot: ChannelProfile = {
  id: 'hubspot',
  version: 1,
  vendor: 'HubSpot',
  product: 'Conversations, visitor identification',
  proof: {
    shape: 'fetched_token',
    request: {
      method: 'POST',
      path: '/visitor-identification/{setting:api_version}/tokens/create',
      body: {
        email: { from: 'attribute', name: 'email', required: true },
        firstName: { from: 'attribute', name: 'first_name' },
        lastName: { from: 'attribute', name: 'last_name' },
      },
    },
    tokenAt: 'token',
    lifetime: { defaultSeconds: 43_200, maxSeconds: 43_200 },
  },
  identifier: { is: 'email', field: 'email' },
  attributes: {
    email: requiredEmail,
    first_name: {
      type: 'string',
      personal: true,
      required: false,
      maxLength: 255,
      meaning: 'first name; fills a blank only',
    },
    last_name: {
      type: 'string',
      personal: true,
      required: false,
      maxLength: 255,
      meaning: 'last name; fills a blank only',
    },
  },
  inputs: {},
  settings: z.strictObject({
    connection: vendorConnection(
      'name of the connection to the API, with the access token of a private app as bearer',
      'hubspot',
      { base_url: 'https://api.hubapi.com', auth: [{ type: 'bearer', token: '${}' }] },
    ),
    api_version: vendorText('version of the API in its path', '2026-09', /^(v3|20\d\d-\d\d)$/).default(
      '2026-09',
    ),
  }),
  web: {
    adapter: 'hubspot',
    style: 'settings',
    members: {
      identificationEmail: { from: 'attribute', name: 'email', required: true },
      identificationToken: { from: 'proof' },
    },
    snippet: `hubspot(symbolon);`,
    placement: 'before',
    logoutOrder: ['`window.HubSpotConversations.clear({ resetWidget: true })`', 'bridge'],
  },
  docs: {
    consoleSteps: [
      unchecked('Make a private app with the scope `conversations.visitor_identification.tokens.create`.'),
      read('Its access token goes into the connection.'),
      read(
        'The widget must not load before it knows the customer (`loadImmediately: false`). The adapter sees to that.',
      ),
    ],
    enforcement: read(
      'There is no switch. HubSpot says that this tells it who the visitor is, and that it must not be used to authenticate. Show no private data on the strength of it.',
    ),
    customerSees: [
      read('The customer is known by the mail address, and finds earlier conversations.'),
      read('A token lives for 12 hours. It is kept for the session, not fetched for every page.'),
    ],
    contentSecurityPolicy: {},
    commonErrors: [
      {
        symptom: '403 from HubSpot',
        cause: 'The account is not Professional or Enterprise, or the app lacks the scope.',
        mend: 'Check both.',
        confidence: 'read',
      },
      {
        symptom: 'The visitor stays unknown',
        cause: 'The widget loaded before the identity was set: the tracking code ran before the adapter.',
        mend: 'Put the lines of step 3 before the tracking code.',
        confidence: 'read',
      },
    ],
    mobile: [unchecked('The same token serves a web view. Fetch it from this service in the app.')],
    openQuestions: [
      'Which version of the API your account should use: 2026-03 and 2026-09 were seen, v3 is the older one.',
    ],
    sources: [
      'developers.hubspot.com/docs/api-reference/latest/conversations/chat-configuration/chat-widget-sdk',
      'developers.hubspot.com/docs/api-reference/conversations-visitor-identification/guide',
      'developers.hubspot.com/docs/api-reference/conversations-visitor-identification/create-visitor-identification',
    ],
  },
};
