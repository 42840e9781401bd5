/** Makes of a genuine proof what somebody without one might try. Vendors must refuse all of it. */

const encode = (value) =>
  btoa(String.fromCharCode(...new TextEncoder().encode(JSON.stringify(value))))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replace(/=+$/, '');

/** Header and claims of a JWT; `undefined` for any other text. */
export function decodeJwt(token) {
  try {
    const [header, claims] = token
      .split('.')
      .slice(0, 2)
      .map((part) => {
        const text = atob(part.replaceAll('-', '+').replaceAll('_', '/'));
        return JSON.parse(new TextDecoder().decode(Uint8Array.from(text, (c) => c.charCodeAt(0))));
      });
    return claims && typeof claims === 'object' ? { header, claims } : undefined;
  } catch {
    return undefined;
  }
}

/** The same value with `replace` applied to every text in it, at any depth. */
function mapTexts(value, replace) {
  if (typeof value === 'string') return replace(value);
  if (Array.isArray(value)) return value.map((one) => mapTexts(one, replace));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, mapTexts(one, replace)]));
}

/** Somebody else: the last letter of the identifier changed. */
const other = (customerId) => customerId.slice(0, -1) + (customerId.endsWith('a') ? 'b' : 'a');

/** The names of the customer, without anything that proves them. */
function unsignedText(text, customerId) {
  const jwt = decodeJwt(text);
  if (jwt) return `${encode({ ...jwt.header, alg: 'none' })}.${encode(jwt.claims)}.`;
  return text === customerId || /^(https?:|JWT$)/.test(text) ? text : '';
}

/** Another customer's name under a signature that was made for this one. */
function alteredText(text, customerId) {
  const jwt = decodeJwt(text);
  if (!jwt) return text === customerId ? other(customerId) : text;
  const claims = mapTexts(jwt.claims, (one) => one.replaceAll(customerId, other(customerId)));
  return `${text.split('.')[0]}.${encode(claims)}.${text.split('.')[2]}`;
}

/** `how`: `unsigned` or `altered`. A code names nobody, so altering it changes its own last letter. */
export function altered({ token, web }, how, customerId) {
  if (how === 'unsigned') {
    const strip = (text) => unsignedText(text, customerId);
    return { token: strip(token), web: mapTexts(web, strip) };
  }
  const change = (text) => alteredText(text, customerId);
  const changed = { token: change(token), web: mapTexts(web, change) };
  if (typeof web.authCode === 'string') changed.web.authCode = other(web.authCode);
  return changed;
}
