import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startService, type TestService } from '../support/service.ts';

let t: TestService;
beforeAll(async () => {
  t = await startService();
});
afterAll(() => t.dispose());

describe('credentials', () => {
  it('are shown once, when they are made, and lists hold nothing that could be used', async () => {
    const client = await t.admin
      .post('/admin/clients')
      .send({ partner: 'north', label: 'shown' })
      .expect(201);
    const key = await t.admin.post('/admin/api-keys').send({ partner: 'north', label: 'shown' }).expect(201);
    expect(client.body.client_secret).toMatch(/^cs_[0-9A-Za-z]{40,}$/);
    expect(key.body.public_id).toMatch(/^pk_live_[0-9A-Za-z]{33}$/);
    expect(key.body.secret).toMatch(/^sk_live_[0-9A-Za-z]{49}$/);
    const lists = await Promise.all(
      ['/admin/clients', '/admin/api-keys', '/admin/audit', '/admin/partners'].map((path) =>
        t.admin.get(path).expect(200),
      ),
    );
    const shown = JSON.stringify([lists.map(({ text }) => text), t.logs()]);
    expect(shown).toContain(client.body.client_id);
    for (const secret of [client.body.client_secret, key.body.secret, key.body.public_id]) {
      expect(shown).not.toContain(secret);
    }
  });

  it('are listed by partner', async () => {
    for (const path of ['/admin/clients', '/admin/api-keys']) {
      const { body } = await t.admin.get(`${path}?partner=south`).expect(200);
      expect(body.items.length).toBeGreaterThan(0);
      expect(body.items.every((item: { partner: string }) => item.partner === 'south')).toBe(true);
      expect((await t.admin.get(`${path}?partner=nobody`).expect(200)).body.items).toEqual([]);
    }
  });

  it('stay in the list with the moment of their end', async () => {
    const key = await t.createKey(t.north);
    await t.admin.post(`/admin/api-keys/${key.keyId}/revoke`).expect(200);
    const { body } = await t.admin.get('/admin/api-keys?partner=north').expect(200);
    const listed = body.items.find((item: { key_id: string }) => item.key_id === key.keyId);
    expect(listed.revoked_at).toBe(new Date(t.clock.nowMs()).toISOString());
  });

  it('of the test environment are told apart', async () => {
    const { secret, publicId } = await t.createKey(t.north, { environment: 'test' });
    expect([secret.slice(0, 8), publicId.slice(0, 8)]).toEqual(['sk_test_', 'pk_test_']);
  });
});

describe('one customer', () => {
  it('is traced back with a reason, which is written down before the answer is given', async () => {
    const { customer_id } = await t.signIn();
    const { body, headers } = await t.admin
      .post('/admin/identifiers/trace')
      .send({ customer_id, reason: 'complaint 2026-118' })
      .expect(200);
    expect(body).toMatchObject({
      customer_id,
      reference: '4711',
      reference_space: 'directory',
      channel_group: 'north',
    });
    const audit = await t.admin.get(`/admin/audit?request_id=${headers['x-request-id']}`).expect(200);
    expect(audit.body.items).toMatchObject([
      {
        event: 'customer.traced',
        outcome: 'success',
        customer_id,
        reason: 'complaint 2026-118',
        actor: 'admin',
      },
    ]);
    expect(audit.text).not.toMatch(/\b4711\b/);
  });

  it('keeps the identifier when the key that derives them is replaced', async () => {
    const before = await t.signIn();
    await t.admin.post('/admin/identifiers/rotate-key').expect(200);
    expect((await t.signIn()).customer_id).toBe(before.customer_id);
    const person = { username: 'late', password: 'correct horse battery staple' };
    await t.admin.post('/admin/directories/directory/users').send(person).expect(201);
    expect((await t.signIn('ios', 'late')).customer_id).toMatch(/^c2/);
  });
});

describe('directory users', () => {
  it('are listed without anything of their passwords, and one with a new password signs in with that alone', async () => {
    const users = '/admin/directories/directory/users';
    await t.admin.post(users).send({ username: 'ada', password: 'first password' }).expect(201);
    const list = await t.admin.get(users).expect(200);
    expect(list.body.items.map(({ username }: { username: string }) => username)).toContain('ada');
    expect(list.text).not.toMatch(/argon2|password/);
    const attempt = (password: string) =>
      t.api.post('/customer_authenticate').send({ username: 'ada', password, channel: 'ios' });
    await attempt('first password').expect(200);
    await t.admin.put(`${users}/ada/password`).send({ password: 'second password' }).expect(200);
    t.clock.advance(1);
    await attempt('first password').expect(401);
    await attempt('second password').expect(200);
  });

  it('may have names with signs in them', async () => {
    const users = '/admin/directories/directory/users';
    await t.admin.post(users).send({ username: 'a/b ü@x', password: 'first password' }).expect(201);
    await t.admin.post(`${users}/${encodeURIComponent('a/b ü@x')}/disable`).expect(200);
  });
});

it('every change leaves its record, and the chains hold', async () => {
  const { body } = await t.admin.get('/admin/audit?limit=1000').expect(200);
  const events = new Set(body.items.map(({ event }: { event: string }) => event));
  for (const event of [
    'partner.created',
    'client.created',
    'api_key.created',
    'api_key.revoked',
    'directory.user_added',
  ]) {
    expect(events).toContain(event);
  }
  const verified = await t.admin.post('/admin/audit/verify').expect(200);
  expect(verified.body.ok).toBe(true);
  expect(verified.body.chains.length).toBeGreaterThan(0);
});

it('status and doctor look at the real thing', async () => {
  const status = await t.admin.get('/admin/status').expect(200);
  expect(status.body).toMatchObject({ public_url: 'https://id.test', store: 'sqlite' });
  const well = await t.admin.get('/admin/doctor').expect(200);
  expect(well.body.findings.length).toBeGreaterThan(2);
  t.crm.tokenMode = 'refusing';
  t.crm.revokeTokens();
  t.clock.advance(3_600_000);
  const ill = await t.admin.get('/admin/doctor').expect(200);
  expect(ill.body.ok).toBe(false);
  expect(ill.text).not.toContain('s3cret');
  t.crm.tokenMode = 'ok';
});
