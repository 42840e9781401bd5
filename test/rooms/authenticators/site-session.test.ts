import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SiteSessionProof } from '../../../src/authenticators/authenticator.ts';
import { siteSessionAuthenticator } from '../../../src/authenticators/site-session/site-session.ts';
import { connectionSchema, createConnection } from '../../../src/connections/connection.ts';
import type { UpstreamFailure } from '../../../src/outbound/failure-reason.ts';
import { createHttpClient } from '../../../src/outbound/http-client.ts';
import type { HttpClient } from '../../../src/outbound/outbound-types.ts';
import { createLogger } from '../../../src/platform/logger.ts';
import { createMetrics } from '../../../src/platform/metrics.ts';
import type { VouchedFor } from '../../../src/sessions/ended-references.ts';
import { createTestClock, type TestClock } from '../../support/clock.ts';
import { sendJson, startTestSite, type TestSite } from '../../support/site.ts';

let site: TestSite;
let clock: TestClock;
let httpClient: HttpClient;
let logged: string[];
let failures: UpstreamFailure[];
/** When the customer 4711 signed out at the company; `undefined`: never. */
let endedAtMs: number | undefined;

beforeEach(async () => {
  site = await startTestSite();
  clock = createTestClock();
  httpClient = createHttpClient();
  logged = [];
  failures = [];
  endedAtMs = undefined;
});
afterEach(async () => {
  await httpClient.close();
  await site.close();
});

interface Changes {
  options?: Record<string, unknown>;
  answer?: Record<string, unknown>;
  connection?: Record<string, unknown>;
}

function authenticator({ options, answer, connection: more }: Changes = {}) {
  const logger = createLogger('debug', { write: (line) => logged.push(line) });
  const connection = createConnection('site', connectionSchema.parse({ base_url: site.url, ...more }), {
    httpClient,
    clock,
    metrics: createMetrics(),
    logger,
  });
  const parsed = siteSessionAuthenticator.optionsSchema.parse({
    name: 'shop',
    type: 'site_session',
    reference_space: 'crm',
    connection: 'site',
    request: { path: '/me' },
    cookies: ['site_sid'],
    answer: { reference: 'user.id', ...answer },
    ...options,
  });
  return siteSessionAuthenticator.create(parsed, {
    connections: new Map([['site', connection]]),
    clock,
    endedReferences: {
      endedSince: ({ reference, provenAtMs }: VouchedFor) =>
        reference === '4711' && endedAtMs !== undefined && provenAtMs <= endedAtMs,
    },
    reportFailure: (failure) => failures.push(failure),
  });
}

const proofOf = (cookies: [string, string][], headers: Record<string, string> = {}): SiteSessionProof => ({
  kind: 'site_session',
  cookies,
  headers,
});
const MIRA = proofOf([['site_sid', 'sid-mira']]);
const context = { requestId: 'req-9', channel: 'web' };
const ask = (changes: Changes = {}, proof = MIRA) => authenticator(changes).authenticate(proof, context);

const authenticated = { outcome: 'authenticated', space: 'crm', reference: '4711' };
const refused = { outcome: 'refused', reason: 'credentials' };
const unavailable = { outcome: 'unavailable', busy: false, retryAfterSeconds: 5 };

const reply = (status: number, value?: unknown) => {
  site.script = (response) => sendJson(response, status, value);
};
const page = (status: number) => {
  site.script = (response) => {
    response.writeHead(status, { 'content-type': 'text/html' });
    response.end('<h1>Hello</h1>');
  };
};

describe('who is signed in at the company’s site', () => {
  it('is signed in here, as proven when the site was asked', async () => {
    expect(await ask()).toEqual({ ...authenticated, provenAtMs: clock.nowMs() });
    expect(site.calls).toMatchObject([
      { method: 'GET', path: '/me', headers: { accept: 'application/json', 'x-request-id': 'req-9' } },
    ]);
  });

  it.each([401, 403])('is nobody when the site answers %i', async (status) => {
    reply(status, { error: 'nobody' });
    expect(await ask()).toEqual(refused);
  });

  it('is asked of another authenticator when nothing of this site’s came, or a password did', async () => {
    expect(await ask({}, proofOf([['other', 'x']]))).toEqual({ outcome: 'not_mine' });
    const password = { kind: 'password', username: 'mira', password: 'x' } as const;
    expect(await authenticator().authenticate(password, context)).toEqual({ outcome: 'not_mine' });
    expect(site.calls).toEqual([]);
  });

  it('is told by markers where the site answers 200 or a redirect to everybody', async () => {
    reply(200, { user: null });
    expect(await ask({ answer: { refused: { path: 'user', value: null } } })).toEqual(refused);
    site.script = (response) => response.writeHead(302, { location: '/login' }).end();
    expect(await ask({ answer: { refused: { status: 302 } } })).toEqual(refused);
    reply(200, { user: { id: '4711' }, state: 'LOCKED' });
    expect(await ask({ answer: { locked: { path: 'state', value: 'LOCKED' } } })).toEqual({
      outcome: 'refused',
      reason: 'locked',
    });
  });
});

