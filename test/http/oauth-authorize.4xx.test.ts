import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, expect, it } from 'vitest';
import {
  authorize,
  authorizeAddress,
  createBrowser,
  formState,
  pkce,
  redemption,
  registerApp,
} from '../support/oauth-app.ts';
import { rawRequest } from '../support/raw-request.ts';
import { PASSWORD, startService, type TestService, type TestServiceOptions } from '../support/service.ts';

let t: TestService;
let folder: string | undefined;
afterEach(async () => {
  await t.dispose();
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  folder = undefined;
});

const { verifier, challenge } = pkce();
const few = (subject: string, quota: number): TestServiceOptions => ({
  settings: (all) => ({
    ...all,
    limits: { tiers: { few: [{ quota, window_seconds: 60 }] }, defaults: { [subject]: 'few' } },
  }),
});

/** A service over a database file, and how many rows of a table it holds. */
async function startOnFile(more: TestServiceOptions = {}): Promise<(table: string) => number> {
  folder = mkdtempSync(join(tmpdir(), 'symbolon-authorize-'));
  const file = join(folder, 'symbolon.db');
  t = await startService({
    settings: (all) => ({
      ...(more.settings?.(all) ?? all),
      storage: { database_url: `file:${file}` },
    }),
  });
  return (table) => {
    const database = new DatabaseSync(file, { readOnly: true });
    const row = database.prepare(`select count(*) as n from ${table}`).get();
    database.close();
    return Number(row?.n);
  };
}

it('codes are limited per session, and beyond the limit nothing is written', async () => {
  const rows = await startOnFile(few('session', 3));
  const app = await registerApp(t, { party: 'first' });
  const browser = createBrowser(t);
  await authorize(t, app, { browser, challenge });
  for (let n = 0; n < 2; n++) expect((await browser.get(authorizeAddress(app, challenge))).status).toBe(303);
  const before = rows('authorization_codes');
  const refused = await browser.get(authorizeAddress(app, challenge));
  expect(refused.status).toBe(429);
  expect(refused.headers['content-type']).toContain('text/html');
  expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
  expect(rows('authorization_codes')).toBe(before);
});

it('the endpoint and the sign-in form are limited per address, and a refused form can be sent again', async () => {
  t = await startService(few('address', 2));
  const app = await registerApp(t);
  const browser = createBrowser(t);
  const page = await browser.get(authorizeAddress(app, challenge));
  await browser.get(authorizeAddress(app, challenge));
  expect((await browser.get(authorizeAddress(app, challenge))).status).toBe(429);
  expect((await browser.signIn(page)).status).toBe(429);
  t.clock.advance(60_000);
  expect((await browser.signIn(page)).status).toBe(303);
});

it('a consent form is limited per session', async () => {
  t = await startService(few('session', 2));
  const app = await registerApp(t);
  const browser = createBrowser(t);
  await browser.signIn(await browser.get(authorizeAddress(app, challenge)));
  const page = await browser.get(authorizeAddress(app, challenge));
  await browser.get(authorizeAddress(app, challenge));
  expect((await browser.decide(page, 'allow')).status).toBe(429);
  t.clock.advance(60_000);
  expect((await browser.decide(page, 'allow')).status).toBe(303);
});

it('HEAD gives no code', async () => {
  t = await startService();
  const { headers } = await t.api.head(authorizeAddress(await registerApp(t), challenge)).expect(405);
  expect(headers['allow']).toBe('GET, POST');
});

it('a frame, an image or a script gets no code, and the browser says which it is', async () => {
  t = await startService();
  const app = await registerApp(t, { party: 'first' });
  const browser = createBrowser(t);
  await authorize(t, app, { browser, challenge });
  const cookie = [...browser.jar].map(([name, value]) => `${name}=${value}`).join('; ');
  const as = (destination: string) =>
    t.api.get(authorizeAddress(app, challenge)).set({ cookie, 'sec-fetch-dest': destination });
  for (const destination of ['iframe', 'frame', 'image', 'script', 'empty', 'embed', 'object']) {
    const { headers } = await as(destination).expect(403);
    expect(headers).not.toHaveProperty('location');
  }
  expect((await as('document').expect(303)).headers['location']).toContain('code=');
});

it('a request too long to be carried through the forms is refused at once, the longest one is not', async () => {
  t = await startService();
  const app = await registerApp(t);
  const length = (state: string) => authorizeAddress(app, challenge, { state }).length;
  const longest = '\u0001'.repeat(Math.floor((8_000 - length('')) / 3));
  const browser = createBrowser(t);
  const page = await browser.get(authorizeAddress(app, challenge, { state: longest }));
  expect(page.status).toBe(200);
  const sent = { form: formState(page.text), username: 'mira', password: PASSWORD };
  const { headers } = await browser.post('/oauth/sign-in', sent);
  const consent = await browser.get(headers['location'] as string);
  const back = new URL((await browser.decide(consent, 'allow')).headers['location'] as string);
  expect(back.searchParams.get('state')).toBe(longest);
  const longer = await t.api.get(authorizeAddress(app, challenge, { state: `${longest}xxx` })).expect(400);
  expect(longer.text).toContain('too long');
});

it('a used code that is sent again and again adds one revocation', async () => {
  const rows = await startOnFile();
  const app = await registerApp(t);
  const code = (await authorize(t, app, { challenge })).get('code') as string;
  const redeem = () =>
    t.api
      .post('/oauth/token')
      .type('form')
      .send(redemption(app, code, verifier));
  await redeem().expect(200);
  const before = rows('revocations');
  for (let n = 0; n < 5; n++) await redeem().expect(400);
  expect(rows('revocations')).toBe(before + 1);
});

it('a customer reads what is wrong on a page, also where it is seen before the endpoint is asked', async () => {
  t = await startService();
  const { status, text } = await rawRequest(
    t.url,
    'GET /oauth/authorize?client_id=x HTTP/1.1\r\nHost: x\r\nAuthorization: a\r\nAuthorization: b\r\nConnection: close\r\n\r\n',
  );
  expect(status).toBe(400);
  expect(text).toContain('<!doctype html>');
});
