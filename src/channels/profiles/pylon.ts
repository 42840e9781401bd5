import { z } from 'zod';
import type { ChannelProfile } from '../channel-profile.ts';
import { optionalName, read, requiredEmail, vendorSecret } from '../vendor-words.ts';

export const pylon: ChannelProfile = {
  id: 'pylon',
  version: 1,
  vendor: 'Pylon',
  product: 'Chat widget, identity verification',
  proof: {
    shape: 'hmac',
    message: { from: 'attribute', name: 'email', required: true },
    secretEncoding: 'hex',
  },
  identifier: { is: 'email', field: 'email' },
  attributes: { email: requiredEmail, name: optionalName },
  inputs: {},
  settings: z.strictObject({
    secret: vendorSecret('the identity secret, hex as it is shown', { hex: true }),
  }),
  web: {
    style: 'settings',
    members: {
      email: { from: 'attribute', name: 'email', required: true },
      email_hash: { from: 'proof' },
      name: { from: 'attribute', name: 'name' },
    },
    snippet: `attach(symbolon, {
  async login() {
    const { web } = await symbolon.getProof();
    window.pylon = { chat_settings: { app_id: '{your app id}', ...web } };
  },
  reset: () => delete window.pylon,
});`,
    logoutOrder: [
      '`window.pylon` is deleted',
      'bridge',
      'your page loads itself anew (`location.reload()` after `logout()`)',
    ],
  },
  docs: {
    consoleSteps: [
      read(
        'In the settings of the chat widget, at "Identity Verification Secret", choose the HMAC email hash and generate a secret.',
      ),
      read('It is shown once: copy it, it is `secret`.'),
    ],
    enforcement: read(
      'Identity verification is optional at Pylon. Without it visitors do not see old chats, and a visitor can claim any mail address: turn it on before you go live.',
    ),
    customerSees: [read('Earlier chats are shown only to a verified customer.')],
    contentSecurityPolicy: {},
    commonErrors: [
      {
        symptom: 'The hash is refused',
        cause: 'The secret was used as text; it is hex and must be decoded to bytes first.',
        mend: 'This service decodes it. Paste it as it is shown.',
        confidence: 'read',
      },
    ],
    mobile: [read('No mobile SDK is documented on the page that was read.')],
    openQuestions: ['How the widget forgets a customer without loading the page anew.'],
    sources: ['docs.usepylon.com/pylon-docs/chat-widget/identity-verification'],
  },
};
