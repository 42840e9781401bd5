import { element } from './dom.js';

const MEANINGS = {
  iss: 'Who made the token: the bridge.',
  aud: 'The one channel that may use it.',
  sub: 'The customer identifier: opaque, the same at every sign-in.',
  iat: 'When it was made.',
  exp: 'When it ends; minutes, not hours.',
  auth_time: 'When the customer proved who they are.',
  jti: 'The name of this one token, so that it can be revoked.',
  sid: 'The session it came from. It is not the cookie.',
  ref: 'The company’s account number, sealed. Only the bridge can open it.',
};
const MOMENTS = new Set(['iat', 'exp', 'auth_time']);

function decode(part) {
  const bytes = Uint8Array.from(atob(part.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0));
  return JSON.parse(new TextDecoder().decode(bytes));
}

function value(name, claim) {
  if (MOMENTS.has(name)) return new Date(claim * 1000).toLocaleTimeString();
  const text = typeof claim === 'string' ? claim : JSON.stringify(claim);
  return text.length > 44 ? `${text.slice(0, 28)}…` : text;
}

/** A card that shows a customer token claim by claim. The signature is left out: this card proves nothing. */
export function tokenCard(jwt) {
  const [head, body] = jwt.split('.');
  const header = decode(head);
  const claims = decode(body);
  const rows = Object.entries(claims).flatMap(([name, claim]) => [
    element('dt', {}, element('code', {}, name)),
    element(
      'dd',
      {},
      element('code', { class: 'claim' }, value(name, claim)),
      element('span', {}, MEANINGS[name] ?? 'A further claim.'),
    ),
  ]);
  return element(
    'li',
    { class: 'token' },
    element(
      'details',
      { open: true },
      element(
        'summary',
        {},
        element('strong', {}, 'The customer token, claim by claim'),
        element('span', { class: 'token__kind' }, `${header.alg}, ${header.typ}`),
      ),
      element('dl', {}, ...rows),
      element('p', {}, 'Nothing in it can be read as a name or an account.'),
    ),
  );
}
