/** A page of the company with the browser SDK and a stand-in for a chat widget on it, under a strict policy. */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import type { BrowserContext, Page } from 'playwright-core';
import { listen, shut } from './backend.ts';

const PAGE = join(import.meta.dirname, '../e2e/page/chat-page.js');
const HTML = `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><title>Account</title>
<body><pre data-chat></pre><script type="module" src="/page.js"></script></body>`;

export interface ChatPages {
  readonly origin: string;
  /** The same server as another site: `localhost` instead of `127.0.0.1`. */
  readonly otherSite: string;
  /** Address of the bridge, and options of the SDK, for pages that are opened from here on. */
  bridge: string;
  options: Record<string, unknown>;
  close(): Promise<void>;
}

/** What a bundler would do: the package's names become the addresses of its files. */
const script = readFileSync(PAGE, 'utf8')
  .replace("'@symbolon/sdk-web'", "'/sdk/symbolon.js'")
  .replaceAll(/'@symbolon\/sdk-web\/([\w-]+)'/g, "'/sdk/$1.js'");

/** Serves the page; `sdk` is the folder of the built SDK. */
export async function startChatPages(sdk: string): Promise<ChatPages> {
  const server = createServer((request, response) => {
    const path = (request.url ?? '').split('?')[0] ?? '';
    const policy = [
      "default-src 'none'",
      "script-src 'self' 'nonce-n0nce'",
      `connect-src 'self' ${pages.bridge}`,
      'img-src data:',
      "require-trusted-types-for 'script'",
    ].join('; ');
    const send = (type: string, body: string) => {
      response.writeHead(200, { 'content-type': type, 'content-security-policy': policy });
      response.end(body);
    };
    if (path === '/') return send('text/html', HTML);
    if (path === '/blank')
      return send('text/html', '<!doctype html><link rel="icon" href="data:,"><title>Blank</title>');
    if (path === '/script-tag') {
      const tag = '<script nonce="n0nce" src="/sdk/symbolon.all.global.js"></script>';
      return send('text/html', `<!doctype html><link rel="icon" href="data:,"><title>Tag</title>${tag}`);
    }
    if (path === '/page.js') return send('text/javascript', script);
    if (path === '/settings.json') {
      return send('application/json', JSON.stringify({ bridge: pages.bridge, options: pages.options }));
    }
    const file = /^\/sdk\/([\w.-]+\.js)$/.exec(path)?.[1];
    if (file) return send('text/javascript', readFileSync(join(sdk, file), 'utf8'));
    response.writeHead(404).end();
  });
  const origin = await listen(server);
  const pages: ChatPages = {
    origin,
    otherSite: origin.replace('127.0.0.1', 'localhost'),
    bridge: '',
    options: {},
    close: () => shut(server),
  };
  return pages;
}

/** Opens the page and waits until the SDK has looked who is signed in. */
export async function openChat(
  context: BrowserContext,
  address: string,
  prepare?: (page: Page) => Promise<unknown>,
): Promise<Page> {
  const page = await context.newPage();
  await prepare?.(page);
  await page.goto(address);
  await page.locator('body[data-ready]').waitFor({ state: 'attached' });
  return page;
}
