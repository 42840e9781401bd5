/** The React entry of the browser SDK, drawn by React in a real Chromium. */
import { createServer, type Server } from 'node:http';
import { join, resolve } from 'node:path';
import type { Browser } from 'playwright-core';
import { build } from 'vite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { createSymbolon } from '../../sdk-web/src/index.ts';
import { listen, shut } from '../support/backend.ts';
import { launchBrowser } from '../support/browser.ts';
import { PASSWORD, SHOP_ORIGIN, startService, type TestService } from '../support/service.ts';
import { createTestClock } from '../support/clock.ts';

declare const window: { symbolon: ReturnType<typeof createSymbolon> };

const root = resolve(import.meta.dirname, '../..');
let browser: Browser;
let t: TestService;
let script: string;
let server: Server;
let origin: string;

beforeAll(async () => {
  const built = await build({
    root,
    logLevel: 'silent',
    define: { 'process.env.NODE_ENV': '"production"' },
    resolve: {
      alias: [
        { find: '@symbolon/sdk-web/react', replacement: join(root, 'sdk-web/src/react.ts') },
        { find: '@symbolon/sdk-web', replacement: join(root, 'sdk-web/src/index.ts') },
      ],
    },
    build: {
      write: false,
      lib: { entry: join(import.meta.dirname, 'page/react-page.js'), formats: ['es'], fileName: 'page' },
    },
  });
  script = (Array.isArray(built) ? built : [built])
    .flatMap((part) => ('output' in part ? part.output : []))
    .map((part) => ('code' in part ? part.code : ''))
    .join('');
  server = createServer((request, response) => {
    const [type, body] = request.url?.endsWith('.js')
      ? ['text/javascript', script]
      : ['text/html', '<!doctype html><main></main><script type="module" src="/page.js"></script>'];
    response.writeHead(200, { 'content-type': type }).end(body);
  });
  origin = await listen(server);
  t = await startService({
    clock: createTestClock({ nowMs: Date.now() }),
    settings: (all) => ({
      ...all,
      channels: (all.channels ?? []).map((channel) =>
        channel.id === 'web' ? { ...channel, allowed_origins: [SHOP_ORIGIN, origin] } : channel,
      ),
    }),
  });
  browser = await launchBrowser();
});
afterAll(async () => {
  await browser?.close();
  await t?.dispose();
  await shut(server);
});

describe('useCustomer', () => {
  it('draws the customer at the sign-in and nobody at the sign-out', async () => {
    const page = await browser.newPage();
    await page.goto(`${origin}/?bridge=${encodeURIComponent(t.url)}`);
    await page.getByText('unknown nobody').waitFor();
    const customerId = await page.evaluate(
      (password) => window.symbolon.signIn({ username: 'mira', password }),
      PASSWORD,
    );
    await page.getByText(`signed_in ${customerId}`).waitFor();
    await page.evaluate(() => window.symbolon.logout());
    await page.getByText('signed_out nobody').waitFor();
    expect(await page.locator('p').count()).toBe(1);
    await page.close();
  });
});
