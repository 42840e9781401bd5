import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSymbolon, type Symbolon, SymbolonError } from '../src/index.ts';
import { startTinyBridge, type TinyBridge } from './support/tiny-bridge.ts';

let bridge: TinyBridge;
let symbolon: Symbolon;
let nowMs: number;
const tokenCalls = () => bridge.calls.filter((call) => call === 'POST /customer_session/token').length;

beforeEach(async () => {
  nowMs = 1_800_000_000_000;
  bridge = await startTinyBridge({ expiresInSeconds: 100 });
  symbolon = createSymbolon({
    baseUrl: bridge.url,
    channel: 'web',
    now: () => nowMs,
    random: () => 0,
    timeoutMs: 500,
  });
});
afterEach(() => bridge.close());

describe('the customer token', () => {
  it('is asked for with the channel and kept until 80 % of its life has passed', async () => {
    expect(await symbolon.getToken()).toBe('token-1');
    expect(JSON.parse(bridge.lastBody())).toEqual({ channel: 'web' });
    expect(symbolon.state()).toBe('signed_in');
    nowMs += 79_999;
    expect(await symbolon.getToken()).toBe('token-1');
    nowMs += 1;
    expect(await symbolon.getToken()).toBe('token-2');
    expect(tokenCalls()).toBe(2);
  });

  it('is renewed once for many who ask at the same time', async () => {
    const tokens = await Promise.all(Array.from({ length: 50 }, () => symbolon.getToken()));
    expect(new Set(tokens)).toEqual(new Set(['token-1']));
    expect(tokenCalls()).toBe(1);
  });

  it('is renewed at once for a vendor that reports it expired', async () => {
    await symbolon.getToken();
    expect(await symbolon.getToken({ fresh: true })).toBe('token-2');
    expect(await symbolon.getToken()).toBe('token-2');
  });

  it('is renewed when the clock of the device goes back', async () => {
    await symbolon.getToken();
    nowMs -= 3_600_000;
    expect(await symbolon.getToken()).toBe('token-2');
  });

  it('is refused, and never replaced by an anonymous one, once the session is over', async () => {
    await symbolon.getToken();
    bridge.customer = undefined;
    nowMs += 80_000;
    await expect(symbolon.getToken()).rejects.toMatchObject({
      code: 'signed_out',
      serverCode: 'NOT_SIGNED_IN',
      requestId: 'r-1',
    });
    expect(symbolon.state()).toBe('signed_out');
    const before = bridge.calls.length;
    await expect(symbolon.getToken()).rejects.toBeInstanceOf(SymbolonError);
    expect(bridge.calls).toHaveLength(before);
  });

  it('names the new customer when another tab has signed in as somebody else', async () => {
    await symbolon.getToken();
    const heard: (string | undefined)[] = [];
    symbolon.subscribe(({ customerId }) => heard.push(customerId));
    bridge.customer = 'c1bob';
    nowMs += 80_000;
    await symbolon.getToken();
    expect(heard).toEqual(['c1bob']);
  });

  it('is not handed out when the customer signed out while it was being made', async () => {
    await symbolon.start();
    const release = bridge.hold();
    const asked = symbolon.getToken();
    const left = symbolon.logout();
    release();
    await expect(asked).rejects.toMatchObject({ code: 'signed_out' });
    await left;
    expect(symbolon.state()).toBe('signed_out');
  });
});

describe('a failing bridge', () => {
  it('does not take away a token that still lives', async () => {
    await symbolon.getToken();
    bridge.broken = { status: 500, body: 'not json' };
    nowMs += 90_000;
    expect(await symbolon.getToken()).toBe('token-1');
    nowMs += 10_000;
    await expect(symbolon.getToken()).rejects.toMatchObject({ code: 'unavailable' });
    expect(symbolon.state()).toBe('signed_in');
  });

  it('is asked again after 1, 2, 4 … seconds and not in between', async () => {
    bridge.broken = { status: 503, body: '{}' };
    for (const pauseMs of [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]) {
      const before = tokenCalls();
      await expect(symbolon.getToken()).rejects.toMatchObject({ code: 'unavailable', retryAfterMs: pauseMs });
      nowMs += pauseMs - 1;
      await expect(symbolon.getToken()).rejects.toMatchObject({ code: 'unavailable', retryAfterMs: 1 });
      expect(tokenCalls()).toBe(before + 1);
      nowMs += 1;
    }
    bridge.broken = undefined;
    expect(await symbolon.getToken()).toBe('token-1');
  });

  it('that limits the rate is left alone for as long as it says', async () => {
    const error = { code: 'RATE_LIMITED', message: 'Too many requests.', retry_after: 60 };
    bridge.broken = { status: 429, body: JSON.stringify({ success: false, error }) };
    await expect(symbolon.getToken()).rejects.toMatchObject({ code: 'rate_limited', retryAfterMs: 60_000 });
    bridge.broken = undefined;
    nowMs += 59_999;
    await expect(symbolon.getToken()).rejects.toMatchObject({ code: 'unavailable' });
    nowMs += 1;
    expect(await symbolon.getToken()).toBe('token-1');
  });

  it('that never answers costs no more than the deadline', async () => {
    const release = bridge.hold();
    await expect(symbolon.getToken()).rejects.toMatchObject({ code: 'unavailable' });
    release();
  });

  it.each([
    ['no JSON', '<html>'],
    ['JSON that is no object', '7'],
    ['no token', '{"expires_in":"900","customer_id":"c1"}'],
    ['no customer', '{"JWT":"x","expires_in":"900"}'],
    ['a life that is no number', '{"JWT":"x","expires_in":"soon","customer_id":"c1"}'],
  ])('that answers %s is told apart from a bridge', async (_what, body) => {
    bridge.broken = { status: 200, body };
    await expect(symbolon.getToken()).rejects.toMatchObject({ code: 'bad_response' });
    expect(symbolon.state()).toBe('unknown');
  });

  it('that refuses the call says so with its own code', async () => {
    const error = { code: 'ORIGIN_NOT_ALLOWED', message: 'This origin may not make this call.' };
    bridge.broken = { status: 403, body: JSON.stringify({ success: false, error }) };
    await expect(symbolon.getToken()).rejects.toMatchObject({
      code: 'refused',
      serverCode: 'ORIGIN_NOT_ALLOWED',
      message: error.message,
    });
  });
});
