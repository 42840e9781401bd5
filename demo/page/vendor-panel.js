import { altered, decodeJwt } from './altered-proof.js';
import { atEnd, element, one } from './dom.js';

const PROOFS = {
  pass_through: 'our customer token, passed through',
  shared_secret_jwt: 'a JWT under a secret that both sides share',
  published_key_jwt: 'a JWT under our published key',
  hmac: 'a keyed hash of the identifier',
  fetched_token: 'a token that our side fetches from the vendor',
  oidc_code: 'a code that the vendor redeems with us',
};
const ATTEMPTS = {
  unsigned: 'Somebody names this customer, without a proof.',
  altered: 'Somebody puts another name under this customer’s proof.',
};

export const proofWords = (proof) => PROOFS[proof] ?? proof;

/** An identifier has 34 characters and is shown whole; what is longer is cut: it is a secret while it lives. */
const MAX_SHOWN = 36;
const shortened = (value) =>
  JSON.stringify(
    value,
    (_name, one) => (typeof one === 'string' && one.length > MAX_SHOWN ? `${one.slice(0, 12)}…` : one),
    2,
  );

/** The widget of the picked vendor: what it says to the customer, and what reached it. */
export function createVendorPanel({ root, ask, sleptSince }) {
  const log = one('[data-widget-log]', root);
  const handedBox = one('[data-handed]', root);
  const handedWords = one('[data-handed-words]', root);
  let vendor;
  let genuine;

  function say(kind, ...content) {
    const follow = atEnd(log);
    log.append(element('p', { class: `bubble bubble--${kind}` }, ...content));
    if (follow) log.scrollTop = log.scrollHeight;
  }

  function showHanded({ token, web }) {
    const jwt = decodeJwt(web.identityToken ?? (token || Object.values(web).find(decodeJwt)) ?? '');
    const lines = [`${vendor.name} was handed`, shortened({ ...(token === '' ? {} : { token }), ...web })];
    if (jwt) lines.push('', `Header ${shortened(jwt.header)}`, `Claims ${shortened(jwt.claims)}`);
    handedWords.textContent = lines.join('\n');
    handedBox.hidden = false;
  }

  const post = (handed) =>
    ask(vendor.id, { ...handed, slept_seconds: Math.floor(sleptSince(genuine) / 1000) });

  return {
    /** Puts the widget of `next` in the place of the one before. */
    pick(next) {
      vendor = next;
      this.clear();
      one('[data-widget-name]', root).textContent = next.name;
      one('[data-widget-proof]', root).textContent = `Proof: ${proofWords(next.proof)}`;
    },
    clear() {
      genuine = undefined;
      log.replaceChildren();
      handedBox.hidden = true;
      handedWords.textContent = '';
    },
    say,
    hasProof: () => genuine !== undefined,
    /** The widget shows its server what it holds. Resolves with whether the server took it. */
    async show(handed) {
      const asked = vendor;
      genuine = handed;
      const { status, body } = await post(handed);
      if (asked !== vendor || genuine !== handed) return status === 200;
      if (status === 200) {
        showHanded(handed);
        say('bot', 'Hello ', element('code', { 'data-greeted': body.customer }, body.customer), '.');
      } else {
        say('vendor', `${vendor.name} answers ${status}: ${body.error}.`);
      }
      return status === 200;
    },
    /** Shows the vendor what an attacker might: never taken. `how`: `unsigned` or `altered`. */
    async attempt(how, customerId) {
      const asked = vendor;
      const { status, body } = await post(altered(genuine, how, customerId));
      if (asked !== vendor) return;
      say('customer', ATTEMPTS[how]);
      if (status === 200) return say('error', `${vendor.name} let them in as ${body.customer}.`);
      say('error', element('strong', {}, `${vendor.name} refuses: ${status}`), ` ${body.error}`);
      say(
        'switch',
        element('strong', {}, `What makes ${vendor.name} refuse everybody without a proof: `),
        body.enforcement ?? '',
      );
    },
  };
}
