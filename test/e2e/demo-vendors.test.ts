import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { VENDOR_IDS } from '../../demo/mock-vendors.ts';
import { type Demo, startDemo } from '../../demo/start.ts';
import { launchBrowser } from '../support/browser.ts';

const ANY_PORTS = { bridge: 0, admin: 0, ops: 0, shop: 0, vendor: 0, backend: 0 };
const SCREENSHOTS = process.env.SYMBOLON_SCREENSHOTS;

let dataDir: string;
let demo: Demo;
let browser: Browser;
let context: BrowserContext;
let page: Page;
/** What the browser complained about, except that a page was answered with a refusal, which is what is shown. */
let complaints: string[];

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'symbolon-demo-vendors-'));
  [demo, browser] = await Promise.all([
    startDemo({ dataDir, ports: ANY_PORTS, print: () => {} }),
    launchBrowser(),
  ]);
});
afterAll(async () => {
  await browser?.close();
  await demo?.close();
  rmSync(dataDir, { recursive: true, force: true });
});

async function openTab(path = '/vendors'): Promise<Page> {
  const tab = await context.newPage();
  tab.on('console', (message) => {
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
      complaints.push(message.text());
  });
  tab.on('pageerror', (error) => complaints.push(error.message));
  await tab.addInitScript({
    content: `addEventListener('securitypolicyviolation', (event) => console.error('policy', event.violatedDirective));`,
  });
  await tab.goto(demo.state.shop_url + path);
  return tab;
}

beforeEach(async () => {
  context = await browser.newContext({ viewport: { width: 1400, height: 900 } });
  complaints = [];
  page = await openTab();
});
afterEach(async () => {
  await context.close();
  if (complaints.length > 0) throw new Error(`The browser complained: ${complaints.join('; ')}`);
});

const greeting = (tab: Page) => tab.locator('[data-greeted]').last();
const greeted = (tab: Page) => tab.locator('[data-greeted]');
const identifierOf = (tab: Page) => tab.locator('.people [data-customer-id]').innerText();
const conversation = (tab: Page) => tab.locator('[data-widget-log]').innerText();
const events = (tab: Page, kind: string) => tab.locator(`.event[data-kind=${kind}]`);
const button = (tab: Page, name: string) => tab.getByRole('button', { name });

async function signIn(tab: Page, name: string): Promise<string> {
  await button(tab, `Sign in as ${name}`).click();
  await greeting(tab).waitFor();
  return identifierOf(tab);
}
async function pick(tab: Page, id: string): Promise<void> {
  await tab.locator(`.pick input[value=${id}]`).check();
  await greeting(tab).waitFor();
}
/** What axe finds on the page. */
async function faults(tab: Page): Promise<string[]> {
  const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
  await tab.evaluate(axe);
  return tab.evaluate<string[]>(
    'axe.run().then(({ violations }) => violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id} ${node.target}`)))',
  );
}
async function picture(name: string): Promise<void> {
  if (SCREENSHOTS) await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), animations: 'disabled' });
}

/** The vendor's own words for a proof that is no more, for one whose name was changed, and for none. */
const REFUSALS: Record<(typeof VENDOR_IDS)[number], { unsigned: string; altered: string; expired?: string }> =
  {
    asapp: {
      unsigned: '401 the company answered 401 INVALID_CUSTOMER_TOKEN',
      altered: '401 the company answered 401 INVALID_CUSTOMER_TOKEN',
    },
    zendesk: { unsigned: 'not a token of three parts', altered: 'Invalid JWT: signature', expired: '(exp)' },
    intercom: { unsigned: 'not a token of three parts', altered: 'Invalid JWT: signature', expired: '(exp)' },
    salesforce: {
      unsigned: 'not a token of three parts',
      altered: 'Invalid JWT: signature',
      expired: '(exp)',
    },
    genesys: { unsigned: 'authCode must be a text', altered: '"invalid_grant"' },
    twilio: { unsigned: 'not a token of three parts', altered: 'Invalid JWT: signature', expired: '(exp)' },
    stream: { unsigned: 'not a token of three parts', altered: 'Invalid JWT: signature', expired: '(exp)' },
    chatwoot: { unsigned: 'the hash is not hex of SHA-256', altered: '403 the hash does not match' },
    sendbird: {
      unsigned: '400310: session token revoked',
      altered: '400310: session token revoked',
      expired: '400309: session token expired',
    },
  };

