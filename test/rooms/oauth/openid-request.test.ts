import { describe, expect, it } from 'vitest';
import type { OAuthClient } from '../../../src/clients/client.ts';
import {
  readOpenIdParameters,
  understoodScope,
  withoutSignInAnew,
} from '../../../src/oauth/openid-request.ts';

const asked = (parameters: Record<string, string>) => {
  const read = readOpenIdParameters(parameters);
  if (typeof read === 'string') throw new Error(read);
  return read;
};

describe('an authentication request of OpenID Connect', () => {
  it('that asks for nothing gets nothing beyond', () => {
    expect(asked({})).toEqual({ nonce: undefined, prompt: undefined, maxAgeSeconds: undefined });
    expect(asked({ display: 'popup', ui_locales: 'xx', claims: '{', acr_values: '9' })).toEqual(asked({}));
  });

  it.each([
    ['none', 'none'],
    ['login', 'login'],
    ['select_account', 'login'],
    ['consent', 'consent'],
    ['consent login', 'login'],
    ['select_account consent', 'login'],
    ['consent consent', 'consent'],
    ['none none', 'none'],
  ])('with the prompt "%s" means %s', (prompt, meaning) => {
    expect(asked({ prompt }).prompt).toBe(meaning);
  });

  it.each([
    'none login',
    'login none',
    'none consent',
    'create',
    'login ',
    ' none',
    'login  consent',
    'NONE',
  ])('with the prompt "%s" is wrong', (prompt) => {
    expect(readOpenIdParameters({ prompt })).toBeTypeOf('string');
  });

  it('may name the age of the sign-in in seconds; none at all is a sign-in anew', () => {
    expect(asked({ max_age: '3600' })).toMatchObject({ maxAgeSeconds: 3_600, prompt: undefined });
    expect(asked({ max_age: '999999999' }).maxAgeSeconds).toBe(999_999_999);
    for (const zero of ['0', '000']) expect(asked({ max_age: zero }).prompt).toBe('login');
    expect(asked({ max_age: '0', prompt: 'none' }).prompt).toBe('none');
    for (const max_age of ['-1', '1.5', '1e3', ' 1', '1 ', '1234567890', 'x'])
      expect(readOpenIdParameters({ max_age })).toBeTypeOf('string');
  });

  it('may bring a nonce of 255 ASCII characters, which is kept as it came', () => {
    for (const nonce of ['n', ' ~', 'n'.repeat(255)]) expect(asked({ nonce }).nonce).toBe(nonce);
    for (const nonce of ['n'.repeat(256), 'é', 'a\nb', '\u007f', 'a\n'])
      expect(readOpenIdParameters({ nonce })).toBeTypeOf('string');
  });

  it('tells which parameter is wrong', () => {
    expect(readOpenIdParameters({ nonce: 'é' })).toMatch(/nonce/);
    expect(readOpenIdParameters({ max_age: 'x' })).toMatch(/max_age/);
    expect(readOpenIdParameters({ prompt: 'x' })).toMatch(/prompt/);
    expect(readOpenIdParameters({ prompt: 'none login' })).toMatch(/none/);
  });
});

describe('a request after the customer signed in anew', () => {
  it.each<[Record<string, string>, Record<string, string>]>([
    [{ prompt: 'login' }, {}],
    [{ prompt: 'select_account' }, {}],
    [{ prompt: 'login consent' }, { prompt: 'consent' }],
    [{ prompt: 'consent select_account' }, { prompt: 'consent' }],
    [{ prompt: 'consent' }, { prompt: 'consent' }],
    [{ max_age: '0' }, {}],
    [{ max_age: '00' }, {}],
    [{ max_age: '10' }, { max_age: '10' }],
    [{ max_age: '01' }, { max_age: '01' }],
    [{}, {}],
  ])('%j does not send them round again', (before, after) => {
    const rest = { client_id: 'c', state: 's' };
    expect(withoutSignInAnew({ ...rest, ...before })).toEqual({ ...rest, ...after });
  });
});

describe('words in a scope that are not ours', () => {
  const client = (openid: boolean) => ({ openid: openid ? {} : undefined }) as OAuthClient;

  it('are left alone in a request of OpenID Connect', () => {
    expect(understoodScope(client(true), 'openid profile email profile:read')).toBe('openid profile:read');
    expect(understoodScope(client(true), 'openid')).toBe('openid');
  });

  it('stay, and are refused later, in any other request', () => {
    expect(understoodScope(client(true), 'profile email')).toBe('profile email');
    expect(understoodScope(client(false), 'openid profile')).toBe('openid profile');
    expect(understoodScope(client(true), undefined)).toBeUndefined();
    expect(understoodScope(client(false), undefined)).toBeUndefined();
  });
});
