const SECRET_MEMBERS = /^(password|JWT|token|Token|access_token|refresh_token|identityToken|intercom_user_jwt|identifier_hash|authCode|codeVerifier)$/;

const shorten = (secret) => (secret.length <= 20 ? '•••' : `${secret.slice(0, 10)}…`);

function shown(body) {
  if (typeof body !== 'object' || body === null) return body;
  if (Array.isArray(body)) return body.map(shown);
  return Object.fromEntries(
    Object.entries(body).map(([name, value]) => [
      name,
      SECRET_MEMBERS.test(name) && typeof value === 'string' ? shorten(value) : shown(value),
    ]),
  );
}

function shownHeaders(headers = {}) {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => {
      if (name.toLowerCase() !== 'authorization') return [name.toLowerCase(), value];
      const [scheme, secret = ''] = value.split(' ');
      return ['authorization', `${scheme} ${shorten(secret)}`];
    }),
  );
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

let count = 0;

/**
 * A `fetch` that reports each call to `report` when it begins and when it ends, secrets shortened.
 * `describe(method, path)` says in a sentence what the call is for; `onAnswer` sees each JSON answer whole.
 */
export function createRecordingFetch({ to, describe, report, onAnswer }) {
  return async (url, options = {}) => {
    const { pathname, search } = new URL(url);
    const method = options.method ?? 'GET';
    const startedAtMs = Date.now();
    const call = {
      id: `browser-${++count}`,
      startedAtMs,
      from: 'browser',
      to,
      method,
      path: pathname + search,
      explanation: describe(method, pathname),
      request: { headers: shownHeaders(options.headers), body: options.body && shown(parse(options.body)) },
    };
    report(call);
    const end = (status, body) => {
      const durationMs = Date.now() - startedAtMs;
      report({ ...call, response: { status, durationMs, headers: {}, body: shown(body) } });
    };
    try {
      const response = await fetch(url, options);
      const text = await response.text();
      const body = parse(text);
      end(response.status, body);
      onAnswer?.(pathname, response.status, body);
      return { status: response.status, text: async () => text };
    } catch (error) {
      end(0, { error: 'no answer' });
      throw error;
    }
  };
}
