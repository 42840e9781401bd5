import { z } from 'zod';
import type { ChannelProfile } from '../channel-profile.ts';
import { read } from '../vendor-words.ts';

/** ASAPP holds our customer token and sends it back with its calls of the company's APIs; it verifies nothing. */
export const asapp: ChannelProfile = {
  id: 'asapp',
  version: 1,
  vendor: 'ASAPP',
  product: 'Chat SDK for web, iOS and Android',
  proof: { shape: 'pass_through' },
  identifier: { is: 'opaque', field: 'CustomerId' },
  attributes: {},
  inputs: {},
  settings: z.strictObject({}),
  web: {
    adapter: 'asapp',
    style: 'pull',
    members: {
      CustomerId: { from: 'identifier' },
      Auth: { object: { Token: { from: 'proof' } } },
    },
    snippet: `asapp(symbolon, { APIHostname: '{your API host}', AppId: '{your app id}' }, { onLogin: () => showSignIn() });`,
    logoutOrder: ["`ASAPP('unloadAndClearSession')` removes the chat and all stored session data", 'bridge'],
  },
  docs: {
    consoleSteps: [
      read(
        'Give your ASAPP implementation manager the addresses of this service that ASAPP calls: `/customer_authenticate` (for tests), `/access_token` and `/getprofile`.',
      ),
      read(
        'Create a client and an API key for ASAPP here (`symbolon clients create`, `symbolon keys create`) and hand them over.',
      ),
      read(
        'Agree how the token travels: `customer-auth: JWT {Auth.Token}` is what `/getprofile` expects; the exact template name is set up on their side.',
      ),
    ],
    enforcement: read(
      'There is no switch: ASAPP does not check the token, your APIs do. This service answers 401 to an expired or altered one, and ASAPP then asks the page or app for a new one.',
    ),
    customerSees: [
      read(
        'Signed in, the customer finds the earlier conversations of all channels that share the identifier.',
      ),
      read(
        'Without `CustomerId` the chat is anonymous. A visitor who signs in during the chat is taken over by `setCustomer`.',
      ),
      read(
        'When the proof runs out, the SDK asks for a new one. If that fails it shows a button to sign in, which calls `UserLoginHandler`.',
      ),
    ],
    contentSecurityPolicy: {},
    commonErrors: [
      {
        symptom: 'The chat stays anonymous',
        cause: '`CustomerId` is set and `ContextProvider` is not; ASAPP wants both.',
        mend: 'Let the adapter of the SDK pass them, it always gives both.',
        confidence: 'read',
      },
      {
        symptom: 'This service gets a request with every key that the customer presses',
        cause: '`ContextProvider` is called whenever the customer types.',
        mend: 'Answer from a cache and fetch only when `needsRefresh` is true or the token is nearly over. The adapter does.',
        confidence: 'read',
      },
      {
        symptom: 'A customer who had a chat long ago gets a new history',
        cause: 'The identifier changed, for example because a mail address was used.',
        mend: 'Use the identifier of this service; it never changes.',
        confidence: 'read',
      },
    ],
    mobile: [
      read(
        'iOS: `ASAPP.user = ASAPPUser(userIdentifier: customerId, requestContextProvider: { needsRefresh in ["Auth": ["Token": token]] })`. The provider runs on a background thread and returns synchronously: block it while a fresh token is fetched.',
      ),
      read(
        'iOS: the delegate method `chatViewControllerDidTapUserLoginButton()` opens your sign-in; then set `ASAPP.user`. At sign-out call `ASAPP.clearSavedSession()`.',
      ),
      read(
        'Android: `ASAPP.instance.user = ASAPPUser(customerId, provider)`; `getASAPPRequestContext(user, refreshContext)` returns `mapOf("Auth" to mapOf("Token" to token))` and may block.',
      ),
      read(
        'Android: `ASAPP.instance.userLoginHandler` starts your sign-in activity for a result. At sign-out call `ASAPP.instance.clearSession()`, and only when an identified customer signs out: on an anonymous one it loses the history.',
      ),
      read(
        'One channel for each platform (`web`, `ios`, `android`) in the same group gives one identifier everywhere.',
      ),
    ],
    openQuestions: [
      'Addresses from which ASAPP calls, its time limits, retries and request rate towards your APIs.',
      'The exact template names (`{Auth.Token}` or `{Auth.token}`) in the connection settings; they are agreed for each project.',
      'Content-Security-Policy sources and cookies of the web SDK.',
      "Two pages of the vendor suggest a login name or mail address as `CustomerId`; its requirements page forbids it, and this service's identifier follows that page.",
    ],
    sources: [
      'docs.asapp.com/messaging-platform/integrations/customer-authentication',
      'docs.asapp.com/agent-desk/digital-agent-desk/api-integration',
      'docs.asapp.com/agent-desk/integrations/web-sdk/web-authentication',
      'docs.asapp.com/agent-desk/integrations/web-sdk/web-contextprovider',
      'docs.asapp.com/agent-desk/integrations/web-sdk/web-javascript-api',
      'docs.asapp.com/agent-desk/integrations/ios-sdk/user-authentication',
      'docs.asapp.com/agent-desk/integrations/android-sdk/user-authentication',
      'github.com/asappinc/chat-sdk-ios-release',
    ],
  },
};
