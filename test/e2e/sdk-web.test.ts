/** The browser SDK on a page in a real Chromium, against the real service. Clocks of both are moved, nobody waits. */
import { join } from 'node:path';
import { decodeJwt } from 'jose';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { buildPackage, type BuiltPackage } from '../../sdk-web/test/support/built-package.ts';
import type { createSymbolon, SymbolonError } from '../../sdk-web/src/index.ts';
import type { ConfigInput } from '../../src/config/config.ts';
import { launchBrowser } from '../support/browser.ts';
import { type ChatPages, openChat, startChatPages } from '../support/chat-page.ts';
import { createTestClock, type TestClock } from '../support/clock.ts';
import { PASSWORD, startService, type TestService } from '../support/service.ts';

/** What the page puts on its window. */
interface ChatWindow {
  symbolon: ReturnType<typeof createSymbolon>;
  chat: {
    calls: [string, string | undefined][];
    press(needsRefresh?: boolean): Promise<string>;
    say(text: string): void;
  };
  heard: string[][];
  codeOf(work: Promise<unknown>): Promise<SymbolonError['code'] | undefined>;
}
declare const window: ChatWindow;
declare const indexedDB: { databases(): Promise<unknown[]> };
declare const caches: { keys(): Promise<string[]> };

const MINUTE_MS = 60_000;
const PROOF = /\/channels\/asapp\/token$/;
let sdk: BuiltPackage;
let browser: Browser;
let pages: ChatPages;
let t: TestService;
let clock: TestClock;
let context: BrowserContext;
/** Requests for a proof that left the browser. */
let proofs: string[];
let complaints: string[];

const settingsOf =
  (sessions = {}) =>
  (all: ConfigInput): ConfigInput => ({
    ...all,
    sessions: { absolute_seconds: 86_400, ...sessions },
    channels: [
      ...(all.channels ?? []),
      {
        id: 'asapp',
        group: 'north',
        profile: 'asapp',
        delivery: 'cookie',
        allowed_origins: [pages.origin, pages.otherSite],
      },
    ],
  });

async function newContext(from: Browser): Promise<BrowserContext> {
  const made = await from.newContext();
  made.on('request', (request) => {
    if (request.method() === 'POST' && PROOF.test(request.url())) proofs.push(request.url());
  });
  made.on('console', (message) => {
    // That nobody is signed in, and a bridge that is down, are told by the browser as errors of the network.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) {
      complaints.push(message.text());
    }
  });
  made.on('weberror', (error) => complaints.push(error.error().message));
  return made;
}

const open = (address = pages.origin) => openChat(context, address);
const signIn = (page: Page, username = 'mira') =>
  page.evaluate(
    ([name, password]) => window.symbolon.signIn({ username: name as string, password: password as string }),
    [username, PASSWORD],
  );
/** Both clocks; the page's timers fire. */
async function pass(ms: number): Promise<void> {
  clock.advance(ms);
  await context.clock.fastForward(ms);
}
const press = (page: Page, needsRefresh = false) =>
  page.evaluate((refresh) => window.chat.press(refresh), needsRefresh);
const expiresMs = (token: string) => (decodeJwt(token).exp as number) * 1000;

beforeAll(async () => {
  sdk = await buildPackage();
  pages = await startChatPages(join(sdk.folder, 'dist'));
  browser = await launchBrowser();
});
afterAll(async () => {
  await browser?.close();
  await pages?.close();
  sdk?.remove();
});
beforeEach(async () => {
  proofs = [];
  complaints = [];
  // The browser keeps cookies by its own clock.
  clock = createTestClock({ nowMs: Date.now() });
  t = await startService({ clock, settings: settingsOf() });
  pages.bridge = t.url;
  pages.options = {};
  context = await newContext(browser);
  // All pages of the browser have one clock, which starts where the service's stands.
  await context.clock.install({ time: clock.nowMs() });
});
afterEach(async () => {
  await context.close();
  await t.dispose();
});

