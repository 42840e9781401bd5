import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { createSymbolon, type SymbolonSnapshot } from '../src/index.ts';
import { startTinyBridge, type TinyBridge } from './support/tiny-bridge.ts';

let bridge: TinyBridge;
let nowMs = 1_800_000_000_000;
const now = () => nowMs;
const connect = (baseUrl = bridge.url, timeoutMs?: number) =>
  createSymbolon({ baseUrl, channel: 'web', now, random: () => 0, ...(timeoutMs ? { timeoutMs } : {}) });

beforeEach(async () => {
  bridge = await startTinyBridge();
});
afterEach(() => bridge.close());

describe('who is signed in', () => {
  it('is unknown until the bridge was asked, and then what the bridge says', async () => {
    const symbolon = connect();
    expect(symbolon.state()).toBe('unknown');
    expect(bridge.calls).toEqual([]);
    await expect(symbolon.start()).resolves.toBe('signed_in');
    expect(symbolon.customerId).toBe('c1alice');
    expect(bridge.calls).toEqual(['GET /customer_session']);
  });

  it('is nobody when the bridge knows no session', async () => {
    bridge.customer = undefined;
    const symbolon = connect();
    await expect(symbolon.start()).resolves.toBe('signed_out');
    expect(symbolon.customerId).toBeUndefined();
  });

  it('stays unknown, and is not taken for signed out, when the bridge is down', async () => {
    await bridge.close();
    const symbolon = connect();
    await expect(symbolon.start()).rejects.toMatchObject({
      name: 'SymbolonError',
      code: 'unavailable',
      message: expect.stringContaining('allowed_origins') as string,
    });
    expect(symbolon.state()).toBe('unknown');
    bridge = await startTinyBridge();
  });

  it('is asked once however many parts of the page start at the same time', async () => {
    const symbolon = connect();
    await Promise.all([symbolon.start(), symbolon.start(), symbolon.start()]);
    expect(bridge.calls).toEqual(['GET /customer_session']);
  });

  it('keeps a path in the address of the bridge', async () => {
    await connect(`${bridge.url}/identity/`).start();
    expect(bridge.calls).toEqual(['GET /identity/customer_session']);
  });

  it('sends the header that a foreign form cannot send', async () => {
    await connect().start();
    expect(bridge.lastHeaders()['x-symbolon-csrf']).toBe('1');
  });
});

describe('signing in', () => {
  it('asks for cookie delivery on the channel and tells listeners the customer', async () => {
    bridge.customer = undefined;
    const symbolon = connect();
    const heard: SymbolonSnapshot[] = [];
    symbolon.subscribe((snapshot) => heard.push(snapshot));
    await expect(symbolon.signIn({ username: 'bob', password: 'right' })).resolves.toBe('c1bob');
    expect(JSON.parse(bridge.lastBody())).toEqual({
      username: 'bob',
      password: 'right',
      channel: 'web',
      delivery: 'cookie',
    });
    expect(heard).toEqual([{ state: 'signed_in', customerId: 'c1bob' }]);
  });

  it('says that the password is wrong and leaves the state alone', async () => {
    const symbolon = connect();
    await symbolon.start();
    await expect(symbolon.signIn({ username: 'bob', password: 'wrong' })).rejects.toMatchObject({
      code: 'invalid_credentials',
      serverCode: 'INVALID_CREDENTIALS',
      status: 401,
    });
    expect(symbolon.customerId).toBe('c1alice');
  });
});

describe('signing out', () => {
  it('ends the session at the bridge and tells listeners', async () => {
    const symbolon = connect();
    await symbolon.start();
    const heard: SymbolonSnapshot[] = [];
    const stop = symbolon.subscribe((snapshot) => heard.push(snapshot));
    await symbolon.logout();
    expect(bridge.calls.at(-1)).toBe('DELETE /customer_session');
    expect(heard).toEqual([{ state: 'signed_out', customerId: undefined }]);
    stop();
    await symbolon.start();
    expect(heard).toHaveLength(1);
  });

  it('clears the page before the bridge has answered', async () => {
    const symbolon = connect();
    await symbolon.start();
    const release = bridge.hold();
    const leaving = symbolon.logout();
    expect(symbolon.state()).toBe('signed_out');
    expect(symbolon.customerId).toBeUndefined();
    release();
    await leaving;
  });

  it('clears the page even if the bridge cannot be told, reports that, and gives no token afterwards', async () => {
    const symbolon = connect();
    await symbolon.start();
    await symbolon.getToken();
    bridge.broken = { status: 503, body: '{}' };
    await expect(symbolon.logout()).rejects.toMatchObject({ code: 'unavailable', status: 503 });
    expect(symbolon.state()).toBe('signed_out');
    bridge.broken = undefined;
    await expect(symbolon.getToken()).rejects.toMatchObject({ code: 'signed_out' });
  });

  it('is no failure when the session was over already', async () => {
    const symbolon = connect();
    await symbolon.start();
    bridge.customer = undefined;
    await expect(symbolon.logout()).resolves.toBeUndefined();
  });

  it('ends every session of the customer when asked', async () => {
    const symbolon = connect();
    await symbolon.start();
    await symbolon.logout({ everywhere: true });
    expect(bridge.calls.at(-1)).toBe('DELETE /customer_session?everywhere=true');
  });

  it('leaves no token behind for the next customer', async () => {
    const symbolon = connect();
    await symbolon.start();
    const first = await symbolon.getToken();
    await symbolon.logout();
    await symbolon.signIn({ username: 'bob', password: 'right' });
    expect(await symbolon.getToken()).not.toBe(first);
    expect(symbolon.customerId).toBe('c1bob');
  });
});

describe('listeners', () => {
  it('all hear of a change although one of them fails', async () => {
    const others = process.rawListeners('unhandledRejection') as ((error: unknown) => void)[];
    process.removeAllListeners('unhandledRejection');
    onTestFinished(() => {
      process.removeAllListeners('unhandledRejection');
      for (const listener of others) process.on('unhandledRejection', listener);
    });
    const escaped = new Promise((done) => process.once('unhandledRejection', done));

    const symbolon = connect();
    symbolon.subscribe(() => {
      throw new Error('listener failed');
    });
    const heard: SymbolonSnapshot[] = [];
    symbolon.subscribe((snapshot) => heard.push(snapshot));
    await symbolon.start();
    expect(heard).toHaveLength(1);
    await expect(escaped).resolves.toMatchObject({ message: 'listener failed' });
  });
});
