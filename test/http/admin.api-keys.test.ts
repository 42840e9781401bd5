import { createHash, generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startService, type TestService } from '../support/service.ts';
import { v1Headers } from './signing.ts';

let t: TestService;
beforeAll(async () => {
  t = await startService();
});
afterAll(() => t.dispose());

const whoami = (headers: Record<string, string>) => t.api.get('/whoami').set(headers);
const importKey = (body: Record<string, unknown>) =>
  t.admin.post('/admin/api-keys/import').send({ partner: 'north', ...body });

describe('importing a key', () => {
  it('lets a partner go on with what it has, whether the secret is known or only its SHA-256', async () => {
    const secret = 'an-old-secret-from-another-system';
    const secret_sha256 = createHash('sha256').update(`${secret}-2`).digest('hex');
    const first = await importKey({ public_id: 'mx_live_0001', secret }).expect(201);
    const second = await importKey({ public_id: 'mx_live_0002', secret_sha256 }).expect(201);
    await importKey({ public_id: 'mx_live_0003', secret: `${secret}-3`, use: 'signing' }).expect(201);
    expect([first.body, second.body]).toMatchObject([
      { public_prefix: 'mx_liv' },
      { public_prefix: 'mx_liv' },
    ]);
    await whoami({ authorization: `Bearer ${secret}` }).expect(200);
    await whoami({ authorization: `Bearer ${secret}-2` }).expect(200);
    await whoami(v1Headers(t, { publicId: 'mx_live_0003', secret: `${secret}-3` })).expect(200);
    await whoami({ authorization: `Bearer ${secret}-3` }).expect(401);
    const { JWT } = await t.signIn('ios');
    await t.api
      .post('/getprofile')
      .set({ authorization: `Bearer ${secret}`, 'customer-auth': `JWT ${JWT}` })
      .expect(200);
  });

  it('refuses what is there already, and what is not one secret in one form', async () => {
    const public_id = 'mx_live_0004';
    const secret = 'another-old-secret-of-theirs';
    await importKey({ public_id, secret }).expect(201);
    await importKey({ public_id, secret: `${secret}x` }).expect(409);
    await importKey({ public_id: `${public_id}x`, secret }).expect(409);
    await importKey({ public_id: `${public_id}y` }).expect(400);
    await importKey({ public_id: `${public_id}y`, secret, secret_sha256: '0'.repeat(64) }).expect(400);
    await importKey({ public_id: `${public_id}y`, secret: 'short' }).expect(400);
    await importKey({ public_id: `${public_id}y`, secret_sha256: 'x'.repeat(64) }).expect(400);
    await importKey({ public_id: `${public_id}y`, secret: `${secret}y`, partner: 'nobody' }).expect(404);
  });

  it('shows no secret, in no answer and no log', async () => {
    const secret = 'one-more-secret-that-stays-secret';
    const { body } = await importKey({ public_id: 'mx_live_0005', secret }).expect(201);
    const text = JSON.stringify([body, t.logs()]);
    for (const hidden of [secret, 'mx_live_0005', createHash('sha256').update(secret).digest('hex')])
      expect(text).not.toContain(hidden);
  });
});

describe('changing a key', () => {
  it('shows what it is now, and keeps the rest', async () => {
    const key = await t.createKey(t.north, { label: 'old', expires_at: '2030-01-01T00:00:00.000Z' });
    const ed25519 = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' }).x;
    const change = {
      label: 'new',
      signature: 'v2',
      scopes: ['whoami'],
      allowed_addresses: ['192.0.2.0/24', '2001:db8::/32'],
      ed25519_public_keys: [ed25519],
      expires_at: null,
    };
    const { body } = await t.admin.patch(`/admin/api-keys/${key.keyId}`).send(change).expect(200);
    expect(body).toMatchObject({ ...change, partner: 'north', use: 'bearer', environment: 'live' });
    const { body: list } = await t.admin.get('/admin/api-keys?partner=north').expect(200);
    const items = (list as { items: { key_id: string }[] }).items;
    expect(items.find(({ key_id }) => key_id === key.keyId)).toEqual(body);
  });

  it.each([
    ['a scope that is none', { scopes: ['everything'] }],
    ['an address that is none', { allowed_addresses: ['example.com'] }],
    ['a public key that is none', { ed25519_public_keys: ['abc'] }],
    ['a scheme that is none', { signature: 'v3' }],
    ['a member that is none', { secret: 'sk' }],
    ['a member that never changes', { partner: 'south' }],
  ])('refuses %s', async (_what, change) => {
    const { status } = await t.admin.patch(`/admin/api-keys/${t.north.key.keyId}`).send(change);
    expect(status).toBe(400);
  });

  it('leaves its record in the audit log', async () => {
    const key = await t.createKey(t.south);
    await t.admin.patch(`/admin/api-keys/${key.keyId}`).send({ label: 'renamed' }).expect(200);
    const { body } = await t.admin.get('/admin/audit?event=api_key.updated').expect(200);
    expect((body as { items: unknown[] }).items[0]).toMatchObject({
      outcome: 'success',
      partner: 'south',
      key_prefix: key.publicId.slice(0, 14),
    });
  });
});
