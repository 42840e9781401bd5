import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PASSWORD, SHOP_ORIGIN, startService, type TestService } from '../support/service.ts';

const REASON = 'ticket 4711';

let t: TestService;
beforeEach(async () => {
  t = await startService();
});
afterEach(() => t.dispose());

const change = (customerId: string, what: string, more: Record<string, unknown> = {}) =>
  t.admin.post(`/admin/customers/${customerId}/${what}`).send({ reason: REASON, ...more });
const session = (cookie: string) => t.api.get('/customer_session').set({ cookie });
const page = (cookie: string) => ({ cookie, origin: SHOP_ORIGIN, 'x-symbolon-csrf': '1' });

/** Two sessions of one account in the `web` channel, and its identifier there. */
async function twoSessions(username: string) {
  const first = await t.signInWithCookie(username);
  const second = await t.signInWithCookie(username);
  const { body } = await session(first).expect(200);
  return { first, second, customerId: body.customer_id as string };
}

const ENDS = {
  'the customer, everywhere': async ({ first }: { first: string }) => {
    await t.api.delete('/customer_session?everywhere=true').set(page(first)).expect(204);
  },
  'the operator': async ({ customerId }: { customerId: string }) => {
    await change(customerId, 'end-sessions').expect(200);
  },
  'disabling, and enabling again': async ({ customerId }: { customerId: string }) => {
    await change(customerId, 'disable').expect(200);
    await change(customerId, 'enable').expect(200);
  },
};
const LIVES = {
  merged: async (gone: string, stays: string) => {
    await change(gone, 'merge', { into: stays }).expect(200);
  },
  'merged and split again': async (gone: string, stays: string) => {
    await change(gone, 'merge', { into: stays }).expect(200);
    t.clock.advance(1);
    await change(gone, 'split').expect(200);
  },
};
const CASES = (Object.keys(ENDS) as (keyof typeof ENDS)[]).flatMap((end) =>
  (Object.keys(LIVES) as (keyof typeof LIVES)[]).flatMap((life) =>
    (['merged', 'surviving'] as const).map((role) => [end, life, role] as const),
  ),
);

async function isOver(cookie: string): Promise<void> {
  await session(cookie).expect(401);
  await t.api.post('/customer_session/token').set(page(cookie)).send({}).expect(401);
}

describe('a session that was ended', () => {
  it.each(CASES)(
    'by %s stays ended when the customers are then %s and its was the %s one',
    async (...which) => {
      const [end, life, role] = which;
      const mine = await twoSessions('noor');
      const other = await twoSessions('mira');
      t.clock.advance(1);
      await ENDS[end](mine);
      await isOver(mine.second);
      t.clock.advance(1);
      const ids = [mine.customerId, other.customerId] as const;
      await LIVES[life](...(role === 'merged' ? ids : ([ids[1], ids[0]] as const)));
      await isOver(mine.first);
      await isOver(mine.second);
      t.clock.advance(1);
      await isOver(mine.second);
      // Who signs in anew is served.
      await session(await t.signInWithCookie('noor')).expect(200);
    },
  );

  it.each(CASES)(
    'by %s after the customers were %s stays ended, when its was the %s one',
    async (...which) => {
      const [end, life, role] = which;
      const mine = await twoSessions('noor');
      const other = await twoSessions('mira');
      const ids = [mine.customerId, other.customerId] as const;
      t.clock.advance(1);
      await LIVES[life](...(role === 'merged' ? ids : ([ids[1], ids[0]] as const)));
      t.clock.advance(1);
      const first = await t.signInWithCookie('noor');
      const second = await t.signInWithCookie('noor');
      const customerId = (await session(first).expect(200)).body.customer_id as string;
      t.clock.advance(1);
      await ENDS[end]({ first, customerId });
      for (const cookie of [second, mine.second]) await isOver(cookie);
    },
  );
});

describe('a session from before a merge', () => {
  it.each(['noor', 'mira'])('is over after a split for %s', async (username) => {
    const gone = await twoSessions('noor');
    const stays = await twoSessions('mira');
    await change(gone.customerId, 'merge', { into: stays.customerId }).expect(200);
    const before = username === 'noor' ? gone : stays;
    await session(before.first).expect(200);
    t.clock.advance(1);
    await change(gone.customerId, 'split').expect(200);
    await isOver(before.first);
    await isOver(before.second);
    t.clock.advance(1);
    const { body } = await t.api
      .post('/customer_authenticate')
      .send({ username, password: PASSWORD, channel: 'web', delivery: 'cookie' })
      .expect(200);
    expect(body.customer_id === stays.customerId).toBe(username === 'mira');
  });
});
