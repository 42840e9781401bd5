import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { contractClient, description } from '../support/contract.ts';
import { rawRequest } from '../support/raw-request.ts';
import { ADMIN_TOKEN, startService, type TestService } from '../support/service.ts';

let t: TestService;
beforeAll(async () => {
  t = await startService();
});
afterAll(() => t.dispose());

const operations = Object.entries(description.paths)
  .filter(([path]) => path.startsWith('/admin/'))
  .flatMap(([path, item]) =>
    Object.keys(item)
      .filter((method) => method !== 'servers')
      .map((method) => [method, path.replaceAll(/\{\w+\}/g, 'x')] as const),
  );

describe('401: without the admin token', () => {
  it('there are operations to look at', () => {
    expect(operations.length).toBeGreaterThan(15);
  });

  it.each(operations)('%s %s does nothing and tells nothing', async (method, path) => {
    for (const authorization of [
      '',
      `Bearer ${ADMIN_TOKEN}x`,
      ADMIN_TOKEN,
      `Basic ${ADMIN_TOKEN}`,
      'Bearer ',
      `Bearer ${t.north.key.secret}`,
    ]) {
      const client = contractClient(t.adminUrl, { listener: 'admin' });
      const call = client[method as 'get'](path);
      const { body } = await (authorization === '' ? call : call.set({ authorization })).expect(401);
      expect(body.error.code).toBe('INVALID_ADMIN_TOKEN');
    }
  });

  it('not even whether a path is there', async () => {
    const client = contractClient(t.adminUrl, { listener: 'admin' });
    await client.get('/admin/nothing').expect(401);
    await client.get('/').expect(401);
    await t.admin.get('/admin/nothing').expect(404);
  });

  it('nor with two of them, of which one is right', async () => {
    const right = `Authorization: Bearer ${ADMIN_TOKEN}\r\n`;
    const head = 'GET /admin/partners HTTP/1.1\r\nHost: localhost:8081\r\n';
    expect((await rawRequest(t.adminUrl, `${head}${right}\r\n`)).status).toBe(200);
    for (const lines of [`${right}${right}`, `${right}Authorization: Bearer x\r\n`]) {
      expect((await rawRequest(t.adminUrl, `${head}${lines}\r\n`)).status).toBe(400);
    }
    expect((await rawRequest(t.adminUrl, `${head}Authorization: Bearer x\r\n${right}\r\n`)).status).toBe(401);
  });
});

it.each([
  ['admin', '/admin/partners'],
  ['ops', '/metrics'],
] as const)(
  'the %s listener on a loopback address answers to no other name, as a page would use that had its own point there',
  async (listener, path) => {
    const url = listener === 'admin' ? t.adminUrl : t.opsUrl;
    const get = (host: string) =>
      rawRequest(
        url,
        `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${ADMIN_TOKEN}\r\n\r\n`,
      );
    for (const host of ['localhost', '127.0.0.1:8081', '[::1]:8081', 'LOCALHOST:1', '127.3.2.1'])
      expect((await get(host)).status).toBe(200);
    for (const host of [
      'evil.test',
      '127.0.0.1.evil.test',
      'localhost.evil.test',
      '10.0.0.1',
      'localhost:evil',
      '',
    ])
      expect((await get(host)).status).toBe(400);
  },
);

