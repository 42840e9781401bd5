/** The SDK on a page while the service behind it is killed and started again on the same data. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeJwt } from 'jose';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { createSymbolon } from '../../sdk-web/src/index.ts';
import { type BuiltPackage, buildPackage } from '../../sdk-web/test/support/built-package.ts';
import { launchBrowser } from '../support/browser.ts';
import { type ChatPages, openChat, startChatPages } from '../support/chat-page.ts';
import { freePort } from '../support/child-server.ts';
import { configure, type ServeProcess, serve } from './serve-process.ts';

declare const window: {
  symbolon: ReturnType<typeof createSymbolon>;
  chat: { press(needsRefresh?: boolean): Promise<string>; calls: [string, string | undefined][] };
  heard: string[][];
};

const PASSWORD = 'correct horse battery staple';
let sdk: BuiltPackage;
let browser: Browser;
let pages: ChatPages;
let folder: string;
let service: ServeProcess;

beforeAll(async () => {
  sdk = await buildPackage();
  pages = await startChatPages(join(sdk.folder, 'dist'));
  folder = mkdtempSync(join(tmpdir(), 'symbolon-sdk-restart-'));
  const port = await freePort();
  pages.bridge = `http://127.0.0.1:${port}`;
  configure(folder, {
    public_url: pages.bridge,
    listen: { host: '127.0.0.1', port },
    default_channel: 'asapp',
    channels: [
      { id: 'asapp', group: 'chat', profile: 'asapp', delivery: 'cookie', allowed_origins: [pages.origin] },
    ],
  });
  service = await serve(folder);
  await service.admin('POST', '/admin/directories/directory/users', {
    username: 'mira',
    password: PASSWORD,
    reference: '4711',
  });
  browser = await launchBrowser();
});
afterAll(async () => {
  await browser?.close();
  await service?.end('SIGKILL');
  await pages?.close();
  rmSync(folder, { recursive: true, force: true });
  sdk?.remove();
});

describe('a restart of the bridge in the middle of a chat', () => {
  it('costs the customer nothing: the chat goes on with what it has, and renews as the same customer', async () => {
    const context = await browser.newContext();
    const page = await openChat(context, pages.origin, async () => {
      await context.clock.install();
    });
    const customerId = await page.evaluate(
      (password) => window.symbolon.signIn({ username: 'mira', password }),
      PASSWORD,
    );
    const before = await page.evaluate(() => window.chat.press());
    await service.end('SIGKILL');
    expect(await page.evaluate(() => window.chat.press())).toBe(before);

    // The vendor wants a new token while nobody is there: it gets one as soon as somebody is.
    const asked = page.evaluate(() => window.chat.press(true));
    await page.waitForEvent('requestfailed');
    service = await serve(folder);
    await context.clock.runFor(30_000);
    const after = await asked;
    expect(after).not.toBe(before);
    expect(decodeJwt(after).sub).toBe(customerId);
    const { calls, state, heard } = await page.evaluate(() => ({
      calls: window.chat.calls,
      state: window.symbolon.state(),
      heard: window.heard,
    }));
    expect({ calls, state, heard }).toEqual({ calls: [['load', customerId]], state: 'signed_in', heard: [] });
    await context.close();
  });
});