describe('a chat of eight hours', () => {
  it('always has a proof that lives, renewed once in its life, without the customer noticing', async () => {
    const page = await open();
    const customerId = await signIn(page);
    await press(page);
    const renewals = 36;
    for (let renewal = 0; renewal < renewals; renewal++) {
      await Promise.all([page.waitForResponse(PROOF), pass(13.5 * MINUTE_MS)]);
      const token = await press(page);
      expect(expiresMs(token)).toBeGreaterThan(clock.nowMs() + 10 * MINUTE_MS);
      expect(decodeJwt(token).sub).toBe(customerId);
    }
    expect(renewals * 13.5).toBeGreaterThan(8 * 60);
    expect(proofs).toHaveLength(renewals + 1);
    expect(await page.evaluate(() => window.heard)).toEqual([]);
    expect(complaints).toEqual([]);
  });

  it('asks the bridge for nothing at the keys that are pressed', async () => {
    const page = await open();
    await signIn(page);
    await page.evaluate(async () => {
      for (let key = 0; key < 500; key++) await window.chat.press();
    });
    expect(proofs).toHaveLength(1);
  });
});

describe('a page that is left open', () => {
  it('lets the session run out where the company wants that', async () => {
    pages.options = { keepAlive: false };
    const page = await open();
    await signIn(page);
    await press(page);
    for (let step = 0; step < 3; step++) await pass(11 * MINUTE_MS);
    expect(proofs).toHaveLength(1);
    expect(await page.evaluate(() => window.codeOf(window.symbolon.getProof()))).toBe('signed_out');
  });
});

describe('a device that slept', () => {
  it('renews when the network comes back', async () => {
    const page = await open();
    await signIn(page);
    const before = await press(page);
    await context.setOffline(true);
    // Asleep: the time goes on, timers do not.
    clock.advance(20 * MINUTE_MS);
    await context.clock.setSystemTime(clock.nowMs());
    await Promise.all([page.waitForResponse(PROOF), context.setOffline(false)]);
    const token = await press(page);
    expect(token).not.toBe(before);
    expect(expiresMs(token)).toBeGreaterThan(clock.nowMs());
    expect(proofs).toHaveLength(2);
  });

  it('renews without any event soon after, by the clock that went on', async () => {
    const page = await open();
    await signIn(page);
    await press(page);
    clock.advance(20 * MINUTE_MS);
    await context.clock.setSystemTime(clock.nowMs());
    await Promise.all([page.waitForResponse(PROOF), context.clock.runFor(10_000)]);
    expect(expiresMs(await press(page))).toBeGreaterThan(clock.nowMs());
  });

  it('is told that the session ended meanwhile, and no anonymous chat takes its place', async () => {
    const page = await open();
    await signIn(page);
    await press(page);
    // Longer than a session may lie unused.
    clock.advance(31 * MINUTE_MS);
    await context.clock.setSystemTime(clock.nowMs());
    await Promise.all([page.waitForResponse(PROOF), context.clock.runFor(10_000)]);
    await page.waitForFunction(() => window.symbolon.state() === 'signed_out');
    expect(await page.evaluate(() => window.heard)).toEqual([['signed_out', 'ended']]);
    expect(await page.evaluate(() => window.codeOf(window.symbolon.getProof()))).toBe('signed_out');
    const calls = await page.evaluate(() => window.chat.calls.map(([name]) => name));
    expect(calls).toEqual(['load', 'unloadAndClearSession']);
  });
});

describe('two tabs', () => {
  it('have one renewal between them', async () => {
    const [first, second] = [await open(), await open()];
    await signIn(first);
    await second.waitForFunction(() => window.symbolon.state() === 'signed_in');
    await Promise.all([press(first), press(second)]);
    for (let renewal = 1; renewal <= 5; renewal++) {
      clock.advance(13 * MINUTE_MS);
      // Set and not moved on: pages that were opened one after the other would differ by that.
      await context.clock.setSystemTime(clock.nowMs());
      await context.clock.runFor(10_000);
      const tokens = await Promise.all([press(first), press(second)]);
      expect(new Set(tokens).size).toBe(1);
    }
    expect(proofs).toHaveLength(6);
    expect(complaints).toEqual([]);
  });

  it('are signed out together, each with its widget, and turn to the next customer together', async () => {
    const [first, second] = [await open(), await open()];
    const mira = await signIn(first);
    await second.waitForFunction(() => window.chat.calls.length === 1);
    await first.evaluate(() => window.symbolon.logout());
    await second.waitForFunction(() => window.chat.calls.length === 2);
    const noor = await signIn(second, 'noor');
    await first.waitForFunction(() => window.chat.calls.length === 3);
    for (const page of [first, second]) {
      expect(await page.evaluate(() => window.chat.calls)).toEqual([
        ['load', mira],
        ['unloadAndClearSession', undefined],
        ['load', noor],
      ]);
    }
  });
});

