import type { ChannelProfile } from '../channel-profile.ts';
import { read } from '../vendor-words.ts';
import { livepersonCode } from './liveperson-code.ts';

/** The code flow in which LivePerson's script makes the PKCE verifier and brings us its challenge. */
export const livepersonPkce: ChannelProfile = {
  ...livepersonCode,
  id: 'liveperson-pkce',
  product: 'Conversational Cloud, code flow with PKCE',
  proof: { shape: 'oidc_code', codeChallenge: 'vendors' },
  inputs: {
    code_challenge: {
      pattern: /[A-Za-z0-9_-]{43}/,
      required: true,
      meaning: 'S256 challenge that the window hands to the token function',
    },
  },
  web: {
    ...livepersonCode.web,
    // Without a challenge there is no answer, so the page says the issuer itself.
    snippet: `livePerson(symbolon, { iss: 'https://identity.example.com' });`,
  },
  docs: {
    ...livepersonCode.docs,
    consoleSteps: [
      read('Add an authentication connector and choose the code flow with PKCE.'),
      ...livepersonCode.docs.consoleSteps.slice(1),
    ],
  },
};
