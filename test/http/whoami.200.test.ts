import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startService, type TestKey, type TestService } from '../support/service.ts';
import { v1Headers, v2Headers } from './signing.ts';

let t: TestService;
let signing: TestKey;
beforeEach(async () => {
  t = await startService();
  signing = await t.createKey(t.north, { use: 'signing', label: 'live server' });
});
afterEach(() => t.dispose());

async function whoami(headers: Record<string, string>): Promise<Record<string, unknown>> {
  const { body } = await t.api.get('/whoami').set(headers).expect(200);
  return body as Record<string, unknown>;
}

describe('who am I', () => {
  it('by an access token alone', async () => {
    expect(await whoami({ authorization: `Bearer ${await t.accessToken()}` })).toMatchObject({
      proven: true,
      partner: 'north',
      client_id: t.north.clientId,
      api_key: null,
      scopes: ['profile:read', 'whoami'],
      signatures: [],
      address: '127.0.0.1',
    });
  });

  it('by an access token and a key of the same partner: what both allow', async () => {
    const narrow = await t.createKey(t.north, { scopes: ['whoami'] });
    const headers = { authorization: `Bearer ${await t.accessToken()}`, 'api-key': narrow.publicId };
    expect(await whoami(headers)).toMatchObject({
      client_id: t.north.clientId,
      api_key: { public_prefix: narrow.publicId.slice(0, 14) },
      scopes: ['whoami'],
    });
  });

  it('by a secret', async () => {
    const key = await t.createKey(t.north, { environment: 'test', expires_at: '2027-05-01T00:00:00.000Z' });
    expect(await whoami({ authorization: `Bearer ${key.secret}` })).toMatchObject({
      proven: true,
      partner: 'north',
      client_id: null,
      api_key: {
        public_prefix: key.publicId.slice(0, 14),
        environment: 'test',
        label: 'key',
        use: 'bearer',
        signature: 'none',
        expires_at: '2027-05-01T00:00:00.000Z',
      },
    });
  });

  it('by a signed request of either scheme', async () => {
    expect(await whoami(v1Headers(t, signing))).toMatchObject({
      proven: true,
      partner: 'north',
      api_key: { label: 'live server', use: 'signing', signature: 'any' },
      signatures: ['v1'],
    });
    expect(await whoami(v2Headers(t, signing, { method: 'GET', path: '/whoami' }))).toMatchObject({
      proven: true,
      signatures: ['v2'],
    });
  });

  it('as often as one likes with one v1 signature: nothing is read and nothing changes', async () => {
    const headers = v1Headers(t, signing);
    const first = await whoami(headers);
    expect(await whoami(headers)).toMatchObject({ proven: true, scopes: first['scopes'] });
  });

  it('by a public id alone: it proves nothing, and learns nothing but what may be done with it', async () => {
    expect(await whoami({ 'x-api-key': t.north.key.publicId })).toMatchObject({
      proven: false,
      partner: null,
      client_id: null,
      api_key: {
        public_prefix: t.north.key.publicId.slice(0, 14),
        environment: 'live',
        label: null,
        use: null,
        signature: null,
        expires_at: null,
      },
      scopes: ['whoami'],
    });
  });

  it('holds nothing that could be used as a credential', async () => {
    const token = await t.accessToken();
    const text = JSON.stringify([
      await whoami({ authorization: `Bearer ${token}`, 'api-key': t.north.key.publicId }),
      await whoami({ authorization: `Bearer ${t.north.key.secret}` }),
    ]);
    for (const secret of [token, t.north.key.publicId, t.north.key.secret])
      expect(text).not.toContain(secret);
  });

  it('under another path too, where the operator wants that', async () => {
    await t.dispose();
    t = await startService({
      settings: (all) => ({ ...all, http: { ...all.http, aliases: { whoami: ['/account/whoami'] } } }),
    });
    const headers = { authorization: `Bearer ${t.north.key.secret}` };
    await t.api.get('/account/whoami').set(headers).expect(200);
  });
});

describe('the last use of a key', () => {
  const lastUse = async (keyId: string) => {
    await new Promise((resolve) => setImmediate(resolve));
    const { body } = await t.admin.get('/admin/api-keys').expect(200);
    const key = (body as { items: Record<string, unknown>[] }).items.find((one) => one['key_id'] === keyId);
    return key as { last_used_at: string | null; secrets: { first_used_at: string | null }[] };
  };

  it('is noted for a secret and for a signature, and not for what was refused', async () => {
    const asked = new Date(t.clock.nowMs()).toISOString();
    await t.api
      .get('/whoami')
      .set(v1Headers(t, { ...signing, secret: 'other' }))
      .expect(401);
    await whoami({ authorization: `Bearer ${t.north.key.secret}` });
    await expect
      .poll(async () => (await lastUse(t.north.key.keyId)).last_used_at, { timeout: 5_000 })
      .toBe(asked);
    expect((await lastUse(t.north.key.keyId)).secrets[0]?.first_used_at).toBe(asked);
    expect((await lastUse(signing.keyId)).last_used_at).toBeNull();
    await whoami(v1Headers(t, signing));
    await expect
      .poll(async () => (await lastUse(signing.keyId)).last_used_at, { timeout: 5_000 })
      .toBe(asked);
  });
});
