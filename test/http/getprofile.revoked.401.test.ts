import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startService, type TestKey, type TestService } from '../support/service.ts';

let t: TestService;
let mira: { JWT: string; customer_id: string };
let asapp: Record<string, string>;
beforeEach(async () => {
  t = await startService();
  mira = await t.signIn();
  asapp = await t.asappStyle();
});
afterEach(() => t.dispose());

const proof = () => ({ 'customer-auth': `JWT ${mira.JWT}` });

async function expectRefused(headers: Record<string, string>, code: string) {
  const { body } = await t.api.post('/getprofile').set(headers).expect(401);
  expect(body.error.code).toBe(code);
  expect(t.crm.requests).toEqual([]);
}

describe('a revoked credential stops at once', () => {
  const expectWorks = async (headers: Record<string, string>) => {
    await t.api
      .post('/getprofile')
      .set({ ...proof(), ...headers })
      .expect(200);
    t.crm.requests.length = 0;
  };
  const bearer = (key: TestKey) => ({ authorization: `Bearer ${key.secret}` });

  it('a key, in either style, although it was just used', async () => {
    const key = await t.createKey(t.north);
    const { authorization = '' } = asapp;
    await expectWorks(bearer(key));
    await expectWorks({ authorization, 'api-key': key.publicId });
    await t.admin.post(`/admin/api-keys/${key.keyId}/revoke`).expect(200);
    await expectRefused({ ...proof(), ...bearer(key) }, 'INVALID_API_KEY');
    await expectRefused({ ...proof(), authorization, 'api-key': key.publicId }, 'INVALID_API_KEY');
    await expectWorks(bearer(t.north.key));
  });

  it('the access tokens of a client', async () => {
    await expectWorks(asapp);
    await t.admin.post(`/admin/clients/${t.north.clientId}/revoke`).expect(200);
    await expectRefused({ ...asapp, ...proof() }, 'INVALID_ACCESS_TOKEN');
  });

  it('everything of a disabled partner', async () => {
    await expectWorks(asapp);
    await t.admin.patch('/admin/partners/north').send({ disabled: true }).expect(200);
    await expectRefused({ ...asapp, ...proof() }, 'INVALID_ACCESS_TOKEN');
    await expectRefused({ ...proof(), ...bearer(t.north.key) }, 'INVALID_API_KEY');
    await t.admin.patch('/admin/partners/north').send({ disabled: false }).expect(200);
    await expectWorks(asapp);
  });

  it('an expired key, and only its holder learns that it expired', async () => {
    const expires_at = new Date(t.clock.nowMs() + 60_000).toISOString();
    const key = await t.createKey(t.north, { expires_at });
    await expectWorks(bearer(key));
    t.clock.advance(60_000);
    await expectRefused({ ...proof(), ...bearer(key) }, 'EXPIRED_API_KEY');
    await expectRefused({ ...proof(), 'api-key': key.publicId }, 'INVALID_API_KEY');
    // The partner's own access token shows whose key it is; another partner's does not.
    const token = await t.accessToken();
    await expectRefused(
      { ...proof(), authorization: `Bearer ${token}`, 'api-key': key.publicId },
      'EXPIRED_API_KEY',
    );
    const foreign = await t.accessToken(t.south);
    await expectRefused(
      { ...proof(), authorization: `Bearer ${foreign}`, 'api-key': key.publicId },
      'INVALID_API_KEY',
    );
  });
});
