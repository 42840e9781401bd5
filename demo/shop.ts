/**
 * The sample shop's site: two pages, their static files, the browser SDK, and the stream of calls that the page shows.
 * It also hands the demo customers' passwords to the page, which only this machine can open.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { dirname, join } from 'node:path';
import type { CallLog } from './call-log.ts';
import { type LoopbackAnswer, type LoopbackServer, listenOnLoopback } from './loopback-server.ts';

/** What the page needs to know; served as `/demo.json`. */
export interface PageSettings {
  bridgeUrl: string;
  vendorUrl: string;
  backendUrl: string;
  channel: string;
  /** Chat vendors of the page `/vendors`, in the order of its picker. */
  vendors: { id: string; name: string; proof: string }[];
  customers: { username: string; password: string; name: string }[];
}

const TYPES: Record<string, string> = {
  html: 'text/html; charset=utf-8',
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
};

const PAGE_FILES: Record<string, string> = {
  '/': 'index.html',
  '/styles.css': 'styles.css',
  '/shop.css': 'shop.css',
  '/chat-widget.css': 'chat-widget.css',
  '/call-cards.css': 'call-cards.css',
  '/page.js': 'page.js',
  '/dom.js': 'dom.js',
  '/recording-fetch.js': 'recording-fetch.js',
  '/sign-in.js': 'sign-in.js',
  '/phone-message.js': 'phone-message.js',
  '/chat-widget.js': 'chat-widget.js',
  '/call-cards.js': 'call-cards.js',
  '/token-card.js': 'token-card.js',
  '/vendors': 'vendors.html',
  '/vendors.css': 'vendors.css',
  '/vendors.js': 'vendors.js',
  '/vendor-scripts.js': 'vendor-scripts.js',
  '/vendor-panel.js': 'vendor-panel.js',
  '/altered-proof.js': 'altered-proof.js',
  '/token-timeline.js': 'token-timeline.js',
  '/follow-calls.js': 'follow-calls.js',
  '/mark.svg': 'mark.svg',
};

/** The first of the places that exists: a clone keeps the page beside this file, a package beside `dist`. */
function folder(candidates: readonly string[], mend: string): string {
  const found = candidates.find((path) => existsSync(path));
  if (!found) throw new Error(`The demo page is not complete. ${mend}`);
  return found;
}

function staticFiles(): Map<string, { bytes: Buffer; type: string }> {
  const here = import.meta.dirname;
  const page = folder([join(here, 'page'), join(here, '../../demo/page')], 'demo/page is missing.');
  const sdk = folder(
    [join(here, '../sdk-web/dist/symbolon.js'), join(here, '../../sdk-web/dist/symbolon.js')],
    'Build the browser SDK first: npm run build:sdk',
  );
  const files = new Map<string, { bytes: Buffer; type: string }>();
  const add = (path: string, file: string) => {
    const type = TYPES[file.slice(file.lastIndexOf('.') + 1)] ?? 'application/octet-stream';
    files.set(path, { bytes: readFileSync(file), type });
  };
  for (const [path, name] of Object.entries(PAGE_FILES)) add(path, join(page, name));
  for (const name of readdirSync(dirname(sdk))) {
    if (name.endsWith('.js')) add(`/sdk/${name}`, join(dirname(sdk), name));
  }
  return files;
}

function streamCalls(callLog: CallLog, response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  response.write('retry: 1000\nevent: ready\ndata: {}\n\n');
  const stop = callLog.subscribe((call) => response.write(`data: ${JSON.stringify(call)}\n\n`));
  response.on('close', stop);
}

/** Starts the shop on `port`. Throws when the page or the SDK is not built. */
export async function startShop(options: {
  port: number;
  settings: PageSettings;
  callLog: CallLog;
}): Promise<LoopbackServer> {
  const files = staticFiles();
  const { bridgeUrl, vendorUrl } = options.settings;
  const policy = [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    `connect-src 'self' ${new URL(bridgeUrl).origin} ${vendorUrl}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');

  return listenOnLoopback(options.port, (request, response): LoopbackAnswer | undefined => {
    if (request.method !== 'GET') return { status: 405, headers: { allow: 'GET' } };
    if (request.headers['sec-fetch-site'] === 'cross-site') return { status: 403 };
    if (request.path === '/calls') {
      streamCalls(options.callLog, response);
      return undefined;
    }
    if (request.path === '/demo.json') return { status: 200, body: options.settings };
    const file = files.get(request.path);
    if (!file) return { status: 404 };
    return {
      status: 200,
      headers: { 'content-type': file.type, 'content-security-policy': policy },
      body: file.bytes,
    };
  });
}
