import { describe, expect, it } from 'vitest';
import { echoesCredentials, secretsInHeaders } from '../../../src/connections/echoed-credentials.ts';

const SECRET = 'S3cret/of+ours=?';
const base64 = (text: string) => Buffer.from(text).toString('base64');
const body = (value: unknown) => Buffer.from(JSON.stringify(value));

describe('a credential in an answer', () => {
  it.each<[string, unknown]>([
    ['a text', { a: [{ b: `Bearer ${SECRET}` }] }],
    ['the name of a member', { [SECRET]: 1 }],
    ['percent-encoding', `https://x.example/?key=${encodeURIComponent(SECRET)}`],
    [
      'percent-encoding in small letters',
      encodeURIComponent(SECRET).replaceAll(/%../g, (it) => it.toLowerCase()),
    ],
    ['hex', Buffer.from(`x${SECRET}y`).toString('hex').toUpperCase()],
    ['base64 that begins with it', base64(`${SECRET}, and more`)],
    ['base64 after one byte', base64(`x${SECRET}`)],
    ['base64 after two bytes', base64(`xy${SECRET}z`)],
    ['base64url', Buffer.from(`key: ${SECRET}`).toString('base64url')],
  ])('is found in %s', (_where, value) => {
    expect(echoesCredentials(body(value), [SECRET])).toBe(true);
  });

  it('is found behind the escapes of JSON', () => {
    const escapes = Array.from(Buffer.from(SECRET), (byte) => `\\u00${byte.toString(16).padStart(2, '0')}`);
    const escaped = `{"a":"${escapes.join('')}"}`;
    expect(echoesCredentials(Buffer.from(escaped), [SECRET])).toBe(true);
    expect(
      echoesCredentials(Buffer.from(JSON.stringify({ a: SECRET }).replaceAll('/', '\\/')), [SECRET]),
    ).toBe(true);
  });

  it('is found as what a Basic header holds, encoded or not', () => {
    const secrets = secretsInHeaders({ authorization: `Basic ${base64(`us:${SECRET}`)}` });
    expect(echoesCredentials(body({ password: SECRET }), secrets)).toBe(true);
    expect(echoesCredentials(body({ header: `Basic ${base64(`us:${SECRET}`)}` }), secrets)).toBe(true);
    expect(echoesCredentials(body({ user: 'us', scheme: 'Basic' }), secrets)).toBe(false);
  });

  it('is not seen where there is none, nor in a text as short as a word', () => {
    expect(echoesCredentials(body({ id: '1', text: 'Hello' }), [SECRET, '', 'Hello'])).toBe(false);
    expect(echoesCredentials(Buffer.alloc(0), [SECRET])).toBe(false);
  });
});
