import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSymbolon, type LocksLike, type Symbolon, type SymbolonOptions } from '../src/index.ts';
import { startTinyBridge, type TinyBridge } from './support/tiny-bridge.ts';

/** Node's own, which keep the rules of the browser's. */
const { locks } = navigator as unknown as { locks: LocksLike };
const broadcast: SymbolonOptions['broadcast'] = (name) => {
  const line = new BroadcastChannel(name);
  line.unref();
  return line as unknown as ReturnType<NonNullable<SymbolonOptions['broadcast']>>;
};

let bridge: TinyBridge;
let nowMs: number;
let open: Symbolon[];
function tab(options: Partial<SymbolonOptions> = {}): Symbolon {
  const symbolon = createSymbolon({
    baseUrl: bridge.url,
    channel: 'web',
    // Every look at the clock is a little later, as between two pages.
    now: () => nowMs++,
    locks,
    broadcast,
    ...options,
  });
  open.push(symbolon);
  return symbolon;
}
const proofCalls = () => bridge.calls.filter((call) => call === 'POST /channels/web/token').length;
const change = (symbolon: Symbolon) =>
  new Promise<void>((done) => {
    const stop = symbolon.subscribe(() => {
      stop();
      done();
    });
  });

beforeEach(async () => {
  nowMs = 1_800_000_000_000;
  open = [];
  bridge = await startTinyBridge({ expiresInSeconds: 100 });
});
afterEach(async () => {
  for (const symbolon of open) symbolon.close();
  await bridge.close();
});

describe('the pages of one browser', () => {
  it('have one renewal under way, and all take its proof', async () => {
    const tabs = [tab(), tab(), tab()];
    await Promise.all(tabs.map((symbolon) => symbolon.start()));
    const proofs = await Promise.all(tabs.map((symbolon) => symbolon.getProof()));
    expect(new Set(proofs.map(({ token }) => token)).size).toBe(1);
    nowMs += 85_000;
    await Promise.all(tabs.map((symbolon) => symbolon.getProof({ fresh: true })));
    expect(proofCalls()).toBe(2);
  });

  it('go on by themselves when the one whose turn it is fails', async () => {
    const [first, second] = [tab(), tab()];
    await Promise.all([first.start(), second.start()]);
    bridge.broken = { status: 200, body: 'no bridge' };
    const release = bridge.hold();
    const failing = first.getProof();
    const waiting = second.getProof();
    await expect.poll(proofCalls).toBe(1);
    bridge.hold()();
    release();
    await expect(failing).rejects.toMatchObject({ code: 'bad_response' });
    bridge.broken = undefined;
    await expect(waiting).resolves.toMatchObject({ customerId: 'c1alice' });
  });

  it('are held up by a page that was stopped in its turn no longer than its calls may take', async () => {
    const stopped: LocksLike = {
      request: async (_name, { ifAvailable, signal }, work) => {
        if (ifAvailable) return work(null);
        return new Promise((_done, fail) => {
          (signal as unknown as AbortSignal).addEventListener('abort', () => fail(new Error('aborted')));
        });
      },
    };
    const symbolon = tab({ locks: stopped, timeoutMs: 50 });
    await expect(symbolon.getProof()).resolves.toMatchObject({ customerId: 'c1alice' });
  });

  it('are all signed out by one, and ask for nothing afterwards', async () => {
    const heard: string[] = [];
    const [first, second] = [tab(), tab({ onSignedOut: (reason) => heard.push(reason) })];
    await Promise.all([first.start(), second.start()]);
    await second.getProof();
    const gone = change(second);
    await first.logout();
    await gone;
    expect(second.state()).toBe('signed_out');
    expect(heard).toEqual(['logout']);
    const before = bridge.calls.length;
    await expect(second.getProof()).rejects.toMatchObject({ code: 'signed_out' });
    expect(bridge.calls).toHaveLength(before);
  });

  it('are all signed out by a page that only signs out and never looked', async () => {
    const [first, second] = [tab(), tab()];
    await second.start();
    const gone = change(second);
    await first.logout();
    await gone;
    expect(second.state()).toBe('signed_out');
  });

  it('all turn to a customer who signed in at one of them', async () => {
    const heard: unknown[] = [];
    const [first, second] = [tab(), tab({ onIdentityChanged: (...change) => heard.push(change) })];
    await Promise.all([first.start(), second.start()]);
    await second.getProof();
    const turned = change(second);
    await first.signIn({ username: 'bob', password: 'right' });
    await turned;
    expect(heard).toEqual([['c1bob', 'c1alice']]);
    expect(await second.getProof()).toMatchObject({ customerId: 'c1bob' });
  });

  it('are not signed out by one that only looked before somebody signed in', async () => {
    bridge.customer = undefined;
    const [first, second] = [tab(), tab()];
    const release = bridge.hold();
    const looking = second.start();
    release();
    await looking;
    await first.signIn({ username: 'bob', password: 'right' });
    await second.start();
    expect([first.state(), second.state()]).toEqual(['signed_in', 'signed_in']);
  });

  it('that did not look yet take no other’s word for it that nobody is signed in', async () => {
    bridge.customer = undefined;
    const [visitor, other] = [tab(), tab()];
    const heard: string[] = [];
    other.subscribe(({ state }) => heard.push(state));
    const turned = change(other);
    await visitor.start();
    await visitor.signIn({ username: 'bob', password: 'right' });
    await turned;
    expect(heard).toEqual(['signed_in']);
  });

  it('do without locks and messages where there are none', async () => {
    const [first, second] = [tab({ locks: null, broadcast: null }), tab({ locks: null, broadcast: null })];
    await Promise.all([first.getProof(), second.getProof()]);
    expect(proofCalls()).toBe(2);
  });

  it('take no proof of another bridge or channel for their own', async () => {
    const other = await startTinyBridge();
    const [first, second, third] = [tab(), tab({ baseUrl: other.url }), tab({ channel: 'ios' })];
    await Promise.all([first.start(), second.start(), third.start()]);
    await first.getProof();
    await second.getProof();
    await third.getProof();
    expect(other.calls).toContain('POST /channels/web/token');
    expect(bridge.calls).toContain('POST /channels/ios/token');
    await other.close();
  });
});
