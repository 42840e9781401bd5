import { createSymbolon } from './sdk/symbolon.js';
import { createCallCards } from './call-cards.js';
import { createChatWidget } from './chat-widget.js';
import { one } from './dom.js';
import { followCalls } from './follow-calls.js';
import { createPhoneMessage } from './phone-message.js';
import { createRecordingFetch } from './recording-fetch.js';
import { createSignIn } from './sign-in.js';

const BRIDGE_CALLS = {
  'GET /customer_session': 'The SDK asks who is signed in. The cookie goes along; scripts cannot read it. 401 means nobody.',
  'POST /customer_authenticate': 'The shop checks the password through the bridge, which answers with a session cookie.',
  'POST /customer_session/token': 'The SDK turns the session into a short customer token for the chat channel.',
  'DELETE /customer_session': 'Signed out: the session ends at the bridge, and the chat forgets the conversation here.',
};
const VENDOR_CALLS = {
  'POST /chat/open': 'The widget hands the customer token to the chat vendor’s server and asks for the conversation.',
  'POST /chat/phone': 'The customer asks for a message on the telephone; the token says for whom.',
  'POST /chat/messages': 'The widget sends the question, with the customer token as proof of who asks.',
};

const settings = await (await fetch('/demo.json')).json();
const cards = createCallCards({ list: one('[data-calls]'), empty: one('[data-calls-empty]') });
const report = (call) => cards.show(call);

const symbolon = createSymbolon({
  baseUrl: settings.bridgeUrl,
  channel: settings.channel,
  fetch: createRecordingFetch({
    to: 'bridge',
    describe: (method, path) => BRIDGE_CALLS[`${method} ${path}`] ?? 'A call to the bridge.',
    report,
    onAnswer(path, status, body) {
      if (status === 200 && path === '/customer_session/token') cards.showToken(body.JWT);
    },
  }),
});

const vendorFetch = createRecordingFetch({
  to: 'vendor',
  describe: (method, path) => VENDOR_CALLS[`${method} ${path}`] ?? 'A call to the chat vendor.',
  report,
});
const { vendorUrl } = settings;
const chat = createChatWidget({ root: one('[data-chat]'), symbolon, vendorUrl, fetch: vendorFetch });
const phone = createPhoneMessage({ root: one('[data-phone]'), symbolon, vendorUrl, fetch: vendorFetch });

const signIn = createSignIn({
  root: one('.sign-in'),
  customers: settings.customers,
  signIn(credentials) {
    cards.clear();
    return symbolon.signIn(credentials);
  },
});

let wasSignedIn = false;
let leaving = false;

function show(snapshot) {
  const ended = wasSignedIn && snapshot.state === 'signed_out' && !leaving;
  signIn.say(ended ? 'Your session is over. Please sign in again.' : '');
  wasSignedIn = snapshot.state === 'signed_in';
  document.body.dataset.state = snapshot.state;
  for (const part of document.querySelectorAll('[data-when]')) {
    part.hidden = part.dataset.when !== snapshot.state;
  }
  one('[data-customer-id]').textContent = snapshot.customerId ?? '';
  phone.clear();
  chat.show(snapshot);
}

/** Learns who is signed in; while the bridge does not answer, asks again as soon as the SDK would. */
async function start() {
  try {
    await symbolon.start();
  } catch (error) {
    show({ state: symbolon.state(), customerId: symbolon.customerId });
    setTimeout(() => void start(), error.retryAfterMs ?? 5_000);
  }
}

one('[data-sign-out]').addEventListener('click', async () => {
  cards.clear();
  leaving = true;
  try {
    await symbolon.logout();
  } catch {
    signIn.say('Signed out on this page, but the bridge could not be told. Close the browser on a shared computer.');
  } finally {
    leaving = false;
  }
});
one('[data-clear-calls]').addEventListener('click', () => cards.clear());
one('[data-shop-address]').textContent = location.host;
for (const [part, url] of Object.entries({
  browser: location.href,
  bridge: settings.bridgeUrl,
  vendor: settings.vendorUrl,
  backend: settings.backendUrl,
})) {
  one(`[data-part-port="${part}"]`).textContent = `:${new URL(url).port}`;
}

symbolon.subscribe(show);
await followCalls(report);
await start();
