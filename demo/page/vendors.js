import { createSymbolon } from './sdk/symbolon.js';
import { createCallCards } from './call-cards.js';
import { element, one } from './dom.js';
import { followCalls } from './follow-calls.js';
import { createRecordingFetch } from './recording-fetch.js';
import { createTokenTimeline } from './token-timeline.js';
import { createVendorPanel } from './vendor-panel.js';
import { scripts } from './vendor-scripts.js';

const BRIDGE_CALLS = {
  'GET /customer_session': 'The SDK asks who is signed in. 401 means nobody.',
  'POST /customer_authenticate': 'The shop checks the password; the answer is a session cookie.',
  'DELETE /customer_session': 'Signed out: first the vendor’s own reset, then the session at the bridge.',
};
const SLEPT = 'symbolon-demo-slept-ms';
const TAB = 'symbolon-demo-tab';

/** The first tab starts with the right time; each says by a lock that it is there. */
const { held: tabs } = await navigator.locks.query();
if (!tabs.some(({ name }) => name === TAB)) localStorage.removeItem(SLEPT);
void navigator.locks.request(TAB, { mode: 'shared' }, () => new Promise(() => {}));

/** How far the clocks of these tabs are ahead: a laptop that sleeps sleeps with all of its tabs. */
let sleptMs = Number(localStorage.getItem(SLEPT) ?? 0);
const now = () => Date.now() + sleptMs;

/** The line of the SDK between the tabs. Each message says how far its sender's clock is: no tab hears of a later time than its own. */
function broadcast(name) {
  const line = new BroadcastChannel(name);
  return {
    postMessage: (message) => line.postMessage({ sleptMs, message }),
    addEventListener(type, listener) {
      line.addEventListener(type, ({ data }) => {
        sleepUntil(data.sleptMs);
        listener({ data: data.message });
      });
    },
    close: () => line.close(),
  };
}

const settings = await (await fetch('/demo.json')).json();
const cards = createCallCards({ list: one('[data-calls]'), empty: one('[data-calls-empty]'), maxCards: 60 });
const timeline = createTokenTimeline({
  list: one('[data-timeline]'),
  bar: one('[data-life]'),
  words: one('[data-life-words]'),
  now,
});
/** Proofs by their text: how long the laptop had slept when each came. */
const proofs = new Map();

const textsOf = (value) =>
  typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsOf) : [value];
function sleptSince(handed) {
  const known = textsOf(handed).find((text) => proofs.has(text));
  return known === undefined ? 0 : sleptMs - proofs.get(known).sleptMs;
}

