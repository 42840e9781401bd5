import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSymbolon, Symbolon, SymbolonError, type SymbolonOptions } from '../src/index.ts';
import { startTinyBridge, type TinyBridge } from './support/tiny-bridge.ts';

const PATH = 'POST /channels/zendesk/token';
let bridge: TinyBridge;
let nowMs: number;
const connect = (options: Partial<SymbolonOptions> = {}) =>
  createSymbolon({ baseUrl: bridge.url, channel: 'zendesk', now: () => nowMs, random: () => 0, ...options });
const proofCalls = () => bridge.calls.filter((call) => call === PATH).length;

beforeEach(async () => {
  nowMs = 1_800_000_000_000;
  bridge = await startTinyBridge({ expiresInSeconds: 100 });
});
afterEach(() => bridge.close());

describe('the proof for a vendor', () => {
  it('comes with what the widget call needs, and names its customer', async () => {
    bridge.web = (token) => ({ jwt: token, scope: 'user' });
    expect(await connect().getProof()).toMatchObject({
      kind: 'jwt',
      token: 'proof-1',
      customerId: 'c1alice',
      web: { jwt: 'proof-1', scope: 'user' },
    });
    expect(bridge.calls).toEqual([PATH]);
  });

  it('is kept until 80 % of its life has passed, and asked for once however many ask', async () => {
    const symbolon = connect();
    await Promise.all(Array.from({ length: 30 }, () => symbolon.getProof()));
    nowMs += 79_999;
    expect((await symbolon.getProof()).token).toBe('proof-1');
    nowMs += 1;
    expect((await symbolon.getProof()).token).toBe('proof-2');
    expect(proofCalls()).toBe(2);
  });

  it('is renewed once for a vendor that refuses it, and not again for the one that this gave', async () => {
    const symbolon = connect();
    await symbolon.getProof();
    expect((await symbolon.getProof({ fresh: true })).token).toBe('proof-2');
    for (let keystroke = 0; keystroke < 50; keystroke++) await symbolon.getProof({ fresh: true });
    expect(proofCalls()).toBe(2);
    nowMs += 30_000;
    expect((await symbolon.getProof({ fresh: true })).token).toBe('proof-3');
  });

  it('is asked for anew each time when it is good for one use', async () => {
    const symbolon = connect();
    const tokens = [await symbolon.getProof({ single: true }), await symbolon.getProof({ single: true })];
    expect(tokens.map(({ token }) => token)).toEqual(['proof-1', 'proof-2']);
  });

  it('carries what only the page knows, and is kept for that alone', async () => {
    bridge.web = (_token, input) => ({ input });
    const symbolon = connect();
    const input = { freshchat_uuid: 'u-1' };
    expect((await symbolon.getProof({ input })).web).toEqual({ input });
    expect((await symbolon.getProof({ input })).token).toBe('proof-1');
    expect((await symbolon.getProof()).token).toBe('proof-2');
  });

  it('is not handed out any more once the customer signed out, and none is anonymous', async () => {
    const symbolon = connect();
    await symbolon.getProof();
    await symbolon.logout();
    await expect(symbolon.getProof()).rejects.toMatchObject({ code: 'signed_out' });
    expect(proofCalls()).toBe(1);
  });

  it('of one customer is never given to the next', async () => {
    const symbolon = connect();
    await symbolon.getProof();
    bridge.customer = 'c1bob';
    nowMs += 80_000;
    expect(await symbolon.getProof()).toMatchObject({ customerId: 'c1bob', token: 'proof-2' });
    expect(await symbolon.getProof()).toMatchObject({ customerId: 'c1bob' });
  });

  it('takes the customer token of the one before with it, when it names somebody else', async () => {
    const symbolon = connect();
    expect(await symbolon.getToken()).toBe('token-1');
    bridge.customer = 'c1bob';
    expect(await symbolon.getProof()).toMatchObject({ customerId: 'c1bob' });
    expect(await symbolon.getToken()).toBe('token-3');
  });

  it('is the same from `new Symbolon`', async () => {
    const symbolon = new Symbolon({ baseUrl: bridge.url, channel: 'zendesk' });
    expect((await symbolon.getProof()).token).toBe('proof-1');
    symbolon.close();
  });
});

