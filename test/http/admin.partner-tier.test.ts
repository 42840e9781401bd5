import { expect, it } from 'vitest';
import { startService } from '../support/service.ts';

it('a tier that is taken away from a partner leaves it the default of partners', async () => {
  await using t = await startService();
  const tierOf = async () => (await t.admin.get('/admin/partners/north').expect(200)).body.tier as string;
  const { body } = await t.admin.get('/admin/limits/tiers').expect(200);
  await t.admin.patch('/admin/partners/north').send({ tier: 'development' }).expect(200);
  expect(await tierOf()).toBe('development');
  await t.admin.patch('/admin/partners/north').send({ tier: null }).expect(200);
  expect(await tierOf()).toBe(body.defaults.partner);
});
