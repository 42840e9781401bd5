import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { onlyCookie, requestCookies } from '../../src/http/request-cookies.ts';
import { rawRequest } from '../support/raw-request.ts';
import { COOKIE_NAME, SHOP_ORIGIN, startService, type TestService } from '../support/service.ts';

let t: TestService;
beforeAll(async () => {
  t = await startService();
});
afterAll(() => t.dispose());

/** Cookies as bytes of ISO 8859-1, which no client library would send. */
const send = (method: string, path: string, cookie: string) =>
  rawRequest(
    t.url,
    Buffer.from(
      `${method} ${path} HTTP/1.1\r\nHost: id.test\r\nOrigin: ${SHOP_ORIGIN}\r\nX-Symbolon-CSRF: 1\r\nCookie: ${cookie}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`,
      'latin1',
    ),
  );

/** A browser lets a sibling domain set these, because they do not begin with `__Host-`. */
const BEFORE = ['\u00a0', '\u0085', '\u00ad', '\u00ff'];
const ENDPOINTS = [
  ['GET', '/customer_session'],
  ['POST', '/customer_session/token'],
  ['GET', '/customer_session/devices'],
  ['POST', '/channels/web/token'],
] as const;

describe('a cookie whose name only looks like ours', () => {
  it.each(ENDPOINTS)('signs nobody in at %s %s', async (method, path) => {
    const attacker = await t.signInWithCookie();
    for (const before of BEFORE) expect((await send(method, path, before + attacker)).status).toBe(401);
  });

  it.each(ENDPOINTS)('does not sign out who is signed in at %s %s', async (method, path) => {
    const attacker = await t.signInWithCookie();
    const customer = await t.signInWithCookie();
    const alone = await send(method, path, customer);
    expect(alone.status).not.toBe(401);
    for (const before of BEFORE)
      expect((await send(method, path, `${customer}; ${before}${attacker}`)).status).toBe(alone.status);
  });
});

describe('the cookies of a request', () => {
  it('are taken with spaces and tabs around them, in their order', () => {
    expect(requestCookies(' a=1;\tb = "2" ;c=; =d;e; f=g=h')).toEqual([
      ['a', '1'],
      ['b', '"2"'],
      ['c', ''],
      ['f', 'g=h'],
    ]);
  });

  it('have names of ASCII letters, digits and marks alone', () => {
    for (const before of [...BEFORE, '\u000b', '\u3000', '\ufeff', '"', '(', 'a b'])
      expect(requestCookies(`${before}${COOKIE_NAME}=1`)).toEqual([]);
  });

  it('count only where a name stands once', () => {
    expect(onlyCookie('a=1; b=2', 'a')).toBe('1');
    expect(onlyCookie('a=1; a=1', 'a')).toBeUndefined();
    expect(onlyCookie(undefined, 'a')).toBeUndefined();
  });
});
