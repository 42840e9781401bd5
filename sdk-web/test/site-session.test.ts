import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createSymbolon } from '../src/index.ts';
import { startTinyBridge, type TinyBridge } from './support/tiny-bridge.ts';

let bridge: TinyBridge;
const connect = (siteSession = false) => createSymbolon({ baseUrl: bridge.url, channel: 'web', siteSession });

beforeEach(async () => {
  bridge = await startTinyBridge();
});
afterEach(() => bridge.close());

describe('a customer who is signed in at the site', () => {
  it('is signed in without being asked anything, with the header that a foreign form cannot send', async () => {
    bridge.customer = undefined;
    bridge.atSite = 'c1mira';
    const symbolon = connect();
    await expect(symbolon.signInFromSite()).resolves.toBe('signed_in');
    expect(symbolon.customerId).toBe('c1mira');
    expect(JSON.parse(bridge.lastBody())).toEqual({ channel: 'web', delivery: 'cookie' });
    expect(bridge.lastHeaders()['x-symbolon-csrf']).toBe('1');
    await expect(symbolon.getToken()).resolves.toBe('token-1');
  });

  it('takes the place of whoever was signed in here before, token and all', async () => {
    bridge.atSite = 'c1mira';
    const symbolon = connect();
    await symbolon.start();
    await symbolon.getToken();
    await symbolon.signInFromSite();
    expect(symbolon.customerId).toBe('c1mira');
    await expect(symbolon.getToken()).resolves.toBe('token-2');
  });

  it('is not handed a token that was asked for as somebody else', async () => {
    bridge.atSite = 'c1mira';
    const symbolon = connect();
    const release = bridge.hold();
    const asked = symbolon.getToken();
    await vi.waitFor(() => expect(bridge.lastBody()).toContain('web'));
    bridge.hold()();
    await symbolon.signInFromSite();
    release();
    await expect(asked).rejects.toMatchObject({ code: 'signed_out' });
    expect(symbolon.customerId).toBe('c1mira');
  });

  it('keeps the held token when it is the same customer', async () => {
    bridge.atSite = 'c1alice';
    const symbolon = connect();
    await symbolon.getToken();
    await symbolon.signInFromSite();
    await expect(symbolon.getToken()).resolves.toBe('token-1');
  });

  it('is asked about once however many parts of the page ask', async () => {
    bridge.atSite = 'c1mira';
    const symbolon = connect(true);
    await Promise.all([symbolon.start(), symbolon.signInFromSite(), symbolon.start()]);
    expect(bridge.calls).toEqual(['POST /customer_authenticate']);
  });
});

describe('a visitor', () => {
  it('who is nobody at the site is signed out, although an older session is left here', async () => {
    const symbolon = connect(true);
    await expect(symbolon.start()).resolves.toBe('signed_out');
    await expect(symbolon.getToken()).rejects.toMatchObject({ code: 'signed_out' });
  });

  it('is not taken for signed out when the site could not tell', async () => {
    bridge.broken = { status: 503, body: '{"error":{"code":"AUTHENTICATOR_UNAVAILABLE"}}' };
    const symbolon = connect();
    await expect(symbolon.signInFromSite()).rejects.toMatchObject({ code: 'unavailable' });
    expect(symbolon.state()).toBe('unknown');
  });

  it('who signs out while the site is asked stays signed out', async () => {
    bridge.atSite = 'c1mira';
    const symbolon = connect();
    const release = bridge.hold();
    const entering = symbolon.signInFromSite();
    const leaving = symbolon.logout().catch(() => {});
    release();
    await expect(entering).resolves.toBe('signed_out');
    await leaving;
    expect(symbolon.state()).toBe('signed_out');
  });
});
