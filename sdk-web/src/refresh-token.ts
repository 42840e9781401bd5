import type { Answer, BridgeCall, SessionCarrier } from './bridge-call.ts';
import type { SymbolonError } from './symbolon-error.ts';

/** Where an app keeps one secret: Keychain, Keystore, or a wrapper of them such as `expo-secure-store`. */
export interface SecretStore {
  get(): Promise<string | null | undefined>;
  set(refreshToken: string): Promise<void>;
  remove(): Promise<void>;
}

/**
 * For apps, which have no session cookie: the session is a refresh token in the device's own secret store. Hand it to
 * `createSymbolon({ session: refreshTokenSession(store) })`. Every token is used once; its successor is stored before
 * the answer is given on, and a call without an answer is repeated with the same one, which the bridge allows for.
 */
export function refreshTokenSession(store: SecretStore): SessionCarrier {
  return (call, Failure) => {
    let queue: Promise<unknown> = Promise.resolve();
    const carried = carrierOf(store, call, Failure);
    // One at a time: two calls with one token would end the device's session.
    return (method, path, body) => {
      const mine = queue.then(() => carried(method, path, body));
      queue = mine.catch(() => {});
      return mine;
    };
  };
}

function carrierOf(store: SecretStore, call: BridgeCall, Failure: typeof SymbolonError): BridgeCall {
  const signIn = '/customer_authenticate';
  async function keep(answer: Answer, required = false): Promise<Answer> {
    const { refresh_token: token } = answer;
    if (typeof token === 'string') await store.set(token);
    else if (required) throw new Failure('bad_response', 'The channel gives no refresh tokens.');
    return answer;
  }
  return async (method, path, body = {}) => {
    if (path === signIn) return keep(await call(method, path, { ...body, delivery: 'token' }), true);
    const token = await store.get();
    if (!token) throw new Failure('signed_out', 'Nobody is signed in.');
    if (method === 'DELETE') {
      await store.remove();
      return call(method, path, undefined, token);
    }
    const proof = { grant_type: 'refresh_token', refresh_token: token };
    // Who is signed in, and a customer token, are what a renewal of the sign-in answers.
    const [to, by] = path.startsWith('/channels/') ? [path, method] : [signIn, 'POST'];
    try {
      return await keep(await call(by, to, { ...body, ...proof }));
    } catch (error) {
      if ((error as SymbolonError).code === 'signed_out') await store.remove();
      throw error;
    }
  };
}