describe('the vendors of the demo', () => {
  it('all greet the same customer by the same identifier, each on a proof of its own', async () => {
    const identifier = await signIn(page, 'Demo customer 1');
    expect(identifier).toMatch(/^c1[a-z2-7]{32}$/);
    for (const id of VENDOR_IDS) {
      await pick(page, id);
      expect([id, await greeting(page).innerText()]).toEqual([id, identifier]);
      await page.locator('[data-handed] summary').click();
      const handed = await page.locator('[data-handed-words]').innerText();
      // Amounts to more than a name: the identifier goes nowhere alone.
      expect([id, handed.length > identifier.length + 40]).toEqual([id, true]);
      await page.locator('[data-handed] summary').click();
    }
  });

  it.each(VENDOR_IDS)(
    'of which %s refuses an unsigned and an altered visitor, and its switch is named',
    async (id) => {
      await signIn(page, 'Demo customer 1');
      await pick(page, id);
      const names = { unsigned: 'Send an unsigned visitor', altered: 'Alter the proof' } as const;
      for (const [n, how] of (['unsigned', 'altered'] as const).entries()) {
        await button(page, names[how]).click();
        await page.locator('.bubble--switch').nth(n).waitFor();
        expect(await page.locator('.bubble--error').nth(n).innerText()).toContain(REFUSALS[id][how]);
        expect(await page.locator('.bubble--switch').nth(n).innerText()).toMatch(/without a proof: .{40,}/s);
      }
      expect(await greeted(page).count()).toBe(1);
      await picture(`vendor-${id}`);
    },
  );

  it.each(VENDOR_IDS)('of which %s knows the customer again after a sleep of twenty minutes', async (id) => {
    const identifier = await signIn(page, 'Demo customer 1');
    await pick(page, id);
    await button(page, 'Sleep 20 minutes').click();
    await greeted(page).nth(1).waitFor();
    expect(await greeting(page).innerText()).toBe(identifier);
    const { expired } = REFUSALS[id];
    // Where the vendor checks the end: the widget went on with the proof of before, was refused, and asked for another.
    expect(await conversation(page)).toContain(expired ?? 'Hello');
    if (expired) await events(page, 'renewed').first().waitFor();
    expect(await events(page, 'expired').count()).toBe(id === 'genesys' || id === 'chatwoot' ? 0 : 1);
  });
});

