import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { type Demo, startDemo } from '../../demo/start.ts';
import { launchBrowser } from '../support/browser.ts';

const ANY_PORTS = { bridge: 0, admin: 0, ops: 0, shop: 0, vendor: 0, backend: 0 };
const SCREENSHOTS = process.env.SYMBOLON_SCREENSHOTS;

let dataDir: string;
let demo: Demo;
let browser: Browser;
let context: BrowserContext;
let page: Page;
/** What the browser complained about, except that nobody is signed in yet. */
let complaints: string[];

async function openPage(options: { width: number; height: number }): Promise<void> {
  context = await browser.newContext({ viewport: options });
  page = await context.newPage();
  complaints = [];
  page.on('console', (message) => {
    const signedOut = message.location().url === `${demo.state.public_url}/customer_session`;
    if (message.type() === 'error' && !signedOut) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  await page.addInitScript({
    content: `addEventListener('securitypolicyviolation', (event) => console.error('policy', event.violatedDirective));`,
  });
  await page.goto(demo.state.shop_url);
  await page.locator('[data-when=signed_out]:not([hidden])').waitFor();
}

const picture = async (name: string) => {
  if (SCREENSHOTS) await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), animations: 'disabled' });
};
const signIn = async (name: string) => {
  await page.getByRole('button', { name }).click();
  await page.getByText(`Hello ${name}`).waitFor();
  await page.locator('.chip[aria-disabled=false]').first().waitFor();
};
const signOut = async () => {
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByText('The chat knows nobody').waitFor();
};
const ask = async (question: string, answer: string) => {
  const answers = page.locator('.bubble--bot:not(.bubble--waiting)');
  const before = await answers.count();
  await page.locator('.chip', { hasText: question }).click();
  await answers.nth(before).waitFor();
  await page.locator('.chip[aria-disabled=false]').first().waitFor();
  expect(await answers.nth(before).innerText()).toContain(answer);
};
const shownCalls = () => page.locator('.call__path').allTextContents();

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'symbolon-demo-'));
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

