/** Names of headers worth showing; all others are noise or belong to the transport. */
const SHOWN_HEADERS = new Set([
  'api-key',
  'authorization',
  'content-type',
  'customer-auth',
  'retry-after',
  'traceparent',
  'www-authenticate',
  'x-api-key',
  'x-customer-reference',
  'x-request-id',
]);

const SECRET_HEADERS = new Set(['api-key', 'authorization', 'customer-auth', 'x-api-key']);
const SECRET_MEMBERS = /^(password|client_secret|access_token|refresh_token|JWT|token|secret)$/;
const SHOWN_CHARACTERS = 10;

/** The first characters of a secret: enough to see that two are the same, too few to use it. */
export function shortenSecret(secret: string): string {
  return secret.length <= SHOWN_CHARACTERS * 2 ? '•••' : `${secret.slice(0, SHOWN_CHARACTERS)}…`;
}

/** Keeps the scheme of a credential header (`Bearer`, `JWT`) and shortens what follows. */
function shortenCredential(value: string): string {
  const [scheme, ...rest] = value.split(' ');
  return rest.length > 0 ? `${scheme} ${shortenSecret(rest.join(' '))}` : shortenSecret(value);
}

/** The headers worth showing, credentials shortened. Names are expected in lower case. */
export function shownHeaders(headers: Record<string, string | string[] | undefined>): Record<string, string> {
  const shown: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (!SHOWN_HEADERS.has(name) || value === undefined) continue;
    const text = Array.isArray(value) ? value.join(', ') : value;
    shown[name] = SECRET_HEADERS.has(name) ? shortenCredential(text) : text;
  }
  return shown;
}

/** A body with every secret member shortened, at any depth. */
export function shownBody(body: unknown): unknown {
  if (Array.isArray(body)) return body.map(shownBody);
  if (typeof body !== 'object' || body === null) return body;
  return Object.fromEntries(
    Object.entries(body).map(([name, value]) => [
      name,
      SECRET_MEMBERS.test(name) && typeof value === 'string' ? shortenSecret(value) : shownBody(value),
    ]),
  );
}