describe('400', () => {
  it.each([
    ['/admin/partners', {}],
    ['/admin/partners', { id: 'Has Capitals' }],
    ['/admin/partners', { id: 'x', more: 1 }],
    ['/admin/partners', { id: 'x', channel_groups: 'web' }],
    ['/admin/partners', { id: 'x', visible_fields: ['a b'] }],
    ['/admin/partners', { id: 'x'.repeat(65) }],
    ['/admin/clients', { partner: 'north', scopes: ['everything'] }],
    ['/admin/clients', { partner: 'north', scopes: ['__proto__'] }],
    ['/admin/clients', { partner: 'north', grant_types: ['password'] }],
    ['/admin/clients', { partner: 'north', grant_types: [] }],
    ['/admin/api-keys', { partner: 'north', use: 'both' }],
    ['/admin/api-keys', { partner: 'north', scopes: ['everything'] }],
    ['/admin/api-keys', { partner: 'north', expires_at: 'tomorrow' }],
    ['/admin/api-keys', { partner: 'north', expires_at: '2026-02-30T00:00:00Z' }],
    ['/admin/identifiers/trace', { customer_id: 'c1' }],
    ['/admin/identifiers/trace', { customer_id: 'c1', reason: '' }],
    ['/admin/directories/directory/users', { username: 'x', password: '' }],
    ['/admin/directories/directory/users', { username: 'x', password: 'a\u0000b' }],
    ['/admin/directories/directory/users', { username: 'x', password: 'y', reference: 'a\nb' }],
    ['/admin/signing-keys/rotate', { ring: 'other' }],
  ])('POST %s %j', async (path, body) => {
    const answer = await t.admin.post(path).send(body).expect(400);
    expect(answer.body.error.code).toBe('INVALID_REQUEST');
  });

  it('a member named __proto__ is one that nobody knows', async () => {
    const call = t.admin.post('/admin/partners').set('content-type', 'application/json');
    await call.send('{"id":"proto","__proto__":{"tier":"x"}}').expect(400);
    await t.admin.get('/admin/partners/proto').expect(404);
  });

  it('a query that nobody knows, a broken path and a form', async () => {
    await t.admin.get('/admin/partners?x=1').expect(400);
    await t.admin.get('/admin/audit?limit=-1').expect(400);
    await t.admin.get('/admin/audit?since=yesterday').expect(400);
    await t.admin.get('/admin/partners/%zz').expect(400);
    await t.admin.post('/admin/partners').type('form').send('id=x').expect(415);
  });
});

it('404: what is not there', async () => {
  await t.admin.get('/admin/partners/nobody').expect(404);
  await t.admin.patch('/admin/partners/nobody').send({ disabled: true }).expect(404);
  await t.admin.post('/admin/clients').send({ partner: 'nobody' }).expect(404);
  await t.admin.post('/admin/api-keys').send({ partner: 'nobody' }).expect(404);
  await t.admin.post('/admin/clients/cl_00000000000000000000/revoke').expect(404);
  await t.admin.post('/admin/api-keys/ak_nothing/revoke').expect(404);
  await t.admin.post('/admin/directories/nobody/users').send({ username: 'x', password: 'y' }).expect(404);
  await t.admin.post('/admin/directories/directory/users/nobody/disable').expect(404);
  for (const customer_id of [`c1${'a'.repeat(32)}`, 'nonsense', "' or 1=1"]) {
    const reason = 'looking around';
    await t.admin.post('/admin/identifiers/trace').send({ customer_id, reason }).expect(404);
    const path = `/admin/customers/${encodeURIComponent(customer_id)}/end-sessions`;
    await t.admin.post(path).send({ reason }).expect(404);
  }
});

it('409: what is there already, and a group that belongs to another partner', async () => {
  await t.admin.post('/admin/partners').send({ id: 'north' }).expect(409);
  await t.admin
    .post('/admin/partners')
    .send({ id: 'third', channel_groups: ['south'] })
    .expect(409);
  await t.admin.get('/admin/partners/third').expect(404);
  await t.admin
    .patch('/admin/partners/north')
    .send({ channel_groups: ['north', 'south'] })
    .expect(409);
  const user = { username: 'MIRA', password: 'x' };
  await t.admin.post('/admin/directories/directory/users').send(user).expect(409);
  // What was refused changed nothing.
  const { JWT } = await t.signIn('south');
  const headers = { authorization: `Bearer ${t.south.key.secret}`, 'customer-auth': `JWT ${JWT}` };
  await t.api.post('/getprofile').set(headers).expect(200);
});