describe('the demo page', () => {
  beforeEach(() => openPage({ width: 1400, height: 900 }));
  afterEach(async () => {
    await context.close();
  });

  it('recognises the signed-in customer, answers from the profile and shows every call', async () => {
    await picture('signed-out');
    await signIn('Demo customer 1');
    await ask('What is my plan?', 'Fibre 500');
    await ask('What is my balance?', '€42.50');
    const calls = await shownCalls();
    for (const path of ['/customer_session/token', '/getprofile', '/crm/customer', '/billing/account']) {
      expect(calls).toContain(path);
    }
    expect(calls).toContain('/access_token?grant_type=client_credentials');
    const claims = await page.locator('.token dt').allTextContents();
    expect(claims).toEqual(expect.arrayContaining(['iss', 'aud', 'sub', 'iat', 'exp', 'jti', 'sid', 'ref']));
    await picture('answered');
    expect(complaints).toEqual([]);
  });

  it('has the chat vendor send a message for the customer, without the token of the company', async () => {
    await signIn('Demo customer 1');
    await page.getByRole('button', { name: 'Send it by CMzon' }).click();
    await page.getByText(/^CMzon has queued it as wamid\.\d+\.$/).waitFor();
    expect(await shownCalls()).toEqual(
      expect.arrayContaining(['/chat/phone', '/partners/cmzon/v1/messages']),
    );
    await signOut();
    await signIn('Demo customer 2');
    expect(await page.locator('[data-phone-result]').innerText()).toBe('');
    expect(complaints).toEqual([]);
  });

  it('forgets the conversation at sign-out and shows no word of it to the next customer', async () => {
    await signIn('Demo customer 1');
    await ask('What is my plan?', 'Fibre 500');
    await ask('Who am I to you?', 'You are Demo customer 1');
    const identifier = await page.locator('[data-customer-id]').innerText();
    await signOut();
    const chatAfter = await page.locator('[data-chat]').innerText();
    expect(chatAfter).not.toMatch(/Demo customer 1|Fibre 500/);

    await signIn('Demo customer 2');
    await ask('What is my plan?', 'Mobile Plus');
    for (const place of ['[data-chat]', '.story', '.account']) {
      const text = await page.locator(place).innerText();
      expect(text).not.toContain('Demo customer 1');
      expect(text).not.toContain('Fibre 500');
      expect(text).not.toContain(identifier);
    }
    expect(complaints).toEqual([]);
  });

  it('brings the conversation back when the same customer signs in again, also after a reload', async () => {
    await signIn('Demo customer 3');
    await ask('What is my plan?', 'Home and Mobile Duo');
    await signOut();
    await signIn('Demo customer 3');
    await page.locator('.bubble', { hasText: 'Home and Mobile Duo' }).waitFor();
    await page.reload();
    await page.getByText('Hello Demo customer 3, welcome back').waitFor();
    expect(complaints).toEqual([]);
  });

  it('says that a password is wrong, and signs nobody in', async () => {
    await page.getByLabel('User name').fill('customer1');
    await page.getByLabel('Password').fill('not the password');
    await page.locator('[data-sign-in-form] button').click();
    await page.getByRole('alert').filter({ hasText: 'wrong' }).waitFor();
    expect(await page.getByRole('button', { name: 'Sign out' }).isVisible()).toBe(false);
  });

  it('shows the sign-in again when the session was ended elsewhere', async () => {
    await signIn('Demo customer 1');
    const identifier = await page.locator('[data-customer-id]').innerText();
    const { admin_url, admin_token } = demo.state;
    const ended = await fetch(`${admin_url}/admin/customers/${identifier}/end-sessions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${admin_token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ reason: 'a test of the demo page' }),
    });
    expect(ended.status).toBe(200);
    await page.locator('.chip', { hasText: 'plan' }).click();
    await page.getByRole('alert').filter({ hasText: 'Your session is over' }).waitFor();
    expect(await page.locator('[data-chat]').innerText()).not.toContain('Demo customer 1');
  });

  it('takes nobody for signed out while the bridge does not answer', async () => {
    await signIn('Demo customer 1');
    await page.route('**/customer_session', (route) => route.abort());
    await page.reload();
    await page.getByText('The bridge does not answer').waitFor();
    expect(await page.getByRole('heading', { name: 'Sign in' }).isVisible()).toBe(false);
    await page.unroute('**/customer_session');
    await page.getByText('Hello Demo customer 1').waitFor();
  });

  it('can be used by keyboard alone', async () => {
    await page.getByRole('button', { name: 'Demo customer 2' }).focus();
    await page.keyboard.press('Enter');
    await page.getByText('Hello Demo customer 2').waitFor();
    await page.getByLabel('Your message').focus();
    await page.keyboard.type('What is my balance?');
    await page.keyboard.press('Enter');
    await page.locator('.bubble--bot', { hasText: '€0.00' }).waitFor();
    const card = page.locator('.call', { hasText: '/billing/account' }).last().locator('summary');
    await card.focus();
    await page.keyboard.press('Enter');
    const opened = page.locator('.call details[open] pre', { hasText: 'A-100002' });
    await expect.poll(() => opened.count()).toBeGreaterThan(0);
  });

  it('shows no secret whole, wherever a card is opened', async () => {
    await signIn('Demo customer 1');
    await page.locator('.call summary').evaluateAll((all) => {
      for (const summary of all) (summary as unknown as { click(): void }).click();
    });
    const text = await page.locator('.story').innerText();
    const { clients, api_keys, platform_keys, customers } = demo.state;
    for (const secret of [
      ...clients.map((one) => one.client_secret),
      ...[...api_keys, ...platform_keys].flatMap((one) => [one.id, one.secret]),
      ...customers.map((one) => one.password),
    ]) {
      expect(text).not.toContain(secret);
    }
    expect(text).not.toMatch(/eyJ[\w-]{30,}/);
  });
});

describe('the demo page on a telephone', () => {
  it('keeps sign-in, chat and calls within the width of the screen', async () => {
    await openPage({ width: 390, height: 844 });
    await signIn('Demo customer 1');
    await ask('What is my plan?', 'Fibre 500');
    const wide = await page.evaluate('document.documentElement.scrollWidth - innerWidth');
    expect(wide).toBeLessThanOrEqual(0);
    await picture('telephone');
    expect(complaints).toEqual([]);
    await context.close();
  });
});

describe('demo.json', () => {
  it('can be read by its owner alone and names two partners with their own credentials', () => {
    const file = join(dataDir, 'demo.json');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const state = JSON.parse(readFileSync(file, 'utf8')) as Demo['state'];
    expect(state.customers.map((one) => one.username)).toEqual(['customer1', 'customer2', 'customer3']);
    expect(new Set(state.clients.map((one) => one.partner)).size).toBe(2);
    const home = state.channels.find((one) => one.id === state.default_channel)?.partner;
    expect([state.clients[0]?.partner, state.api_keys[0]?.partner]).toEqual([home, home]);
    for (const { partner } of state.clients) {
      const labels = state.api_keys.filter((one) => one.partner === partner).map((one) => one.label);
      expect(labels).toEqual(['plain', 'signed', 'expired', 'restricted', 'tight']);
      const schemes = state.api_keys.filter((one) => one.partner === partner).map((one) => one.signature);
      expect(schemes).toEqual(['none', 'any', 'none', 'none', 'none']);
    }
  });

  it('refuses a second start on the same folder and leaves the first alone', async () => {
    const second = startDemo({ dataDir, ports: ANY_PORTS, print: () => {} });
    await expect(second).rejects.toThrow('Another process uses the database');
    expect((await fetch(`${demo.state.public_url}/health/live`)).status).toBe(200);
    expect(JSON.parse(readFileSync(join(dataDir, 'demo.json'), 'utf8'))).toEqual(demo.state);
  });

  it('is made whole again when it or the database was deleted', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'symbolon-demo-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const start = async () => {
      const one = await startDemo({ dataDir: folder, ports: ANY_PORTS, print: () => {} });
      const { username, password } = one.state.customers[1] as { username: string; password: string };
      const answer = await fetch(`${one.state.public_url}/customer_authenticate`, {
        method: 'POST',
        body: new URLSearchParams({ username, password, channel: 'ios' }),
      });
      const { customer_id } = (await answer.json()) as { customer_id?: string };
      await one.close();
      return { status: answer.status, customer_id, state: one.state };
    };
    const first = await start();
    rmSync(join(folder, 'demo.json'));
    const second = await start();
    expect(second).toMatchObject({ status: 200, customer_id: first.customer_id });
    for (const file of ['demo.db', 'demo.db-wal', 'demo.db-shm']) rmSync(join(folder, file), { force: true });
    const third = await start();
    expect(third.status).toBe(200);
    expect(third.state.customers).toEqual(second.state.customers);
    expect(third.state.api_keys).not.toEqual(second.state.api_keys);
  });

  it('keeps passwords, keys, addresses and sessions over a restart', async () => {
    await openPage({ width: 1400, height: 900 });
    await signIn('Demo customer 2');
    const identifier = await page.locator('[data-customer-id]').innerText();
    const before = demo.state;
    await demo.close();
    demo = await startDemo({ dataDir, print: () => {} });
    expect(demo.state).toEqual(before);
    await page.reload();
    await page.getByText('Hello Demo customer 2').waitFor();
    expect(await page.locator('[data-customer-id]').innerText()).toBe(identifier);
    await context.close();
  });
});
