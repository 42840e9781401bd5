import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isRegisteredRedirectUri, redirectUriProblem } from '../../../src/clients/redirect-uri.ts';
import { authorizationResponse } from '../../../src/oauth/authorization-request.ts';
import { policySource } from '../../../src/http/pages/page.ts';

const REGISTERED = 'https://app.test/callback?tenant=7';
const web = { applicationType: 'web' as const, redirectUris: [REGISTERED] };
const native = {
  applicationType: 'native' as const,
  redirectUris: ['http://127.0.0.1/cb', 'http://[::1]:9000/cb'],
};

describe('a registered redirect URI', () => {
  it('is met by itself and by nothing that differs in one place', () => {
    expect(isRegisteredRedirectUri(web, REGISTERED)).toBe(true);
    fc.assert(
      fc.property(
        fc.nat(REGISTERED.length),
        fc.string({ minLength: 0, maxLength: 2 }),
        fc.nat(2),
        (at, put, removed) => {
          const changed = REGISTERED.slice(0, at) + put + REGISTERED.slice(at + removed);
          expect(isRegisteredRedirectUri(web, changed)).toBe(changed === REGISTERED);
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it('on loopback takes any port of the same address and path, for native applications', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 65_535 }), (port) => {
        expect(isRegisteredRedirectUri(native, `http://127.0.0.1:${port}/cb`)).toBe(true);
        expect(isRegisteredRedirectUri(native, `http://[::1]:${port}/cb`)).toBe(true);
        expect(isRegisteredRedirectUri(native, `http://127.0.0.1:${port}/cb2`)).toBe(false);
        expect(isRegisteredRedirectUri(native, `http://localhost:${port}/cb`)).toBe(false);
        expect(isRegisteredRedirectUri(native, `http://127.0.0.1.evil.test:${port}/cb`)).toBe(false);
        expect(isRegisteredRedirectUri(native, `http://127.0.0.1:${port}@evil.test/cb`)).toBe(false);
      }),
      { numRuns: 50 },
    );
    expect(
      isRegisteredRedirectUri({ ...web, redirectUris: ['http://127.0.0.1/cb'] }, 'http://127.0.0.1:9/cb'),
    ).toBe(false);
  });

  it.each([
    'https://app.test',
    'https://app.test/',
    'https://app.test:8443/cb?a=b&c=%20',
    'https://xn--bcher-kva.test/cb',
  ])('of a web application may be %s', (uri) => {
    expect(redirectUriProblem(uri, { applicationType: 'web', loopbackForAll: false })).toBeUndefined();
  });

  it.each([
    ['https://app.test:443/cb', 'plain form'],
    ['https://bücher.test/cb', 'ASCII'],
    ['https://app.test/a b', 'ASCII'],
    ['https://app.test\\@evil.test/', 'ASCII'],
    ['https:/app.test/cb', 'plain form'],
    ['//app.test/cb', 'ASCII'],
    ['http://127.0.0.1/cb', 'https'],
    ['https://app.test/cb?code=x', 'no code'],
    ['https://app.test/cb?tenant=7&state=', 'no state'],
    ['https://app.test/cb?iss=https://id.test', 'no iss'],
    ['https://app.test/cb?%65rror=x', 'no error'],
    ['data:text/html,x', 'https'],
    [`https://app.test/${'a'.repeat(2_000)}`, '2,000'],
  ])('of a web application is not %s, and the refusal says why', (uri, problem) => {
    expect(redirectUriProblem(uri, { applicationType: 'web', loopbackForAll: false })).toContain(problem);
  });

  it('on loopback never means port 0, which nothing can listen on', () => {
    const rules = { applicationType: 'native' as const, loopbackForAll: false };
    expect(redirectUriProblem('http://127.0.0.1:0/cb', rules)).toContain('Port 0');
    for (const port of ['0', '00', '65536', '99999']) {
      expect(isRegisteredRedirectUri(native, `http://127.0.0.1:${port}/cb`)).toBe(false);
    }
  });

  it('on loopback is for everybody while the installation itself is on loopback', () => {
    const rules = { applicationType: 'web' as const, loopbackForAll: true };
    expect(redirectUriProblem('http://127.0.0.1:3000/cb', rules)).toBeUndefined();
    expect(redirectUriProblem('http://app.test/cb', rules)).toContain('https');
  });
});

describe('the answer to an app', () => {
  it('gives any state back as it came, and never leaves the redirect address', () => {
    const character = fc.integer({ min: 0, max: 0x10_ff_ff }).map((code) => String.fromCodePoint(code));
    fc.assert(
      fc.property(fc.string({ unit: character, maxLength: 60 }), (state) => {
        const target = { redirectUri: REGISTERED, state, issuer: 'https://id.test' };
        const address = authorizationResponse(target, { code: 'x' });
        const { host, searchParams } = new URL(address);
        expect([host, searchParams.get('state')]).toEqual(['app.test', state.toWellFormed()]);
        return address.startsWith(`${REGISTERED}&`) && /^[\x21-\x7E]+$/.test(address);
      }),
    );
  });

  it.each([
    ['https://app.test:8443/cb', 'https://app.test:8443'],
    ['http://127.0.0.1:51234/cb', 'http://127.0.0.1:51234'],
    ['http://[::1]:51234/cb', 'http:'],
    ['com.example.budget:/callback', 'com.example.budget:'],
  ])('may be reached from the form for %s as %s', (uri, source) => {
    expect(policySource(uri)).toBe(source);
  });
});
