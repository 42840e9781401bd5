import { z } from 'zod';
import type { ChannelProfile } from '../channel-profile.ts';
import { optionalEmail, optionalName, read, unchecked, vendorSecret, vendorText } from '../vendor-words.ts';

export const amazonConnect: ChannelProfile = {
  id: 'amazon-connect',
  version: 1,
  vendor: 'Amazon Connect',
  product: 'Communications widget',
  proof: {
    shape: 'shared_secret_jwt',
    algorithm: 'HS256',
    secretEncoding: 'utf8',
    header: { typ: { constant: 'JWT' } },
    claims: {
      // The widget, not the customer: the customer rides in `attributes`, whose values are all text.
      sub: { from: 'setting', name: 'widget_id', required: true },
      iat: { from: 'issued_at' },
      exp: { from: 'expires_at' },
      attributes: {
        object: {
          customer_id: { from: 'identifier' },
          customer_name: { from: 'attribute', name: 'customer_name' },
          customer_email: { from: 'attribute', name: 'customer_email' },
          segment: { from: 'attribute', name: 'segment' },
        },
      },
    },
    lifetime: { defaultSeconds: 300, maxSeconds: 600 },
    backdateSeconds: 30,
    maxTokenBytes: 6_144,
  },
  identifier: { is: 'opaque', field: 'attributes.customer_id' },
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
  settings: z.strictObject({
    widget_id: vendorText(
      'id of the widget; it stands in the snippet that the console shows',
      '3f1a7c52-0b7e-4c7a-9a53-6d0f6c1d2e9b',
      /^[A-Za-z0-9-]{1,64}$/,
    ),
    secret: vendorSecret('the security key of the widget, 44 characters', { minLength: 44 }),
  }),
  web: {
    adapter: 'amazonConnect',
    style: 'pull',
    members: {},
    snippet: `amazonConnect(symbolon);`,
    logoutOrder: [
      'bridge',
      'your page loads itself anew (`location.reload()` after `logout()`): the widget has no call that forgets a customer',
    ],
  },
  docs: {
    consoleSteps: [
      read('Communication widgets: choose the widget, Domain & Security, Edit.'),
      read('List the domains of your pages, at most 50.'),
      read('Under "Add security for your communications widget requests" choose Yes and save.'),
      read(
        'Copy the 44-character security key: it is `secret`. The id of the widget in the snippet is `widget_id`.',
      ),
      read('To replace the key, create a new one. Both are valid until the old one is deleted.'),
    ],
    enforcement: read(
      'Choose Yes at "Add security for your communications widget requests". A chat without a valid token then does not start. With security off, attributes come from the page and a visitor can change them.',
    ),
    customerSees: [
      read('The token is asked for when a chat starts. A running chat needs no second one.'),
      read('Attributes are readable by everybody who holds the token, the customer first of all.'),
    ],
    contentSecurityPolicy: {},
    commonErrors: [
      {
        symptom: '400 at the start of a chat',
        cause: 'The domain of the page is not on the list, or the snippet was changed.',
        mend: 'Add the domain in the console, and paste the snippet anew.',
        confidence: 'read',
      },
      {
        symptom: '401 at the start of a chat',
        cause: 'Wrong key, or the token is over.',
        mend: 'Compare `secret` with the console, and the clock of this service with the time.',
        confidence: 'read',
      },
      {
        symptom: '404 at the start of a chat',
        cause: '`widget_id` is of another widget.',
        mend: 'Take the id from the snippet.',
        confidence: 'read',
      },
      {
        symptom: 'The chat does not start although the token is valid',
        cause: 'An attribute is not text.',
        mend: 'This service writes text only; check what else adds attributes.',
        confidence: 'read',
      },
    ],
    mobile: [
      unchecked(
        'There is no widget for apps. Start the chat from your own server, or show the page in a web view.',
      ),
    ],
    openQuestions: [
      'The cap of ten minutes, the size of the token and the error table come from an archived copy of the guide.',
      'The guide gives the size as 6,144 bytes and as about 3,000 characters; 6,144 bytes are kept here.',
      'Newer claims (`segmentAttributes`, `relatedContactId`, `customerId`) are not used.',
      "A nonce for tags of the widget (`amazon_connect('nonce', value)`) is known from a maintainer alone.",
    ],
    sources: [
      'docs.aws.amazon.com/connect/latest/adminguide/add-chat-to-website.html',
      'docs.aws.amazon.com/connect/latest/adminguide/optional-widget-steps.html',
      'docs.aws.amazon.com/connect/latest/adminguide/pass-contact-attributes-chat.html',
      'docs.aws.amazon.com/connect/latest/adminguide/ts-cw.html',
    ],
  },
};