const drip = (response: ServerResponse) => {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.write('{');
};

describe('could not be told, and is never called signed out, when', () => {
  it.each<[string, () => void]>([
    ['the site says nothing', () => (site.script = () => {})],
    ['the site drips', () => (site.script = drip)],
    ['the connection is dropped', () => (site.script = (response) => response.destroy())],
    ['a page for people comes with 200', () => page(200)],
    ['a page for people comes with 401, as firewalls send it', () => page(401)],
    ['200 holds an error', () => reply(200, { error: 'database is down' })],
    ['200 names nobody', () => reply(200, { user: { id: null } })],
    ['the id is empty', () => reply(200, { user: { id: '' } })],
    ['the id is too long', () => reply(200, { user: { id: 'x'.repeat(256) } })],
    [
      'the answer is larger than it may be',
      () => reply(200, { user: { id: '4711' }, x: 'x'.repeat(300_000) }),
    ],
    ['the address is not found', () => reply(404, { error: 'no such page' })],
    ['the site fails', () => reply(500, { user: { id: '4711' } })],
  ])('%s', async (what, arrange) => {
    arrange();
    expect(await ask({ connection: { total_timeout_ms: 200 } })).toMatchObject(unavailable);
    // A question may be asked twice; where nothing came back it is.
    expect(site.calls).toHaveLength(what === 'the connection is dropped' ? 2 : 1);
  });

  it('the site is down', async () => {
    expect(await ask({ connection: { base_url: 'http://127.0.0.1:9' } })).toMatchObject(unavailable);
  });

  it('the site redirects: the cookie is not carried to where it points', async () => {
    const elsewhere = await startTestSite();
    site.script = (response) => response.writeHead(307, { location: `${elsewhere.url}/me` }).end();
    expect(await ask()).toMatchObject(unavailable);
    expect(elsewhere.calls).toEqual([]);
    await elsewhere.close();
  });

  it('the site asks us to wait', async () => {
    site.script = (response) => response.writeHead(429, { 'retry-after': '7' }).end();
    expect(await ask()).toMatchObject({ outcome: 'unavailable', busy: true, retryAfterSeconds: 7 });
  });
});

describe('of what the browser sent', () => {
  it('only the configured cookies and headers go to the site, as they were sent and in their order', async () => {
    const options = { cookies: ['site_sid', '.AspNetCore.Cookies*'], headers: ['X-Site-Token'] };
    const proof = proofOf(
      [
        ['__Host-symbolon', 's:secret'],
        ['.AspNetCore.CookiesC1', 'a%20"b"'],
        ['site_sid', 'sid-mira'],
        ['site_sid', 'second'],
        ['analytics', '1'],
      ],
      { 'x-site-token': 't0k', 'x-other': 'no' },
    );
    await ask({ options }, proof);
    expect(site.calls[0]?.headers.cookie).toBe(
      '.AspNetCore.CookiesC1=a%20"b"; site_sid=sid-mira; site_sid=second',
    );
    expect(site.calls[0]?.headers['x-site-token']).toBe('t0k');
    expect(site.calls[0]?.headers).not.toHaveProperty('x-other');
  });

  it('nothing can add a header of its own', async () => {
    expect(await ask({}, proofOf([['site_sid', 'a\r\nx-admin: 1']]))).toMatchObject(unavailable);
    expect(site.calls).toEqual([]);
  });

  it('cookies of 14 KB arrive whole', async () => {
    const long = 'x'.repeat(14_000);
    site.sessions.set(long, '4712');
    expect(await ask({}, proofOf([['site_sid', long]]))).toMatchObject({ reference: '4712' });
  });

  it('nothing is in the log or in the answer', async () => {
    for (const status of [200, 401, 500]) {
      reply(status, { user: { id: '4711' } });
      await ask();
    }
    expect(logged.join('')).not.toMatch(/sid-mira|\b4711\b/);
  });

  it('a refused token of the customer is about the customer', async () => {
    site.script = (response) => {
      response.writeHead(401, { 'www-authenticate': 'Bearer error="invalid_token"' });
      response.end();
    };
    const options = { cookies: [], headers: ['authorization'] };
    expect(await ask({ options }, proofOf([], { authorization: 'Bearer old' }))).toEqual(refused);
    expect(await ask()).toMatchObject(unavailable);
  });
});

