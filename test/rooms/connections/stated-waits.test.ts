/** How a partner API says when it wants to be called again, in every way that one of them documents. */
import { expect, it } from 'vitest';
import { cmzonCredentials, startCmzon } from '../../partners/cmzon.ts';
import { setUpPartner } from '../../partners/partner-setup.ts';
import { createTestClock } from '../../support/clock.ts';

const message = { method: 'POST' as const, path: '/v1/messages', body: { to: '+15550100', type: 'text' } };
const error = (more: Record<string, unknown>) => ({
  error: { code: 'RATE_LIMIT_EXCEEDED', message: 'wait', ...more },
});

it.each<[string, { headers?: Record<string, string>; body?: unknown }, number]>([
  ['Retry-After in seconds', { headers: { 'retry-after': '17' } }, 17],
  ['Retry-After as a date', { headers: { 'retry-after': 'Thu, 01 Jan 2026 00:00:17 GMT' } }, 17],
  ['a date that is over', { headers: { 'retry-after': 'Wed, 31 Dec 2025 23:59:00 GMT' } }, 1],
  ['error.retry_after in the body', { body: error({ retry_after: 17 }) }, 17],
  ['error.details.retry_after in the body', { body: error({ details: { retry_after: 17 } }) }, 17],
  ['retry_after in the body', { body: { retry_after: 17 } }, 17],
  ['the header before the body', { headers: { 'retry-after': '17' }, body: error({ retry_after: 40 }) }, 17],
  ['more than a minute', { headers: { 'retry-after': '86400' } }, 86_400],
])('%s is what the caller is told', async (_what, { headers, body = error({}) }, waitSeconds) => {
  const clock = createTestClock();
  await using cmzon = await startCmzon(clock);
  const auth = [{ type: 'bearer', token: cmzonCredentials.token }];
  await using partner = await setUpPartner(clock, { preset: 'cmzon', base_url: cmzon.url, auth });
  // As often as it is called again, which it is only where the time fits in.
  for (let i = 0; i < 4; i++) cmzon.next.push({ status: 429, body, ...(headers ? { headers } : {}) });
  await expect(partner.drive(partner.api.call(message, { lane: 'test' }))).rejects.toMatchObject({
    code: 'PARTNER_LIMIT_REACHED',
    retryAfterSeconds: waitSeconds,
  });
  expect(cmzon.carriedOut).toEqual([]);
});
