import { z } from 'zod';
import type { ChannelProfile } from '../channel-profile.ts';
import { optionalName, read, requiredEmail, vendorSecret } from '../vendor-words.ts';

export const front: ChannelProfile = {
  id: 'front',
  version: 1,
  vendor: 'Front',
  product: 'Chat',
  proof: {
    shape: 'hmac',
    message: { from: 'attribute', name: 'email', required: true },
    secretEncoding: 'utf8',
  },
  identifier: { is: 'email', field: 'email' },
  attributes: { email: requiredEmail, name: optionalName },
  inputs: {},
  settings: z.strictObject({ secret: vendorSecret('the verification secret of the chat channel') }),
  web: {
    adapter: 'front',
    style: 'settings',
    members: {
      email: { from: 'attribute', name: 'email', required: true },
      userHash: { from: 'proof' },
      name: { from: 'attribute', name: 'name' },
    },
    snippet: `front(symbolon, { chatId: '{your chat id}' });`,
    logoutOrder: ["`FrontChat('shutdown', { clearSession: true })`", 'bridge'],
  },
  docs: {
    consoleSteps: [
      read(
        'Settings, Inboxes, your chat inbox, your chat channel: expand "Verify logged-in user identity" and copy the secret.',
      ),
      read('Choose there whether anonymous visitors may chat.'),
    ],
    enforcement: read(
      'The hash is mandatory for identified visitors. Disable anonymous visitors in the same place, if nobody else may chat.',
    ),
    customerSees: [read('The mail address ties the conversation to the contact that Front knows.')],
    contentSecurityPolicy: {},
    commonErrors: [
      {
        symptom: 'The identity is refused',
        cause: 'The hash was made over another spelling of the address.',
        mend: 'Set exactly the `email` that this service gave with the hash.',
        confidence: 'read',
      },
      {
        symptom: 'A second `init` does nothing',
        cause: '`init` can be called once for each page load.',
        mend: "Use `FrontChat('identity', …)` afterwards. The adapter does.",
        confidence: 'read',
      },
    ],
    mobile: [read('No mobile SDK is documented on the pages that were read.')],
    openQuestions: [
      'A newer version of the page lets the hash be made from a user id. This profile signs the mail address.',
      'The option that clears the session at `shutdown`.',
    ],
    sources: ['dev.frontapp.com/docs/identify-users', 'dev.frontapp.com/docs/chat-sdk-reference'],
  },
};
