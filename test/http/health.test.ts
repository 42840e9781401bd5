import { afterEach, expect, it } from 'vitest';
import { startService, type TestService } from '../support/service.ts';

let t: TestService;
afterEach(() => t.dispose());

it('live and ready say ok and nothing else, on every listener that has them', async () => {
  t = await startService();
  for (const client of [t.api, t.ops]) {
    expect((await client.get('/health/live').expect(200)).body).toEqual({ status: 'ok' });
    expect((await client.get('/health/ready').expect(200)).body).toEqual({ status: 'ok' });
  }
  const response = await fetch(`${t.adminUrl}/health/live`);
  expect(await response.json()).toEqual({ status: 'ok' });
});

it('metrics are on the operations listener alone, and hold nobody’s name', async () => {
  t = await startService();
  await t.signIn();
  await t.accessToken();
  await t.api.get('/metrics').expect(404);
  await t.admin.get('/metrics').expect(404);
  const { text } = await t.ops.get('/metrics').expect(200);
  expect(text).toMatch(/^# HELP /m);
  expect(text).not.toMatch(/mira|\b4711\b|c1[a-z2-7]{32}|cl_|pk_live|sk_live|127\.0\.0\.1/);
});

it('paths that nobody serves make no series of their own', async () => {
  t = await startService();
  for (let i = 0; i < 20; i++) await t.api.get(`/scan-${i}`).expect(404);
  const { text } = await t.ops.get('/metrics').expect(200);
  expect(text).not.toContain('scan-');
});

it('the operations listener serves neither the admin API nor the public endpoints', async () => {
  t = await startService();
  await t.ops.get('/admin/partners').expect(404);
  await t.ops.post('/getprofile').expect(404);
  await t.admin.post('/getprofile').expect(404);
  await t.api.get('/admin/partners').expect(404);
});
