import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startService, type TestService } from '../support/service.ts';

const HOUR_MS = 3_600_000;
const WHY = { reason: 'stolen phone' };

let t: TestService;
let style: Record<string, string>;
beforeAll(async () => {
  t = await startService({
    settings: (all) => ({
      ...all,
      channels: [
        ...(all.channels ?? []),
        { id: 'acc', group: 'north', delivery: 'token', enforcement: 'accept', refresh_tokens: {} },
        { id: 'wrn', group: 'north', delivery: 'token', enforcement: 'warn', refresh_tokens: {} },
      ],
    }),
  });
});
afterAll(() => t.dispose());
beforeEach(async () => {
  t.clock.advance(61_000);
  style = await t.asappStyle();
});

interface SignedIn {
  JWT: string;
  customer_id: string;
  refresh_token: string;
}
const signIn = async (channel: string, user = 'mira') =>
  (await t.signIn(channel, user)) as unknown as SignedIn;
const profile = async (headers: Record<string, string>, body: object = {}): Promise<number> =>
  (
    await t.api
      .post('/getprofile')
      .set({ ...style, ...headers })
      .send(body)
  ).status;
const withToken = (token: string) => profile({ 'customer-auth': `JWT ${token}` });
const named = (customer_id: string, channel = 'acc') => profile({}, { customer_id, channel });
const change = (id: string, what: string, body: object = {}) =>
  t.admin
    .post(`/admin/customers/${id}/${what}`)
    .send({ ...WHY, ...body })
    .expect(200);
const leave = ({ refresh_token }: SignedIn, query = '') =>
  t.api.delete(`/customer_session${query}`).set('authorization', `Bearer ${refresh_token}`).expect(204);

describe('a token that was taken back stays dead for as long as a late one is answered, after', () => {
  const ways: [string, (one: SignedIn) => Promise<unknown>][] = [
    ['a sign-out', (one) => leave(one)],
    ['a sign-out everywhere', (one) => leave(one, '?everywhere=true')],
    [
      'a customer was disabled and enabled again',
      async ({ customer_id }) => {
        await change(customer_id, 'disable');
        t.clock.advance(1_000);
        await change(customer_id, 'enable');
      },
    ],
    [
      'a merge and a split',
      async ({ customer_id }) => {
        const other = await signIn('ios', 'noor');
        await change(other.customer_id, 'merge', { into: customer_id });
        t.clock.advance(1_000);
        await change(customer_id, 'split', { reference: '4711' });
      },
    ],
  ];
  it.each(ways)('%s', async (_name, end) => {
    const channel = _name.includes('everywhere') ? 'wrn' : 'acc';
    const one = await signIn(channel);
    t.clock.advance(1_000);
    await end(one);
    let at = 0;
    for (const hours of [0, 7, 9, 15, 17, 23]) {
      t.clock.advance((hours - at) * HOUR_MS + 1_000);
      at = hours;
      style = await t.asappStyle();
      expect([hours, await withToken(one.JWT)]).toEqual([hours, 401]);
    }
  });
});

describe('a customer who is only named', () => {
  it('is answered for a day after having been there, and no longer', async () => {
    const { customer_id } = await signIn('acc');
    expect(await named(customer_id)).toBe(200);
    t.clock.advance(23 * HOUR_MS);
    style = await t.asappStyle();
    expect(await named(customer_id)).toBe(200);
    t.clock.advance(HOUR_MS + 1_000);
    style = await t.asappStyle();
    expect(await named(customer_id)).toBe(401);
  });

  it('is nobody whom a file brought in and who has never been there', async () => {
    const row = { reference_space: 'directory', reference: 'never-99', channel_group: 'north' };
    await t.admin
      .post('/admin/identifiers/import')
      .send({ rows: [{ ...row, customer_id: '10000001' }], reason: 'move from the old chat' })
      .expect(200);
    expect(await named('10000001')).toBe(401);
  });

  it('is nobody whose session has been ended, however it was ended', async () => {
    const one = await signIn('acc', 'noor');
    t.clock.advance(1_000);
    await leave(one);
    expect(await withToken(one.JWT)).toBe(401);
    expect(await named(one.customer_id)).toBe(401);
    t.clock.advance(1_000);
    const two = await signIn('acc', 'noor');
    t.clock.advance(1_000);
    await leave(two, '?everywhere=true');
    expect(await named(two.customer_id)).toBe(401);
    t.clock.advance(1_000);
    const three = await signIn('acc', 'noor');
    t.clock.advance(1_000);
    await t.admin.post(`/admin/customers/${three.customer_id}/end-sessions`).send(WHY).expect(200);
    expect(await named(three.customer_id)).toBe(401);
  });

  it('stays one as long as another of their devices is signed in', async () => {
    const one = await signIn('acc', 'noor');
    await signIn('acc', 'noor');
    t.clock.advance(1_000);
    await leave(one);
    expect(await named(one.customer_id)).toBe(200);
  });

  it('is nobody who was only on another channel of the group', async () => {
    const { customer_id } = await signIn('wrn', 'mira');
    t.clock.advance(25 * HOUR_MS);
    style = await t.asappStyle();
    await signIn('ios', 'mira');
    expect(await named(customer_id, 'acc')).toBe(401);
  });

  it('is found by nobody who tries: names that lead nowhere use the key up', async () => {
    const { customer_id } = await signIn('acc');
    const answers = new Set<number>();
    for (let i = 0; i < 40; i++) answers.add(await named(String(20_000_000 + i)));
    expect([...answers]).toEqual([401, 429]);
    expect(await named(customer_id)).toBe(429);
    t.clock.advance(61_000);
    style = await t.asappStyle();
    expect(await named(customer_id)).toBe(200);
  });
});