describe('an answer', () => {
  const kept = { options: { cache_seconds: 10 } };

  it('is asked for anew each time unless it may be kept', async () => {
    const fresh = authenticator();
    await fresh.authenticate(MIRA, context);
    await fresh.authenticate(MIRA, context);
    expect(site.calls).toHaveLength(2);
  });

  it('stands for the same cookies alone, and for as long as configured', async () => {
    const one = authenticator(kept);
    const askedAtMs = clock.nowMs();
    await one.authenticate(MIRA, context);
    clock.advance(9_999);
    expect(await one.authenticate(MIRA, context)).toEqual({ ...authenticated, provenAtMs: askedAtMs });
    expect(site.calls).toHaveLength(1);
    expect(await one.authenticate(proofOf([['site_sid', 'sid-other']]), context)).toEqual(refused);
    expect(site.calls).toHaveLength(2);
    clock.advance(1);
    site.sessions.clear();
    expect(await one.authenticate(MIRA, context)).toEqual(refused);
  });

  it('that named nobody is not kept: a sign-in at the site counts at once', async () => {
    const one = authenticator(kept);
    const proof = proofOf([['site_sid', 'sid-noor']]);
    expect(await one.authenticate(proof, context)).toEqual(refused);
    site.sessions.set('sid-noor', '4712');
    expect(await one.authenticate(proof, context)).toMatchObject({ reference: '4712' });
  });

  it('is not believed any more after the customer signed out at the company', async () => {
    const one = authenticator(kept);
    await one.authenticate(MIRA, context);
    clock.advance(1_000);
    endedAtMs = clock.nowMs();
    clock.advance(1);
    site.sessions.clear();
    expect(await one.authenticate(MIRA, context)).toEqual(refused);
  });

  it('that was under way when the customer signed out is asked for once more', async () => {
    site.script = (response) => {
      site.script = undefined;
      site.sessions.clear();
      endedAtMs = clock.nowMs();
      clock.advance(1);
      sendJson(response, 200, { user: { id: '4711' } });
    };
    expect(await ask(kept)).toEqual(refused);
    expect(site.calls).toHaveLength(2);
  });

  it('is refused when the customer is being signed out for as long as we ask', async () => {
    endedAtMs = clock.nowMs() + 60_000;
    expect(await ask()).toEqual(refused);
    expect(site.calls).toHaveLength(2);
  });
});

describe('the check for the operator', () => {
  it('is content when nobody is signed in without a cookie', async () => {
    expect(await authenticator().probe()).toMatchObject({ ok: true });
    expect(site.calls[0]?.headers).not.toHaveProperty('cookie');
  });

  it('finds an address that names a customer to everybody', async () => {
    reply(200, { user: { id: '4711' } });
    const { ok, message } = await authenticator().probe();
    expect(ok).toBe(false);
    expect(message).toContain('everybody would be that customer');
    expect(message).not.toMatch(/\b4711\b/);
  });

  it('says what a page for people should have been', async () => {
    page(200);
    expect(await authenticator().probe()).toMatchObject({
      ok: false,
      message: expect.stringContaining('401 and JSON'),
    });
  });

  it('says that the site is away', async () => {
    const gone = await startTestSite();
    await gone.close();
    expect(await authenticator({ connection: { base_url: gone.url } }).probe()).toMatchObject({ ok: false });
  });
});

describe('settings are refused', () => {
  it.each<[string, Record<string, unknown>, RegExp]>([
    ['without any cookie or header', { cookies: [] }, /at least one cookie or header/],
    ['that pass every cookie on', { cookies: ['*'] }, /at least four characters/],
    ['that pass the whole cookie header on', { headers: ['cookie'] }, /no credential of a site/],
    ['that pass the origin on', { headers: ['origin'] }, /no credential of a site/],
    ['that keep answers for a minute', { cache_seconds: 60 }, /<=30/],
  ])('%s', (_what, options, sentence) => {
    expect(() => authenticator({ options })).toThrow(sentence);
  });

  it('that set a header which the connection sets itself', () => {
    const auth = [{ type: 'api_key', header: 'X-Site-Token', value: 'kkkk1234abcd5678' }];
    expect(() => authenticator({ options: { headers: ['x-site-token'] }, connection: { auth } })).toThrow(
      /sets itself/,
    );
  });
});

describe('the operator', () => {
  it('is told why the site could not be used, and nothing of an answer that was understood', async () => {
    site.script = (response) => sendJson(response, 500, { error: 'canary-inside' });
    await ask();
    site.script = (response) => void response.destroy();
    await ask();
    site.script = undefined;
    await ask();
    await ask({}, proofOf([['site_sid', 'nobody']]));
    expect(failures).toEqual([
      { event: 'authenticator.failed', name: 'shop', reason: 'status_500', status: 500, requestId: 'req-9' },
      { event: 'authenticator.failed', name: 'shop', reason: 'unreachable', requestId: 'req-9' },
    ]);
  });
});