describe('a shared device', () => {
  it('keeps nothing of the first customer after the sign-out: page, stores, cookies, memory', async () => {
    // With its own clock: a clock that is moved remembers what its timers were set for.
    await context.close();
    context = await newContext(browser);
    const page = await open();
    await signIn(page);
    // Read from the wire: what the test itself asked the page for would stay in its memory.
    const [answer] = await Promise.all([
      page.waitForResponse(PROOF),
      page.evaluate(() => window.chat.press().then(() => {})),
    ]);
    const { token } = (await answer.json()) as { token: string };
    await page.evaluate(() => window.chat.say('my account number is 4711'));
    expect(await page.locator('[data-chat]').innerText()).toContain('4711');
    await page.evaluate(() => window.symbolon.logout());

    expect(await page.locator('[data-chat]').innerText()).toBe('');
    const kept = await page.evaluate(async () => ({
      local: Object.entries(localStorage),
      session: Object.entries(sessionStorage),
      databases: await indexedDB.databases(),
      caches: await caches.keys(),
      snapshot: window.symbolon.snapshot(),
    }));
    expect(kept).toEqual({
      local: [],
      session: [],
      databases: [],
      caches: [],
      snapshot: { state: 'signed_out' },
    });
    expect(await context.cookies(t.url)).toEqual([]);
    await page.evaluate(
      () => void ((window as unknown as { seen: string }).seen = 'conversation-of-the-page'),
    );
    const heap = await heapOf(page);
    expect([heap.includes(token), heap.includes('conversation-of-the-page')]).toEqual([false, true]);
  });

  it('shows the next customer nothing, although the first one only closed the page', async () => {
    const page = await open();
    const mira = await signIn(page);
    await page.evaluate(() => window.chat.say('my account number is 4711'));
    await page.close();
    await context.clearCookies();
    const next = await open();
    const noor = await signIn(next, 'noor');
    await next.waitForFunction((id) => window.chat.calls.at(-1)?.[1] === id, noor);
    expect(await next.locator('[data-chat]').innerText()).toBe(noor);
    expect(JSON.stringify(await next.evaluate(() => Object.entries(localStorage)))).not.toContain(mira);
  });
});

describe('trouble on the way', () => {
  it('of a minute without the bridge is over by itself, and the chat went on with the proof it had', async () => {
    const page = await open();
    await signIn(page);
    const before = await press(page);
    await page.route('**/channels/**', (route) => route.abort());
    clock.advance(12.5 * MINUTE_MS);
    await Promise.all([page.waitForEvent('requestfailed'), context.clock.fastForward(12.5 * MINUTE_MS)]);
    expect(await press(page)).toBe(before);
    for (let retry = 0; retry < 4; retry++) {
      await Promise.all([page.waitForEvent('requestfailed'), context.clock.runFor(11_000)]);
    }
    clock.advance(MINUTE_MS);
    expect(proofs).toHaveLength(6);
    await page.unroute('**/channels/**');
    await Promise.all([page.waitForResponse(PROOF), context.clock.runFor(30_000)]);
    await page.waitForFunction((old) => window.chat.press().then((token) => token !== old), before);
    const heard = await page.evaluate(() => window.heard);
    expect(new Set(heard.map((entry) => entry.join()))).toEqual(new Set(['error,unavailable']));
    expect(await page.evaluate(() => window.symbolon.state())).toBe('signed_in');
  });

  it('of a slow network holds up no key that is pressed, and makes no second request', async () => {
    const page = await open();
    await signIn(page);
    const before = await press(page);
    let release = () => {};
    const slow = new Promise<void>((done) => {
      release = done;
    });
    await page.route('**/channels/**', async (route) => {
      await slow;
      await route.continue();
    });
    await Promise.all([page.waitForRequest(PROOF), pass(12.5 * MINUTE_MS)]);
    // Less than the ten seconds after which a call is given up.
    await context.clock.runFor(8_000);
    expect(proofs).toHaveLength(2);
    const pressed = page.evaluate(() => Promise.all(Array.from({ length: 20 }, () => window.chat.press())));
    const answer = page.waitForResponse(PROOF);
    release();
    await answer;
    const tokens = new Set(await pressed);
    expect(tokens.size).toBe(1);
    expect(tokens).not.toContain(before);
    expect(proofs).toHaveLength(2);
  });
});

