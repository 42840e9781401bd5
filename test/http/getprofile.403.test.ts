import { afterAll, beforeAll, expect, it } from 'vitest';
import { startService, type TestService } from '../support/service.ts';

let t: TestService;
let proof: Record<string, string>;
beforeAll(async () => {
  t = await startService();
  proof = { 'customer-auth': `JWT ${(await t.signIn()).JWT}` };
});
afterAll(() => t.dispose());

async function expectLackOfScope(headers: Record<string, string>) {
  const answer = await t.api
    .post('/getprofile')
    .set({ ...proof, ...headers })
    .expect(403);
  expect(answer.body.error).toMatchObject({ code: 'INSUFFICIENT_SCOPE', details: { scope: 'profile:read' } });
  expect(answer.headers['www-authenticate']).toBe(
    'Bearer realm="symbolon", error="insufficient_scope", scope="profile:read"',
  );
  expect(t.crm.requests).toEqual([]);
}

it('a key without the scope reads no profile', async () => {
  const key = await t.createKey(t.north, { scopes: ['whoami'] });
  await expectLackOfScope({ authorization: `Bearer ${key.secret}` });
  const none = await t.createKey(t.north, { scopes: [] });
  await expectLackOfScope({ authorization: `Bearer ${none.secret}` });
});

it('of two credentials only the scopes that both have count', async () => {
  const narrow = await t.createKey(t.north, { scopes: ['whoami'] });
  const { authorization = '' } = await t.asappStyle();
  await expectLackOfScope({ authorization, 'api-key': narrow.publicId });
  await expectLackOfScope({ authorization: `Bearer ${t.north.key.secret}`, 'api-key': narrow.publicId });

  const client = await t.admin
    .post('/admin/clients')
    .send({ partner: 'north', scopes: ['whoami'] })
    .expect(201);
  const weak = { ...t.north, clientId: client.body.client_id, clientSecret: client.body.client_secret };
  await expectLackOfScope({
    authorization: `Bearer ${await t.accessToken(weak)}`,
    'api-key': t.north.key.publicId,
  });
});

it('a token that was asked for with less scope has less', async () => {
  const client = await t.admin
    .post('/admin/clients')
    .send({ partner: 'north', scopes: ['profile:read', 'whoami'] })
    .expect(201);
  const { body } = await t.api
    .post('/oauth/token')
    .auth(client.body.client_id, client.body.client_secret)
    .send({ grant_type: 'client_credentials', scope: 'whoami' })
    .expect(200);
  await expectLackOfScope({ authorization: `Bearer ${body.access_token}`, 'api-key': t.north.key.publicId });
});
