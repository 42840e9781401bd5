import { expect, it } from 'vitest';
import { startService } from '../support/service.ts';

it('a sign-in by redirect without an address to come back to ends on a page that names the parameter', async () => {
  await using t = await startService();
  const { text, headers } = await t.api.get('/customer_sign_in').query({ channel: 'web' }).expect(400);
  expect(headers['content-type']).toContain('text/html');
  expect(text).toContain('A member of the request is missing or not of the right type. (return_to)');
});
