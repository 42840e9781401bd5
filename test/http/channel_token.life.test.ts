import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { SHOP_ORIGIN } from '../support/service.ts';
import { type ChannelService, startChannelService } from './channel-settings.ts';

let t: ChannelService;
beforeAll(async () => {
  t = await startChannelService();
});
afterAll(() => t.dispose());
beforeEach(() => t.clock.advance(1_000));

const ask = (cookie: string) =>
  t.api.post('/channels/chatwoot/token').set({ cookie, origin: SHOP_ORIGIN, 'x-symbolon-csrf': '1' });
const change = (id: string, what: string, body: object = {}) =>
  t.admin.post(`/admin/customers/${id}/${what}`).send({ reason: 'test 2026-1', ...body });
const idOf = async (cookie: string) =>
  ((await ask(cookie).expect(200)).body as { customer_id: string }).customer_id;

describe('a customer who', () => {
  it('was merged gets proofs of the survivor, on the session that goes on', async () => {
    const miras = await t.signInWithCookie('mira');
    const noors = await t.signInWithCookie('noor');
    const mira = await idOf(miras);
    const noor = await idOf(noors);
    expect(mira).not.toBe(noor);
    await change(mira, 'merge', { into: noor }).expect(200);
    expect(await idOf(miras)).toBe(noor);
    expect(await idOf(await t.signInWithCookie('mira'))).toBe(noor);
  });

  it('was disabled gets none, also with the session and the device of before', async () => {
    const cookie = await t.signInWithCookie('noor');
    const token = await t.refreshToken();
    const id = await idOf(cookie);
    await change(id, 'disable').expect(200);
    expect((await ask(cookie)).status).toBe(401);
    expect((await t.api.post('/channels/chatwoot/token').send({ refresh_token: token })).status).toBe(401);
    await change(id, 'enable').expect(200);
  });

  it('was erased gets none', async () => {
    const cookie = await t.signInWithCookie('noor');
    const id = await idOf(cookie);
    await change(id, 'erase').expect(200);
    expect((await ask(cookie)).status).toBe(401);
  });
});
