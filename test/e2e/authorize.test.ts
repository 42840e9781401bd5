import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import axe from 'axe-core';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { launchBrowser } from '../support/browser.ts';
import { authorizeAddress, pkce, redemption, registerApp, type TestApp } from '../support/oauth-app.ts';
import { PASSWORD } from '../support/service.ts';
import { freeLoopbackService, type TestService } from '../support/service-on-loopback.ts';

/** Where to leave pictures of the pages; nowhere by default. */
const SCREENSHOTS = process.env.SYMBOLON_SCREENSHOTS;

let t: TestService;
let browser: Browser;
let callbackServer: Server;
let app: TestApp;
let context: BrowserContext;
let page: Page;
let complaints: string[];
const { verifier, challenge } = pkce();

beforeAll(async () => {
  callbackServer = createServer((_req, res) => {
    res.writeHead(200, { 'content-type': 'text/html' });
    res.end('<!doctype html><title>App</title><link rel="icon" href="data:,"><h1>Back in the app</h1>');
  });
  await new Promise<void>((resolve) => callbackServer.listen(0, '127.0.0.1', resolve));
  const { port } = callbackServer.address() as { port: number };
  [t, browser] = await Promise.all([
    freeLoopbackService((settings) => ({ ...settings, oauth: { company_name: 'Example Bank' } })),
    launchBrowser(),
  ]);
  app = await registerApp(t, { redirect_uris: [`http://127.0.0.1:${port}/callback`] });
});
afterAll(async () => {
  await browser?.close();
  callbackServer?.close();
  await t?.dispose();
});

async function open(options: Parameters<Browser['newContext']>[0] = {}) {
  context = await browser.newContext({ viewport: { width: 900, height: 800 }, ...options });
  page = await context.newPage();
  complaints = [];
  page.on('console', (message) => {
    // A browser notes every answer that is not a success; a refused sign-in is one.
    const isStatus = message.text().includes('the server responded with a status of 401');
    if (message.type() === 'error' && !isStatus) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
}

const picture = async (name: string) => {
  if (SCREENSHOTS) await page.screenshot({ path: join(SCREENSHOTS, `oauth-${name}.png`) });
};

/** What axe-core finds wrong on the page: WCAG 2.2 A and AA, and its best practices. */
async function accessibilityProblems(): Promise<string[]> {
  await page.evaluate(axe.source);
  const result = (await page.evaluate('axe.run()')) as axe.AxeResults;
  expect(result.passes.length).toBeGreaterThan(5);
  return result.violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(' ')}`);
}

async function signIn(password = PASSWORD) {
  await page.getByLabel('User name').fill('mira');
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

const start = () => page.goto(t.url + authorizeAddress(app, challenge));
const backInApp = async () => {
  await page.getByRole('heading', { name: 'Back in the app' }).waitFor();
  return new URL(page.url()).searchParams;
};

afterEach(async () => {
  await context.close();
});

describe.each([
  ['with JavaScript', true],
  ['without JavaScript', false],
])('the pages %s', (_what, javaScriptEnabled) => {
  beforeEach(() => open({ javaScriptEnabled }));

  it('lead from sign-in over a wrong password and consent back to the app', async () => {
    await start();
    await picture('sign-in');
    await signIn('not the password');
    await page.getByRole('alert').filter({ hasText: 'wrong' }).waitFor();
    expect(await page.getByLabel('User name').inputValue()).toBe('mira');
    expect(await page.getByLabel('Password').inputValue()).toBe('');
    await signIn();
    await page.getByRole('heading', { name: 'Connect Budget App?' }).waitFor();
    await picture('consent');
    await page.getByRole('button', { name: 'Allow', exact: true }).click();
    const answer = await backInApp();
    expect(answer.get('state')).toBe('a state+/&= with everything');
    const { body } = await t.api
      .post('/oauth/token')
      .send(redemption(app, answer.get('code') as string, verifier))
      .expect(200);
    expect(body.scope).toBe('profile:read');

    await page.goto(`${t.url}/oauth/connected-apps`);
    await picture('connected-apps');
    await page.getByRole('button', { name: 'Remove access of Budget App' }).click();
    await page.getByText('No app has access').waitFor();
    expect(complaints).toEqual([]);
  });

  it('take a refusal back to the app', async () => {
    await start();
    await signIn();
    await page.getByRole('button', { name: 'Do not allow' }).click();
    expect((await backInApp()).get('error')).toBe('access_denied');
    expect(complaints).toEqual([]);
  });
});

describe.each(['light', 'dark'] as const)('the pages in the %s', (colorScheme) => {
  it('have nothing that an accessibility check objects to', async () => {
    await open({ colorScheme });
    await start();
    expect(await accessibilityProblems()).toEqual([]);
    await signIn('not the password');
    await page.getByRole('alert').waitFor();
    expect(await accessibilityProblems()).toEqual([]);
    await signIn();
    await page.getByRole('heading', { name: 'Connect Budget App?' }).waitFor();
    await picture(`consent-${colorScheme}`);
    expect(await accessibilityProblems()).toEqual([]);
    await page.getByRole('button', { name: 'Allow', exact: true }).click();
    await backInApp();
    await page.goto(`${t.url}/oauth/connected-apps`);
    expect(await accessibilityProblems()).toEqual([]);
    await page.getByRole('button', { name: 'Remove access of Budget App' }).click();
    await page.getByText('No app has access').waitFor();
    await page.goto(`${t.url}/oauth/authorize?client_id=nobody`);
    await picture(`problem-${colorScheme}`);
    expect(await accessibilityProblems()).toEqual([]);
  });
});

describe('the pages on a telephone, by keyboard', () => {
  it('fit its width and need no pointer', async () => {
    await open({ viewport: { width: 360, height: 700 } });
    await start();
    await page.getByLabel('User name').focus();
    await page.keyboard.type('mira');
    await page.keyboard.press('Tab');
    await page.keyboard.type(PASSWORD);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Connect Budget App?' }).waitFor();
    await picture('telephone');
    expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth')).toBeLessThanOrEqual(0);
    await page.getByRole('button', { name: 'Do not allow' }).focus();
    await page.keyboard.press('Enter');
    expect((await backInApp()).get('error')).toBe('access_denied');
  });
});
