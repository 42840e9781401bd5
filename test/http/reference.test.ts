import supertest from 'supertest';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { referenceEndpoints } from '../../src/http/pages/reference.ts';
import { launchBrowser } from '../support/browser.ts';
import { ADMIN_TOKEN, startService, type TestService } from '../support/service.ts';

interface Described {
  info: { title: string };
  paths: Record<string, unknown>;
}

describe('the API reference pages', () => {
  let at: TestService;
  beforeAll(async () => {
    at = await startService();
  });
  afterAll(() => at.dispose());

  const described = async (url: string) =>
    (await supertest(url).get('/docs/openapi.json').expect(200)).body as Described;

  it('describe on each listener what that listener answers, and nothing of the others', async () => {
    const [shown, hidden] = [await described(at.url), await described(at.adminUrl)];
    expect(Object.keys(shown.paths)).toContain('/getprofile');
    expect(Object.keys(shown.paths).filter((path) => path.startsWith('/admin'))).toEqual([]);
    expect(Object.keys(hidden.paths)).toContain('/admin/partners');
    expect(Object.keys(hidden.paths)).toContain('/metrics');
    expect(Object.keys(hidden.paths)).not.toContain('/getprofile');
  });

  it('let scripts, styles and calls come from and go to their own listener alone', async () => {
    for (const url of [at.url, at.adminUrl]) {
      const { headers, text } = await supertest(url).get('/docs').expect(200);
      expect(headers['content-security-policy']).toBe(
        "default-src 'none';script-src 'self';style-src 'self';img-src 'self' data:;connect-src 'self';base-uri 'none';form-action 'none';frame-ancestors 'none'",
      );
      expect(headers['cache-control']).toBe('no-store');
      expect(headers['x-content-type-options']).toBe('nosniff');
      expect([...text.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => match[1])).toEqual([
        'data:,',
        'docs/swagger-ui.css',
        'docs/openapi.json',
        'docs/swagger-ui-bundle.js',
        'docs/reference.js',
      ]);
    }
  });

  it('ask for no token on the admin listener, whose calls still do', async () => {
    await supertest(at.adminUrl).get('/docs').expect(200);
    await supertest(at.adminUrl).get('/docs/elsewhere').expect(404);
    await supertest(at.adminUrl).get('/admin/partners').expect(401);
    await supertest(at.adminUrl).get('/docsx').expect(401);
    await supertest(at.adminUrl).get('/docs/../admin/partners').expect(404);
  });

  it('answer other methods and unknown files in the envelope', async () => {
    const other = await supertest(at.url).post('/docs').expect(405);
    expect(other.headers['allow']).toBe('GET, HEAD');
    const unknown = await supertest(at.url).get('/docs/package.json').expect(404);
    expect(unknown.body.error.code).toBe('NOT_FOUND');
    await supertest(at.url).get('/docs/').expect(404);
  });

  it('are not there, like any other address, where their files are not installed', () => {
    expect(referenceEndpoints('public', import.meta.dirname)).toEqual([]);
    expect(referenceEndpoints('admin', import.meta.dirname)).toEqual([]);
    expect(referenceEndpoints('public')).toHaveLength(5);
  });

  it('can be switched off on the public listener', async () => {
    await using quiet = await startService({
      settings: (all) => ({ ...all, http: { ...all.http, reference_pages: false } }),
    });
    expect((await quiet.api.get('/docs').expect(404)).body.error.code).toBe('NOT_FOUND');
    await supertest(quiet.url).get('/docs/openapi.json').expect(404);
    await supertest(quiet.adminUrl).get('/docs').expect(200);
  });
});

describe('the API reference pages in a browser', () => {
  it('render within their policy, and a call can be tried with the admin token', async () => {
    await using at = await startService();
    const browser = await launchBrowser();
    try {
      const page = await browser.newPage();
      page.setDefaultTimeout(8_000);
      const trouble: string[] = [];
      const elsewhere: string[] = [];
      page.on('console', (message) => {
        if (message.type() === 'error' || message.type() === 'warning') trouble.push(message.text());
      });
      page.on('pageerror', (error) => trouble.push(error.message));
      page.on('request', (request) => {
        const { origin, protocol } = new URL(request.url());
        if (protocol !== 'data:' && origin !== at.url && origin !== at.adminUrl)
          elsewhere.push(request.url());
      });
      await page.goto(`${at.url}/docs`);
      await page.locator('[data-path="/customer_authenticate"]').click();
      await page.getByText('The user name or password is wrong.').first().waitFor();

      await page.goto(`${at.adminUrl}/docs`);
      await page.getByRole('button', { name: 'Authorize' }).first().click();
      await page.getByLabel('auth-bearer-value').fill(ADMIN_TOKEN);
      await page.getByRole('button', { name: 'Apply credentials' }).click();
      await page.getByRole('button', { name: 'Close' }).click();
      await page.locator('[data-path="/admin/status"]').click();
      await page.getByRole('button', { name: 'Try it out' }).click();
      await page.getByRole('button', { name: 'Execute' }).click();
      await page.locator('.live-responses-table .response-col_status').filter({ hasText: '200' }).waitFor();
      expect(trouble).toEqual([]);
      expect(elsewhere).toEqual([]);
      expect(await page.evaluate(() => Object.keys(globalThis.localStorage))).toEqual([]);
    } finally {
      await browser.close();
    }
  });
});