const vendorFetch = createRecordingFetch({
  to: 'vendor',
  describe: () => 'The widget shows its server what it was handed; the server checks it as its pages say.',
  report: cards.show,
});
async function ask(id, handed) {
  try {
    const response = await vendorFetch(`${settings.vendorUrl}/vendors/${id}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(handed),
    });
    return { status: response.status, body: JSON.parse((await response.text()) || '{}') };
  } catch {
    return { status: 0, body: { error: 'no answer' } };
  }
}
const panel = createVendorPanel({ root: one('[data-widget]'), ask, sleptSince });

let lastCameMs = 0;
let vendor;
let symbolon;
let chat;

function came(body, by) {
  const lifeMs = Number(body.expires_in) * 1000;
  lastCameMs = Date.now();
  proofs.set(body.token, { sleptMs, lifeMs });
  timeline.came({ askedMs: now(), lifeMs, by, single: vendor.proof === 'oidc_code' });
}

function enable() {
  const signedIn = document.body.dataset.state === 'signed_in';
  for (const button of document.querySelectorAll('[data-needs-customer]')) button.disabled = !signedIn;
}

function show({ state, customerId }) {
  document.body.dataset.state = state;
  for (const part of document.querySelectorAll('[data-when]')) part.hidden = part.dataset.when !== state;
  one('[data-customer-id]').textContent = customerId ?? '';
  enable();
}

function cleared(call) {
  panel.clear();
  proofs.clear();
  timeline.cleared('Forgotten: nothing of that customer’s proof is kept.');
  panel.say('vendor', element('code', {}, call), ': the chat forgot that customer on this device.');
}

/** Looks who is signed in; while the bridge does not answer, again as soon as the SDK would. */
async function start(mine) {
  if (mine !== symbolon) return;
  try {
    await mine.start();
  } catch (error) {
    show(mine.snapshot());
    setTimeout(() => void start(mine), error.retryAfterMs ?? 5_000);
  }
}

function open(next) {
  chat?.stop();
  symbolon?.close();
  vendor = next;
  proofs.clear();
  timeline.cleared();
  panel.pick(vendor);
  show({ state: 'unknown' });
  cards.clear();
  one('[data-second-tab]').href = `/vendors#${vendor.id}`;
  const mine = createSymbolon({
    baseUrl: settings.bridgeUrl,
    channel: vendor.id,
    now,
    broadcast,
    fetch: createRecordingFetch({
      to: 'bridge',
      describe: (method, path) =>
        BRIDGE_CALLS[`${method} ${path}`] ?? `The SDK turns the session into the proof that ${next.name} wants.`,
      report: cards.show,
      onAnswer(path, status, body) {
        if (mine === symbolon && status === 200 && path === `/channels/${next.id}/token`) {
          const first = proofs.size === 0;
          came(body, first ? 'to this tab' : 'by this tab');
        }
      },
    }),
  });
  symbolon = mine;
  mine.subscribe(
    (snapshot) => mine === symbolon && show(snapshot),
    (proof) => {
      if (mine !== symbolon || proofs.has(proof.token)) return;
      const { lifeMs } = [...proofs.values()].at(-1);
      came({ token: proof.token, expires_in: lifeMs / 1000 }, 'by another tab');
    },
  );
  const onLogin = () => one('[data-customers] button').focus();
  chat = scripts[vendor.id]({ symbolon: mine, show: panel.show, cleared, onLogin });
  void start(mine);
}

/** Only the clock of the page jumps: two proofs that the bridge makes within a second may be one and the same. */
const MIN_PROOF_AGE_MS = 1_100;

/** The laptop wakes up: first the widget goes on with what it has, then the SDK notices the time. */
async function wake(ms) {
  timeline.slept(ms);
  await new Promise((done) => setTimeout(done, lastCameMs + MIN_PROOF_AGE_MS - Date.now()));
  await chat.talk();
  dispatchEvent(new Event('pageshow'));
}

function sleepUntil(untilMs) {
  const ms = untilMs - sleptMs;
  if (!(ms > 0)) return;
  sleptMs = untilMs;
  void wake(ms);
}

async function signIn(button, { username, password }) {
  const notice = one('[data-sign-in-notice]');
  const mine = symbolon;
  notice.hidden = true;
  button.disabled = true;
  try {
    await mine.signIn({ username, password });
    // Another vendor was picked meanwhile.
    if (mine !== symbolon) await start(symbolon);
  } catch (error) {
    notice.textContent = `Nobody was signed in: ${error.message}`;
    notice.hidden = false;
  } finally {
    button.disabled = false;
  }
}

function pick(id) {
  const wanted = settings.vendors.find((one) => one.id === id) ?? settings.vendors[0];
  one(`[data-picker] input[value="${wanted.id}"]`).checked = true;
  history.replaceState(undefined, '', `#${wanted.id}`);
  if (wanted !== vendor) open(wanted);
}

one('[data-picker]').append(
  ...settings.vendors.map(({ id, name }) =>
    element(
      'label',
      { class: 'pick' },
      element('input', { type: 'radio', name: 'vendor', value: id, change: () => pick(id) }),
      element('span', {}, name),
    ),
  ),
);
one('[data-customers]').append(
  ...settings.customers.map((customer) =>
    element(
      'li',
      {},
      element(
        'button',
        { type: 'button', class: 'button button--quiet', click: ({ target }) => void signIn(target, customer) },
        `Sign in as ${customer.name}`,
      ),
    ),
  ),
);
one('[data-sign-out]').addEventListener('click', () => {
  symbolon.logout().catch(() => panel.say('error', 'The bridge could not be told. Close the browser on a shared computer.'));
});
one('[data-talk]').addEventListener('click', () => {
  panel.say('customer', 'Hello, who am I?');
  void chat.talk();
});
for (const how of ['unsigned', 'altered']) {
  one(`[data-attempt=${how}]`).addEventListener('click', () => {
    if (panel.hasProof()) void panel.attempt(how, symbolon.customerId);
  });
}
for (const button of document.querySelectorAll('[data-sleep-seconds]')) {
  button.addEventListener('click', () => {
    const untilMs = sleptMs + Number(button.dataset.sleepSeconds) * 1000;
    localStorage.setItem(SLEPT, String(untilMs));
    sleepUntil(untilMs);
  });
}
addEventListener('storage', ({ key, newValue }) => {
  if (key === SLEPT) sleepUntil(Number(newValue));
});
addEventListener('hashchange', () => pick(location.hash.slice(1)));
one('[data-clear-calls]').addEventListener('click', () => cards.clear());
one('[data-shop-address]').textContent = `${location.host}/vendors`;

await followCalls(cards.show);
pick(location.hash.slice(1));
