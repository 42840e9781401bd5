/** The SDK where there is no browser page, as in React Native: a refresh token instead of the cookie, the real service. */
import { decodeJwt } from 'jose';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createSymbolon, type SymbolonOptions } from '../../sdk-web/src/index.ts';
import { refreshTokenSession } from '../../sdk-web/src/refresh-token.ts';
import { PASSWORD, startService, type TestService } from '../support/service.ts';

let t: TestService;
/** The secret store of the device. */
let secret: string | undefined;
/** Refresh tokens that were stored, oldest first. */
let seen: string[];
const store = {
  get: async () => secret,
  set: async (token: string) => {
    secret = token;
    seen.push(token);
  },
  remove: async () => {
    secret = undefined;
  },
};
const opened: { close(): void }[] = [];
/** The app, each time it is started. */
function startApp(options: Partial<SymbolonOptions> = {}) {
  const symbolon = createSymbolon({
    baseUrl: t.url,
    channel: 'asapp',
    session: refreshTokenSession(store),
    now: () => t.clock.nowMs(),
    random: () => 0,
    ...options,
  });
  opened.push(symbolon);
  return symbolon;
}
const credentials = { username: 'mira', password: PASSWORD };

beforeAll(async () => {
  t = await startService({
    settings: (all) => ({
      ...all,
      channels: [
        ...(all.channels ?? []),
        { id: 'asapp', group: 'north', profile: 'asapp', delivery: 'token', refresh_tokens: {} },
      ],
    }),
  });
});
beforeEach(() => {
  secret = undefined;
  seen = [];
  // Sign-outs and limits of the test before are over.
  t.clock.advance(61_000);
});
afterEach(() => {
  for (const symbolon of opened.splice(0)) symbolon.close();
});
afterAll(() => t.dispose());

describe('an app without a browser', () => {
  it('stays signed in over its own restarts by the stored token, each used once', async () => {
    const customerId = await startApp().signIn(credentials);
    const symbolon = startApp();
    await expect(symbolon.start()).resolves.toBe('signed_in');
    expect(symbolon.customerId).toBe(customerId);
    const proof = await symbolon.getProof();
    expect(decodeJwt(proof.token)).toMatchObject({ sub: customerId, aud: 'asapp' });
    expect(new Set(seen).size).toBe(3);
    expect(secret).toBe(seen.at(-1));
  });

  it('never uses one token twice, however many parts of it ask at once', async () => {
    const symbolon = startApp();
    await symbolon.signIn(credentials);
    await Promise.all([
      symbolon.getToken(),
      symbolon.getProof({ single: true }),
      symbolon.getProof({ single: true }),
      symbolon.start(),
    ]);
    expect(new Set(seen).size).toBe(seen.length);
    t.clock.advance(11_000);
    await expect(symbolon.getProof({ single: true })).resolves.toMatchObject({ kind: 'jwt' });
  });

  it('repeats a call that got no answer with the same token, and stays signed in', async () => {
    let lost = 0;
    const lossy: SymbolonOptions['fetch'] = async (url, options) => {
      const answer = await fetch(url, options);
      if (lost-- > 0) throw new Error('the answer was lost');
      return answer;
    };
    const symbolon = startApp({ fetch: lossy });
    await symbolon.signIn(credentials);
    lost = 1;
    await expect(symbolon.getToken()).rejects.toMatchObject({ code: 'unavailable', retryAfterMs: 1_000 });
    t.clock.advance(1_000);
    await expect(symbolon.getToken()).resolves.toContain('.');
    t.clock.advance(60_000);
    await expect(symbolon.getToken({ fresh: true })).resolves.toContain('.');
  });

  it('is signed out when its device was ended elsewhere, and forgets the token', async () => {
    const heard: string[] = [];
    const symbolon = startApp({ onSignedOut: (reason) => heard.push(reason) });
    await symbolon.signIn(credentials);
    await t.api
      .delete('/customer_session')
      .set('authorization', `Bearer ${secret ?? ''}`)
      .expect(204);
    await expect(symbolon.getProof()).rejects.toMatchObject({
      code: 'signed_out',
      serverCode: 'INVALID_REFRESH_TOKEN',
    });
    expect([secret, symbolon.state(), heard]).toEqual([undefined, 'signed_out', ['ended']]);
  });

  it('leaves nothing on the device and no living session at the sign-out', async () => {
    const symbolon = startApp();
    await symbolon.signIn(credentials);
    const token = secret;
    await symbolon.logout();
    expect(secret).toBeUndefined();
    secret = token;
    await expect(startApp().start()).resolves.toBe('signed_out');
  });

  it('signs out everywhere', async () => {
    const [phone, tablet] = [startApp(), startApp({ session: refreshTokenSession(memoryStore()) })];
    await phone.signIn(credentials);
    await tablet.signIn(credentials);
    await phone.logout({ everywhere: true });
    await expect(tablet.getProof()).rejects.toMatchObject({ code: 'signed_out' });
  });

  it('says so when the channel gives no refresh tokens', async () => {
    const symbolon = startApp({ channel: 'ios' });
    await expect(symbolon.signIn(credentials)).rejects.toMatchObject({ code: 'bad_response' });
  });
});

function memoryStore() {
  let kept: string | undefined;
  return {
    get: async () => kept,
    set: async (token: string) => {
      kept = token;
    },
    remove: async () => {
      kept = undefined;
    },
  };
}