describe('a session that ended', () => {
  it('is begun again without asking the customer, while the site still knows them', async () => {
    bridge.atSite = 'c1alice';
    bridge.customer = undefined;
    const symbolon = connect({ siteSession: true });
    expect((await symbolon.getProof()).token).toBe('proof-1');
    expect(bridge.calls).toEqual([PATH, 'POST /customer_authenticate', PATH]);
  });

  it('stays ended when the site knows nobody, and nothing is asked any more', async () => {
    const heard: string[] = [];
    const symbolon = connect({ siteSession: true, onSignedOut: (reason) => heard.push(reason) });
    await symbolon.getProof();
    bridge.customer = undefined;
    nowMs += 100_000;
    await expect(symbolon.getProof()).rejects.toMatchObject({ code: 'signed_out' });
    expect(symbolon.state()).toBe('signed_out');
    const before = bridge.calls.length;
    await expect(symbolon.getProof()).rejects.toMatchObject({ code: 'signed_out' });
    expect(bridge.calls).toHaveLength(before);
    expect(heard).toEqual(['ended']);
  });

  it('is not replaced by that of somebody else who signed in at the site meanwhile, without saying so', async () => {
    const heard: unknown[] = [];
    const symbolon = connect({
      siteSession: true,
      onIdentityChanged: (customerId, before) => heard.push([customerId, before]),
    });
    await symbolon.getProof();
    bridge.customer = undefined;
    bridge.atSite = 'c1bob';
    nowMs += 100_000;
    await expect(symbolon.getProof()).rejects.toMatchObject({ code: 'signed_out' });
    expect(heard).toEqual([['c1bob', 'c1alice']]);
    expect(await symbolon.getProof()).toMatchObject({ customerId: 'c1bob' });
  });
});

describe('a browser that keeps no cookie of the bridge', () => {
  it('is told apart from a customer who is signed out', async () => {
    bridge.customer = undefined;
    bridge.atSite = 'c1alice';
    const dropCookie: SymbolonOptions['fetch'] = async (url, options) => {
      const answer = await fetch(url, options);
      bridge.customer = undefined;
      return answer;
    };
    const symbolon = connect({ fetch: dropCookie });
    await symbolon.signInFromSite();
    await expect(symbolon.getProof()).rejects.toMatchObject({ code: 'cookie_blocked' });
    expect(symbolon.state()).toBe('signed_out');
  });
});

describe('waking up', () => {
  it('renews at once what became too old while the device slept', async () => {
    let wake = () => {};
    const symbolon = connect({
      onWake: (listener) => {
        wake = listener;
        return () => {};
      },
    });
    await symbolon.getProof();
    const renewed = new Promise<string>((done) => {
      symbolon.subscribe(
        () => {},
        ({ token }) => done(token),
      );
    });
    wake();
    nowMs += 3_600_000;
    wake();
    expect(await renewed).toBe('proof-2');
    symbolon.close();
  });

  it('looks again when the browser brings back a page that it had put aside, which missed a sign-out', async () => {
    let wake: (event?: { persisted: boolean }) => void = () => {};
    const gone = new Promise<string>((onSignedOut) => {
      const symbolon = connect({
        onSignedOut,
        onWake: (listener) => {
          wake = listener;
          return () => {};
        },
      });
      void symbolon.getProof().then(() => {
        bridge.customer = undefined;
        wake({ persisted: false });
        wake({ persisted: true });
      });
    });
    expect(await gone).toBe('ended');
    expect(bridge.calls).toEqual([PATH, 'GET /customer_session']);
  });

  it('tells the page what failed there, since nobody asked', async () => {
    let wake = () => {};
    const failed = new Promise<unknown>((done) => {
      const symbolon = connect({
        onError: done,
        onWake: (listener) => {
          wake = listener;
          return () => {};
        },
      });
      void symbolon.getProof().then(() => {
        bridge.broken = { status: 503, body: '{}' };
        nowMs += 90_000;
        wake();
      });
    });
    const error = await failed;
    expect(error).toBeInstanceOf(SymbolonError);
    expect(error).toMatchObject({ code: 'unavailable', retryAfterMs: 1_000 });
  });
});

describe('pauses after a failure', () => {
  it('are spread, so that the pages of many customers do not come back at once', async () => {
    bridge.broken = { status: 503, body: '{}' };
    const pauses = await Promise.all(
      [0, 0.5, 1].map(async (part) => {
        const error: unknown = await connect({ random: () => part })
          .getProof()
          .catch((failure: unknown) => failure);
        return (error as SymbolonError).retryAfterMs;
      }),
    );
    expect(pauses).toEqual([1_000, 850, 700]);
  });
});
