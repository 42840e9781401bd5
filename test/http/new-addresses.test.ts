import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startService, type TestService } from '../support/service.ts';

let t: TestService;
beforeEach(async () => {
  t = await startService({
    settings: (all) => ({ ...all, http: { ...all.http, trusted_proxies: ['127.0.0.1'] } }),
  });
});
afterEach(() => t.dispose());

const useFrom = (address: string) =>
  t.api
    .get('/whoami')
    .set({ authorization: `Bearer ${t.north.key.secret}`, 'x-forwarded-for': address })
    .expect(200);
const noticed = async (event = 'api_key.new_address') => {
  const { body } = await t.admin.get(`/admin/audit?event=${event}`).expect(200);
  return (body as { items: { address: string }[] }).items.map(({ address }) => address);
};
/** Until the store has answered what was asked beside the requests. */
const settled = async (uses: number) => {
  for (;;) {
    const { text } = await t.ops.get('/metrics').expect(200);
    const checks = [...text.matchAll(/^symbolon_replay_checks_total\{space="seen-address",.*\} (\d+)$/gm)];
    if (checks.reduce((sum, one) => sum + Number(one[1]), 0) >= uses) return text;
  }
};

describe('a credential in a new place', () => {
  it('is told in the audit log and counted, but not the first place it is ever used from', async () => {
    await useFrom('192.0.2.1');
    await settled(4);
    expect(await noticed()).toEqual([]);
    await useFrom('198.51.100.7');
    const text = await settled(7);
    expect(await noticed()).toEqual(['198.51.100.7']);
    expect(text).toMatch(/^symbolon_new_addresses_total\{kind="api_key"\} 1$/m);
  });

  it('is told once, and a whole IPv6 network of one customer is one place', async () => {
    await useFrom('2001:db8:1:1::1');
    await settled(4);
    for (const address of ['2001:db8:1:2::1', '2001:db8:1:2::2', '2001:db8:1:2:ffff::1'])
      await useFrom(address);
    await settled(7);
    await useFrom('2001:db8:1:2::1');
    expect(await noticed()).toEqual(['2001:db8:1:2::1']);
  });

  it('is not told of whoever only shows a public id', async () => {
    await useFrom('192.0.2.1');
    await settled(4);
    const shown = { 'x-api-key': t.north.key.publicId, 'x-forwarded-for': '203.0.113.9' };
    await t.api.get('/whoami').set(shown).expect(200);
    await useFrom('192.0.2.1');
    expect(await noticed()).toEqual([]);
  });

  it('holds for clients at the token endpoint, too', async () => {
    const token = (address: string) =>
      t.api
        .post('/oauth/token')
        .auth(t.north.clientId, t.north.clientSecret)
        .set('x-forwarded-for', address)
        .type('form')
        .send({ grant_type: 'client_credentials' })
        .expect(200);
    await token('192.0.2.1');
    await settled(4);
    await token('198.51.100.7');
    await settled(7);
    expect(await noticed('client.new_address')).toEqual(['198.51.100.7']);
  });
});
