import { afterEach, describe, expect, it } from 'vitest';
import { startService, type TestService } from '../support/service.ts';

let t: TestService;
afterEach(() => t.dispose());

const start = (trusted_proxies: string[], trusted_hops?: number) =>
  startService({ settings: (all) => ({ ...all, http: { ...all.http, trusted_proxies, trusted_hops } }) });

async function addressSeen(headers: Record<string, string>): Promise<unknown> {
  const { headers: answered } = await t.api.get('/nowhere').set(headers).expect(404);
  return t.logs().find((line) => line['request_id'] === answered['x-request-id'])?.['address'];
}

describe('the address of a caller', () => {
  it('is that of the connection, whatever headers say, when no proxy is trusted', async () => {
    t = await start([]);
    for (const name of [
      'x-forwarded-for',
      'x-real-ip',
      'x-client-ip',
      'true-client-ip',
      'cf-connecting-ip',
      'forwarded',
    ]) {
      expect(await addressSeen({ [name]: name === 'forwarded' ? 'for=203.0.113.9' : '203.0.113.9' })).toBe(
        '127.0.0.1',
      );
    }
  });

  it('is not taken from a header when the connection is not from a trusted proxy', async () => {
    t = await start(['10.0.0.0/8']);
    expect(await addressSeen({ 'x-forwarded-for': '203.0.113.9' })).toBe('127.0.0.1');
  });

  it('is the last one that no trusted proxy has, so that a caller cannot put one in front', async () => {
    t = await start(['127.0.0.1', '10.0.0.0/8']);
    expect(await addressSeen({ 'x-forwarded-for': '198.51.100.7' })).toBe('198.51.100.7');
    expect(await addressSeen({ 'x-forwarded-for': '203.0.113.9, 198.51.100.7' })).toBe('198.51.100.7');
    expect(await addressSeen({ 'x-forwarded-for': '203.0.113.9, 198.51.100.7, 10.1.2.3' })).toBe(
      '198.51.100.7',
    );
    expect(await addressSeen({ 'x-forwarded-for': '2001:db8::7' })).toBe('2001:db8::7');
    for (const mapped of ['::ffff:198.51.100.7', '::FFFF:c633:6407', '0:0:0:0:0:ffff:198.51.100.7'])
      expect(await addressSeen({ 'x-forwarded-for': mapped })).toBe('198.51.100.7');
    expect(await addressSeen({})).toBe('127.0.0.1');
  });

  it('is the one that the last of so many proxies saw, however wide their ranges are', async () => {
    t = await start(['127.0.0.1', '10.0.0.0/8'], 1);
    for (const text of ['10.1.2.3', '192.0.2.10, 10.1.2.3', '192.0.2.10, 10.9.9.9, 10.1.2.3'])
      expect(await addressSeen({ 'x-forwarded-for': text })).toBe('10.1.2.3');
    await t.dispose();
    t = await start(['127.0.0.1', '10.0.0.0/8'], 2);
    expect(await addressSeen({ 'x-forwarded-for': '192.0.2.10, 10.9.9.9, 10.1.2.3' })).toBe('10.9.9.9');
    expect(await addressSeen({ 'x-forwarded-for': '192.0.2.10, 10.1.2.3' })).toBe('192.0.2.10');
  });

  it('is unknown rather than whatever text stands there', async () => {
    t = await start(['127.0.0.1']);
    for (const text of ['localhost', '1.2.3', '198.51.100.7/24', '<script>', 'a'.repeat(1_000)]) {
      expect(['unknown', '127.0.0.1']).toContain(await addressSeen({ 'x-forwarded-for': text }));
    }
  });
});

it('a forwarded scheme or host changes nothing that we print or set', async () => {
  t = await start(['127.0.0.1']);
  const headers = { 'x-forwarded-proto': 'http', 'x-forwarded-host': 'evil.test', host: 'evil.test' };
  const credentials = { username: 'mira', password: 'correct horse battery staple', channel: 'web' };
  const answer = await t.api.post('/customer_authenticate').set(headers).send(credentials).expect(200);
  expect(String(answer.headers['set-cookie'])).toMatch(/; Secure/);
  expect(JSON.stringify(answer.headers)).not.toContain('evil');
});