describe('a browser that keeps no cookie of the bridge, because that is another site to it', () => {
  it('is told apart from a customer who is signed out; on the bridge’s own site all works', async () => {
    const foreign = await open(pages.otherSite);
    await signIn(foreign);
    const code = await foreign.evaluate(() => window.codeOf(window.symbolon.getProof()));
    expect(code).toBe('cookie_blocked');
    expect(await foreign.evaluate(() => window.symbolon.state())).toBe('signed_out');
    const own = await open();
    const customerId = await signIn(own);
    expect(decodeJwt(await press(own)).sub).toBe(customerId);
  });
});

describe('a strict content security policy', () => {
  it('is kept by modules and by the script tag with a nonce', async () => {
    const page = await open();
    await signIn(page);
    await press(page);
    const tagged = await context.newPage();
    await tagged.goto(`${pages.origin}/script-tag`);
    const state = await tagged.evaluate((baseUrl) => {
      const script = window as unknown as { Symbolon: { createSymbolon: typeof createSymbolon } };
      return script.Symbolon.createSymbolon({ baseUrl, channel: 'asapp' }).start();
    }, t.url);
    expect(state).toBe('signed_in');
    expect(complaints).toEqual([]);
  });
});

describe('a page of an attacker', () => {
  it.each([
    ['on another port of the same host, where the cookie goes along', '127.0.0.1'],
    ['on another site', 'localhost'],
  ])('%s gets nothing', async (_where, host) => {
    const page = await open();
    await signIn(page);
    await press(page);
    const attacker = await startChatPages(join(sdk.folder, 'dist'));
    attacker.bridge = t.url;
    try {
      const address = `${attacker.origin.replace('127.0.0.1', host)}/blank`;
      const evil = await context.newPage();
      const answers: string[] = [];
      evil.on('response', (response) => {
        if (response.url().startsWith(t.url) && response.request().method() !== 'OPTIONS') {
          answers.push(`${response.status()} ${response.url()}`);
        }
      });
      await evil.goto(address);
      const loot = await evil.evaluate(attack, t.url);
      expect(loot).toEqual(Array.from({ length: loot.length }, () => 'nothing'));
      expect(loot.length).toBeGreaterThan(10);
      expect(answers.filter((answer) => answer.startsWith('2'))).toEqual([]);
      expect(await page.evaluate(() => window.symbolon.state())).toBe('signed_in');
      expect(decodeJwt(await press(page, true)).sub).toBeDefined();
    } finally {
      await attacker.close();
    }
  });
});

/** Runs in the attacker's page: all ways to the customer's proof or session that a page has. */
async function attack(bridge: string): Promise<string[]> {
  const json = JSON.stringify({ channel: 'asapp', delivery: 'token' });
  const paths: [string, string][] = [
    ['POST', '/channels/asapp/token'],
    ['POST', '/customer_session/token'],
    ['GET', '/customer_session'],
    ['DELETE', '/customer_session'],
    ['POST', '/customer_authenticate'],
  ];
  const tried = paths.flatMap(([method, path]) => {
    const body = method === 'POST' ? { body: json } : {};
    const common = { method, credentials: 'include' as const, ...body };
    return [
      fetch(bridge + path, {
        ...common,
        headers: { 'X-Symbolon-CSRF': '1', 'Content-Type': 'application/json' },
      }),
      fetch(bridge + path, { ...common, headers: { 'Content-Type': 'text/plain' } }),
      ...(method === 'DELETE' ? [] : [fetch(bridge + path, { ...common, mode: 'no-cors' as const })]),
    ];
  });
  const read = tried.map((call) =>
    call.then(
      async (response) => ((await response.text()).includes('c1') ? 'something' : 'nothing'),
      () => 'nothing',
    ),
  );
  const overheard = new Promise<string>((done) => {
    const line = new BroadcastChannel(`symbolon ${bridge}`);
    line.addEventListener('message', () => done('something'));
    line.postMessage({ customerId: 'c1attacker' });
    setTimeout(() => done('nothing'), 100);
  });
  return Promise.all([...read, overheard]);
}

/** All strings that the page's memory holds after a garbage collection. */
async function heapOf(page: Page): Promise<string> {
  const session = await page.context().newCDPSession(page);
  const parts: string[] = [];
  session.on('HeapProfiler.addHeapSnapshotChunk', ({ chunk }) => parts.push(chunk));
  await session.send('HeapProfiler.collectGarbage');
  await session.send('HeapProfiler.takeHeapSnapshot', { reportProgress: false });
  await session.detach();
  return parts.join('');
}
