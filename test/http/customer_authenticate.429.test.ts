import { afterEach, describe, expect, it } from 'vitest';
import { PASSWORD, startService, type TestService } from '../support/service.ts';

let t: TestService;
afterEach(() => t.dispose());

const start = (sign_in: Record<string, number>, http: Record<string, unknown> = {}) =>
  startService({ settings: (all) => ({ ...all, sign_in, http: { ...all.http, ...http } }) });
const attempt = (username: string, password: string) =>
  t.api.post('/customer_authenticate').send({ username, password, channel: 'ios' });

describe('guessing', () => {
  it('is throttled per account, and then the right password learns nothing either', async () => {
    t = await start({ max_failures_per_account: 3 });
    for (let i = 0; i < 3; i++) await attempt('mira', `guess ${i}`).expect(401);
    const wrong = await attempt('mira', 'guess').expect(429);
    const right = await attempt('mira', PASSWORD).expect(429);
    expect(right.body.error.code).toBe('RATE_LIMITED');
    expect(right.body.error.message).toBe(wrong.body.error.message);
    expect(Number(right.headers['retry-after'])).toBeGreaterThan(0);
    expect(Number(right.headers['retry-after'])).toBeLessThanOrEqual(900);
    // The account is meant, in whatever case its name is written; others go on.
    await attempt('MIRA', PASSWORD).expect(429);
    await attempt('noor', PASSWORD).expect(200);
  });

  it('is counted for names that nobody has, too', async () => {
    t = await start({ max_failures_per_account: 2 });
    for (let i = 0; i < 2; i++) await attempt('nobody', `guess ${i}`).expect(401);
    await attempt('nobody', 'guess').expect(429);
  });

  it('is forgiven by the right password', async () => {
    t = await start({ max_failures_per_account: 2 });
    for (let i = 0; i < 3; i++) {
      await attempt('mira', 'guess').expect(401);
      await attempt('mira', PASSWORD).expect(200);
    }
  });

  it('in parallel gets no more tries than in sequence', async () => {
    t = await start({ max_failures_per_account: 3 });
    const answers = await Promise.all(Array.from({ length: 12 }, (_, i) => attempt('mira', `guess ${i}`)));
    const statuses = answers.map(({ status }) => status).sort((a, b) => a - b);
    expect(statuses).toEqual([401, 401, 401, ...Array.from({ length: 9 }, () => 429)]);
  });

  it('is throttled per address, whatever address the caller claims to have', async () => {
    t = await start({ max_failures_per_address: 3 });
    for (let i = 0; i < 3; i++)
      await attempt(`user-${i}`, 'guess').set('x-forwarded-for', `203.0.113.${i}`).expect(401);
    await attempt('mira', PASSWORD).set('x-forwarded-for', '203.0.113.9').expect(429);
    await attempt('mira', PASSWORD).set('forwarded', 'for=203.0.113.9').expect(429);
    await attempt('mira', PASSWORD).set('x-real-ip', '203.0.113.9').expect(429);
  });

  it('is counted against the address that a trusted proxy vouches for, not what came before it', async () => {
    t = await start({ max_failures_per_address: 2 }, { trusted_proxies: ['127.0.0.1'] });
    for (let i = 0; i < 2; i++) {
      // The last entry is the proxy's own; what stands before it is the caller's fancy.
      await attempt(`user-${i}`, 'guess').set('x-forwarded-for', `203.0.113.${i}, 198.51.100.7`).expect(401);
    }
    await attempt('mira', PASSWORD).set('x-forwarded-for', '203.0.113.9, 198.51.100.7').expect(429);
    await attempt('mira', PASSWORD).set('x-forwarded-for', '198.51.100.8').expect(200);
  });
});
