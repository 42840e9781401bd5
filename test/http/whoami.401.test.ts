import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startService, type TestKey, type TestService } from '../support/service.ts';
import { seconds, v1Headers, v2Headers } from './signing.ts';

let t: TestService;
let signing: TestKey;
beforeEach(async () => {
  t = await startService();
  signing = await t.createKey(t.north, { use: 'signing' });
});
afterEach(() => t.dispose());

async function expectRefused(headers: Record<string, string>, code: string) {
  const { body, status, headers: answered } = await t.api.get('/whoami').set(headers);
  expect([status, (body as { error?: { code?: string } }).error?.code]).toEqual([
    code === 'INSUFFICIENT_SCOPE' || code === 'IP_NOT_ALLOWED' ? 403 : 401,
    code,
  ]);
  expect(answered['www-authenticate'] ?? 'none').toMatch(code === 'IP_NOT_ALLOWED' ? /^none$/ : /^Bearer /);
}

describe('nobody is recognised', () => {
  it('without any credential', async () => {
    await expectRefused({}, 'INVALID_ACCESS_TOKEN');
  });

  it('by what is none of ours', async () => {
    await expectRefused({ authorization: 'Bearer something' }, 'INVALID_ACCESS_TOKEN');
    await expectRefused(
      { authorization: `Bearer something-of-more-than-twenty-characters` },
      'INVALID_ACCESS_TOKEN',
    );
    await expectRefused({ authorization: 'Basic bm9ydGg6c2VjcmV0' }, 'INVALID_ACCESS_TOKEN');
    await expectRefused({ 'api-key': 'pk_live_unknown_unknown' }, 'INVALID_API_KEY');
    await expectRefused({ 'api-key': t.north.key.secret }, 'INVALID_API_KEY');
    await expectRefused({ 'api-key': signing.publicId, 'x-api-key': signing.publicId }, 'INVALID_API_KEY');
    await expectRefused({ authorization: `Bearer ${t.north.key.publicId}` }, 'INVALID_API_KEY');
  });

  it('by the public id of a key that must sign', async () => {
    await expectRefused({ 'x-api-key': signing.publicId }, 'INVALID_SIGNATURE');
  });

  it('by the public id of a key that may not ask this', async () => {
    const key = await t.createKey(t.north, { scopes: ['profile:read'] });
    await expectRefused({ 'x-api-key': key.publicId }, 'INVALID_API_KEY');
    await expectRefused({ authorization: `Bearer ${key.secret}` }, 'INSUFFICIENT_SCOPE');
  });

  it('by the public id of an expired, revoked or address-bound key, and the reason is not told', async () => {
    const expires_at = new Date(t.clock.nowMs() + 1_000).toISOString();
    const expired = await t.createKey(t.north, { expires_at });
    const revoked = await t.createKey(t.north);
    await t.admin.post(`/admin/api-keys/${revoked.keyId}/revoke`).expect(200);
    const bound = await t.createKey(t.north, { allowed_addresses: ['192.0.2.1'] });
    t.clock.advance(1_000);
    for (const key of [expired, revoked, bound])
      await expectRefused({ 'x-api-key': key.publicId }, 'INVALID_API_KEY');
    await expectRefused({ authorization: `Bearer ${expired.secret}` }, 'EXPIRED_API_KEY');
    await expectRefused({ authorization: `Bearer ${revoked.secret}` }, 'INVALID_API_KEY');
    await expectRefused({ authorization: `Bearer ${bound.secret}` }, 'IP_NOT_ALLOWED');
  });

  it('by a signature for another address, or one that comes a second time', async () => {
    await expectRefused(v2Headers(t, signing, { method: 'GET', path: '/getprofile' }), 'INVALID_SIGNATURE');
    const v2 = v2Headers(t, signing, { method: 'GET', path: '/whoami' });
    await t.api.get('/whoami').set(v2).expect(200);
    await expectRefused(v2, 'SIGNATURE_REPLAYED');
  });

  it('by a signature of the past', async () => {
    await expectRefused(v1Headers(t, signing, '', seconds(t) - 301), 'TIMESTAMP_EXPIRED');
  });
});

describe('a v1 signature that was good for asking who one is', () => {
  it('works at no other endpoint, and goes on working there', async () => {
    const { JWT } = await t.signIn('ios');
    const headers = v1Headers(t, signing);
    await t.api.get('/whoami').set(headers).expect(200);
    const profile = { ...headers, 'customer-auth': `JWT ${JWT}` };
    const { body } = await t.api.post('/getprofile').set(profile).expect(401);
    expect(body).toMatchObject({ error: { code: 'SIGNATURE_REPLAYED' } });
    await t.api.get('/whoami').set(headers).expect(200);
  });

  it('with a body is remembered like any other', async () => {
    const headers = v1Headers(t, signing, '{"a":1}');
    const ask = () =>
      t.api
        .get('/whoami')
        .set({ ...headers, 'content-type': 'application/json' })
        .send('{"a":1}');
    await ask().expect(200);
    await ask().expect(401);
  });
});
