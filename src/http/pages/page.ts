/**
 * Pages: the few HTML pages that customers see. Each is a plain form that works without JavaScript; nothing inline,
 * nothing from elsewhere, never in a frame.
 */
import { hash } from 'node:crypto';
import type { Response } from 'express';
import { sendBytes, sendEmpty } from '../answer.ts';
import type { AnswerHeaders } from '../answer-head.ts';
import { type Html, html } from './html.ts';
import { STYLE } from './style.ts';

export interface Page {
  title: string;
  body: Html;
  /** Where a form on the page may end up besides ourselves: browsers hold redirects after a form to this, too. */
  formTarget?: string | undefined;
}

/** Named by its content, so that a browser may keep it for good. */
export const STYLE_PATH = `/oauth/pages-${hash('sha256', STYLE, 'hex').slice(0, 12)}.css`;

/** A source of the Content Security Policy that covers a redirect address (CSP Level 3, section 2.3.1). */
export function policySource(redirectUri: string): string {
  const url = new URL(redirectUri);
  // The grammar knows no IPv6 address and no host of a private-use scheme: there the scheme stands alone.
  const nameable = /^https?:$/.test(url.protocol) && !url.hostname.startsWith('[');
  return nameable ? url.origin : url.protocol;
}

function contentPolicy(formTarget: string | undefined): string {
  const targets = formTarget === undefined ? "'self'" : `'self' ${policySource(formTarget)}`;
  return [
    "default-src 'none'",
    "style-src 'self'",
    'img-src data:',
    `form-action ${targets}`,
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join(';');
}

export interface PageDeps {
  /** Path of the public address, empty or such as `/identity`. */
  basePath: string;
  /** The company, as customers know it. */
  companyName: string;
}

export interface Pages extends PageDeps {
  send(res: Response, status: number, page: Page, headers?: AnswerHeaders): void;
  /** 303: the browser comes back with GET, and a password is never sent on (RFC 9700 section 4.12). */
  redirect(res: Response, to: string): void;
}

export function createPages({ basePath, companyName }: PageDeps): Pages {
  return {
    basePath,
    companyName,
    send: (res, status, { title, body, formTarget }, headers = {}) => {
      const document = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${title} – ${companyName}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="${basePath}${STYLE_PATH}">
</head>
<body>
<main>
<p class="company">${companyName}</p>
${body}
</main>
</body>
</html>
`;
      const answer = { type: 'text/html; charset=utf-8', body: Buffer.from(document.html) };
      sendBytes(res, status, answer, {
        'content-security-policy': contentPolicy(formTarget),
        ...(status === 401 ? { 'www-authenticate': 'Symbolon realm="customer"' } : {}),
        ...headers,
      });
    },
    redirect: (res, to) => sendEmpty(res, 303, { location: to, 'content-length': 0 }),
  };
}