describe('the life of the proof', () => {
  it('is shown with what remains, and a proof is renewed before it ends', async () => {
    await signIn(page, 'Demo customer 2');
    await page.getByText(/^1 min 5\d s left of 2 min; renewed in 1 min 3\d s\.$/).waitFor();
    await button(page, 'Sleep 100 seconds').click();
    await events(page, 'renewed').waitFor();
    expect(await events(page, 'renewed').innerText()).toContain('by this tab');
    expect(await events(page, 'expired').count()).toBe(0);
    await page.getByText(/^1 min 5\d s left of 2 min/).waitFor();
  });

  it('is one for two tabs: the laptop wakes, one of them renews and the other takes it over', async () => {
    const identifier = await signIn(page, 'Demo customer 2');
    const [other] = await Promise.all([
      context.waitForEvent('page'),
      page.getByRole('link', { name: 'Open a second tab' }).click(),
    ]);
    await greeting(other).waitFor();
    expect(await identifierOf(other)).toBe(identifier);
    let asked = 0;
    for (const tab of [page, other]) {
      tab.on('request', (request) => {
        if (request.url().endsWith('/channels/asapp/token')) asked += 1;
      });
    }
    const before = [await events(page, 'renewed').count(), await events(other, 'renewed').count()];
    await button(page, 'Sleep 20 minutes').click();
    for (const [n, tab] of [page, other].entries()) {
      await events(tab, 'renewed')
        .nth(before[n] as number)
        .waitFor();
      await greeted(tab).nth(1).waitFor();
    }
    const by = await Promise.all([page, other].map((tab) => events(tab, 'renewed').first().innerText()));
    expect(by.filter((text) => text.includes('by another tab'))).toHaveLength(1);
    expect(asked).toBe(1);
  });

  it('ends in all tabs at sign-out, and the next customer of the device finds nothing of the first', async () => {
    const other = await openTab('/vendors#stream');
    const first = await signIn(page, 'Demo customer 1');
    await greeting(other).waitFor();
    await button(page, 'Sign out').click();
    await page.getByText("ASAPP('unloadAndClearSession')").waitFor();
    await other.getByText('client.disconnectUser()').waitFor();
    for (const tab of [page, other]) {
      await button(tab, 'Sign in as Demo customer 3').waitFor();
      expect(await tab.locator('body').innerText()).not.toContain(first);
      await tab.getByText('No proof is held.').waitFor();
    }
    const second = await signIn(page, 'Demo customer 3');
    expect(second).not.toBe(first);
    await greeting(other).waitFor();
    for (const tab of [page, other]) {
      expect(await greeting(tab).innerText()).toBe(second);
      expect(await tab.locator('body').innerText()).not.toContain(first);
    }
  });
});

describe('the page of the vendors', () => {
  it('can be used by keyboard alone', async () => {
    await button(page, 'Sign in as Demo customer 2').focus();
    await page.keyboard.press('Enter');
    await greeting(page).waitFor();
    await page.locator('.pick input:checked').focus();
    await page.keyboard.press('ArrowRight');
    await page.locator('[data-widget-name]', { hasText: 'Zendesk' }).waitFor();
    await greeting(page).waitFor();
    expect(page.url()).toMatch(/#zendesk$/);
    await page.locator('[data-attempt=altered]').focus();
    await page.keyboard.press('Enter');
    await page.locator('.bubble--switch').waitFor();
  });

  it.each(['light', 'dark'] as const)(
    'has no fault that axe finds, nor has the shop, %s',
    async (colorScheme) => {
      // A card that is still fading in has the colours of a moment.
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      await signIn(page, 'Demo customer 1');
      await pick(page, 'intercom');
      await button(page, 'Alter the proof').click();
      await page.locator('.bubble--switch').waitFor();
      expect(await faults(page)).toEqual([]);
      await picture(`vendors-${colorScheme}`);
      await page.goto(demo.state.shop_url);
      await page.getByText('Hello Demo customer 1').waitFor();
      await page.locator('.chip[aria-disabled=false]').first().waitFor();
      expect(await faults(page)).toEqual([]);
    },
  );

  it('shows no proof whole', async () => {
    await signIn(page, 'Demo customer 1');
    for (const id of ['intercom', 'salesforce', 'genesys', 'chatwoot', 'sendbird']) {
      await pick(page, id);
      await page.locator('summary').evaluateAll((all) => {
        for (const summary of all) (summary as unknown as { click(): void }).click();
      });
      const text = await page.locator('body').innerText();
      expect([id, /eyJ[\w-]{30,}|\b[0-9a-f]{40,}\b/.exec(text)]).toEqual([id, null]);
    }
  });

  it('keeps within the width of a telephone', async () => {
    await page.setViewportSize({ width: 390, height: 844 });
    await signIn(page, 'Demo customer 1');
    expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth')).toBeLessThanOrEqual(0);
    await picture('vendors-telephone');
  });
});
