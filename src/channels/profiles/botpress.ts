import { z } from 'zod';
import type { ChannelProfile } from '../channel-profile.ts';
import { read, vendorSecret } from '../vendor-words.ts';

export const botpress: ChannelProfile = {
  id: 'botpress',
  version: 1,
  vendor: 'Botpress',
  product: 'Chat API',
  proof: {
    shape: 'shared_secret_jwt',
    algorithm: 'HS256',
    secretEncoding: 'utf8',
    header: { typ: { constant: 'JWT' } },
    claims: { id: { from: 'identifier' }, exp: { from: 'expires_at' } },
    lifetime: { defaultSeconds: 3_600, maxSeconds: 28_800 },
    backdateSeconds: 30,
    maxTokenBytes: 4_096,
  },
  identifier: { is: 'opaque', field: 'id' },
  attributes: {},
  inputs: {},
  settings: z.strictObject({ secret: vendorSecret('the encryption key of the Chat integration') }),
  web: {
    adapter: 'botpress',
    style: 'pull',
    members: { 'x-user-key': { from: 'proof' } },
    snippet: `const call = botpress(symbolon, { webhookId: '{your webhook id}' });`,
    logoutOrder: ['the page forgets the user key', 'bridge'],
  },
  docs: {
    consoleSteps: [
      read(
        'In the Chat integration set an encryption key of your own: it is `secret`. Make it with `openssl rand -hex 32`.',
      ),
      read('Without one the server makes user keys by itself, for anybody who asks.'),
    ],
    enforcement: read(
      'Set the encryption key. The server then stops making user keys, and every call needs one that was signed here.',
    ),
    customerSees: [read('Conversations belong to the id in the key and are there again with the next key.')],
    contentSecurityPolicy: {},
    commonErrors: [
      {
        symptom: '"Invalid user key"',
        cause: 'Signed with another key, or sent in another header.',
        mend: 'Compare `secret`; the header is `x-user-key`, and the same name in the query of a websocket.',
        confidence: 'read',
      },
    ],
    mobile: [read('The same header from any client.')],
    openQuestions: [
      'Nothing forces the server to check `exp`: a copied key may be good for longer than it says. Replace the encryption key if one leaks.',
    ],
    sources: ['github.com/botpress/botpress (integrations/chat)'],
  },
};
