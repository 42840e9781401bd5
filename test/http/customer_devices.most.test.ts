import { afterEach, expect, it } from 'vitest';
import { ADMIN_TOKEN, PASSWORD, startService, type TestService } from '../support/service.ts';

let t: TestService;
afterEach(() => t.dispose());

const start = (more: Record<string, unknown> = {}) =>
  startService({
    settings: (all) => ({
      ...all,
      ...more,
      channels: (all.channels ?? []).map((channel) =>
        channel.id === 'ios' ? { ...channel, refresh_tokens: {} } : channel,
      ),
    }),
  });

const signIn = async (deviceName: string): Promise<string> => {
  const { body } = await t.api
    .post('/customer_authenticate')
    .send({ username: 'mira', password: PASSWORD, channel: 'ios', device_name: deviceName })
    .expect(200);
  t.clock.advance(1_000);
  return body.refresh_token as string;
};

const renew = (token: string) =>
  t.api.post('/customer_authenticate').send({ grant_type: 'refresh_token', refresh_token: token });

const namesSeenBy = async (token: string): Promise<string[]> => {
  const { body } = await t.api
    .get('/customer_session/devices')
    .set({ authorization: `Bearer ${token}` })
    .expect(200);
  return (body.items as { device_name: string }[]).map((one) => one.device_name).sort();
};

it('beyond the most devices of a customer the one unused for longest ends, and its end is recorded', async () => {
  t = await start({ sessions: { max_devices: 3 } });
  const first = (await renew(await signIn('first')).expect(200)).body.refresh_token as string;
  const second = await signIn('second');
  const third = await signIn('third');
  const used = (await renew(first).expect(200)).body.refresh_token as string;
  t.clock.advance(1_000);
  const fourth = await signIn('fourth');
  expect(await namesSeenBy(fourth)).toEqual(['first', 'fourth', 'third']);
  await renew(second).expect(401);
  await renew(used).expect(200);
  await renew(third).expect(200);
  await expect
    .poll(async () => {
      const answer = await fetch(`${t.adminUrl}/admin/audit?event=session.ended`, {
        headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
      });
      return ((await answer.json()) as { items: unknown[] }).items;
    })
    .toMatchObject([{ actor: 'system', reason: 'too many devices', channel: 'ios' }]);
});

it('an answer that is given again counts like any other', async () => {
  t = await start({
    limits: { tiers: { few: [{ quota: 3, window_seconds: 60 }] }, defaults: { session: 'few' } },
  });
  const token = await signIn('phone');
  const statuses: number[] = [];
  for (let n = 0; n < 6; n++) statuses.push((await renew(token)).status);
  expect(statuses).toEqual([200, 200, 200, 429, 429, 429]);
});

it('many renewals at once with one token count each of them once', async () => {
  t = await start({
    limits: { tiers: { few: [{ quota: 8, window_seconds: 60 }] }, defaults: { session: 'few' } },
  });
  const token = await signIn('phone');
  const answers = await Promise.all(Array.from({ length: 8 }, () => renew(token)));
  expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 8 }, () => 200));
  await renew(token).expect(429);
});
