import { decodeJwt } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PASSWORD, SHOP_ORIGIN, startService, type TestService } from '../support/service.ts';

const DAY_MS = 86_400_000;

interface SignedIn {
  JWT: string;
  customer_id: string;
  refresh_token: string;
  expires_in: string;
  issued_at: string;
}

let t: TestService;
beforeEach(async () => {
  t = await startService({
    settings: (all) => ({
      ...all,
      sessions: { idle_seconds: 60, absolute_seconds: 120 },
      limits: { tiers: { standard: [{ quota: 300, window_seconds: 60 }] } },
      channels: [
        ...(all.channels ?? []).map((channel) =>
          ['ios', 'south'].includes(channel.id)
            ? { ...channel, refresh_tokens: { idle_days: 10, absolute_days: 30 } }
            : channel,
        ),
        { id: 'tablet', group: 'north', token_lifetime_seconds: 60, delivery: 'token', refresh_tokens: {} },
      ],
    }),
  });
});
afterEach(() => t.dispose());

const signIn = async (username = 'mira', more: Record<string, unknown> = {}): Promise<SignedIn> => {
  const { body } = await t.api
    .post('/customer_authenticate')
    .send({ username, password: PASSWORD, channel: 'ios', ...more })
    .expect(200);
  return body as SignedIn;
};
const renewal = (refresh_token: string, more: Record<string, unknown> = {}) =>
  t.api.post('/customer_authenticate').send({ grant_type: 'refresh_token', refresh_token, ...more });
const renew = async (refreshToken: string, more: Record<string, unknown> = {}): Promise<SignedIn> =>
  (await renewal(refreshToken, more).expect(200)).body as SignedIn;
const refused = async (refreshToken: string) => {
  const { body } = await renewal(refreshToken).expect(401);
  expect(body.error.code).toBe('INVALID_REFRESH_TOKEN');
};
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const devicesOf = async (token: string) =>
  (await t.api.get('/customer_session/devices').set(bearer(token)).expect(200)).body.items as {
    id: string;
    device_name: string | null;
    current: boolean;
    last_used_at: number;
  }[];
const profileStatus = async (token: string): Promise<number> => {
  const headers = { authorization: `Bearer ${t.north.key.secret}`, 'customer-auth': `JWT ${token}` };
  return (await t.api.post('/getprofile').set(headers)).status;
};
const auditOf = async (event: string) =>
  (await t.admin.get(`/admin/audit?event=${event}`).expect(200)).body.items as Record<string, unknown>[];

describe('a refresh token', () => {
  it('comes with token delivery where the channel gives one, and with nothing else', async () => {
    expect((await signIn()).refresh_token).toMatch(/^rt_/);
    expect(await signIn('mira', { channel: 'app' })).not.toHaveProperty('refresh_token');
    const byCookie = await signIn('mira', { channel: 'ios', delivery: 'cookie' });
    expect(byCookie).not.toHaveProperty('refresh_token');
    const cookie = await t.signInWithCookie();
    const { body } = await t.api
      .post('/customer_session/token')
      .set({ cookie, origin: SHOP_ORIGIN, 'x-symbolon-csrf': '1' })
      .send({ channel: 'web' })
      .expect(200);
    expect(body).not.toHaveProperty('refresh_token');
  });

  it('renews the customer token long after every session is over, as the same customer', async () => {
    const first = await signIn();
    t.clock.advance(9 * DAY_MS);
    const second = await renew(first.refresh_token);
    expect(second).toEqual({
      issued_at: String(t.clock.nowMs()),
      JWT: expect.any(String) as string,
      expires_in: '900',
      customer_id: first.customer_id,
      refresh_token: expect.stringMatching(/^rt_/) as string,
    });
    const [before, after] = [decodeJwt(first.JWT), decodeJwt(second.JWT)];
    for (const claim of ['iss', 'aud', 'sub', 'sid', 'auth_time']) expect(after[claim]).toBe(before[claim]);
    expect(await profileStatus(second.JWT)).toBe(200);
    expect((await renew(second.refresh_token, { delivery: 'token' })).customer_id).toBe(first.customer_id);
  });

  it('is taken as a form, too', async () => {
    const { refresh_token } = await signIn();
    await t.api
      .post('/customer_authenticate')
      .type('form')
      .send({ grant_type: 'refresh_token', refresh_token })
      .expect(200);
  });

  it('gives one and the same answer to two hundred calls at once, and within ten seconds', async () => {
    const { refresh_token } = await signIn();
    const answers = await Promise.all(
      Array.from({ length: 200 }, async () => (await renewal(refresh_token)).body as SignedIn),
    );
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect(answers[0]?.refresh_token).toMatch(/^rt_/);
    t.clock.advance(9_999);
    expect(await renew(refresh_token)).toEqual(answers[0]);
    await renew(answers[0]?.refresh_token as string);
  });

  it('ends its device when it is used again after ten seconds, with what came of it', async () => {
    const first = await signIn();
    const second = await renew(first.refresh_token);
    t.clock.advance(10_000);
    await refused(first.refresh_token);
    await refused(second.refresh_token);
    for (const token of [first.JWT, second.JWT]) expect(await profileStatus(token)).toBe(401);
    expect(await auditOf('refresh_token.reused')).toMatchObject([
      { outcome: 'refused', actor: 'customer', customer_id: first.customer_id },
    ]);
  });

  it('ends its device when it is used again after its successor was, however soon', async () => {
    const first = await signIn();
    const second = await renew(first.refresh_token);
    const third = await renew(second.refresh_token);
    await refused(first.refresh_token);
    await refused(third.refresh_token);
    expect(await profileStatus(third.JWT)).toBe(401);
  });

  it('is over when unused for its idle life, and at its absolute age even if used', async () => {
    const idle = await signIn();
    let { refresh_token } = await signIn('noor');
    for (let day = 0; day < 27; day += 9) {
      t.clock.advance(9 * DAY_MS);
      ({ refresh_token } = await renew(refresh_token));
    }
    await refused(idle.refresh_token);
    t.clock.advance(3 * DAY_MS - 1);
    ({ refresh_token } = await renew(refresh_token));
    t.clock.advance(1);
    expect((await renewal(refresh_token)).status).toBe(401);
  });

  it('serves channels of its own group that give such tokens, and is as it was after a refusal', async () => {
    const { refresh_token } = await signIn();
    for (const [channel, status, code] of [
      ['south', 403, 'CHANNEL_NOT_ALLOWED'],
      ['nowhere', 400, 'UNKNOWN_CHANNEL'],
    ] as const) {
      const { body } = await renewal(refresh_token, { channel }).expect(status);
      expect(body.error.code).toBe(code);
    }
    const { body } = await renewal(refresh_token, { channel: 'app' }).expect(403);
    expect(body.error).toMatchObject({ code: 'CHANNEL_NOT_ALLOWED', details: { channel: 'app' } });
    const renewed = await renew(refresh_token, { channel: 'tablet' });
    expect(decodeJwt(renewed.JWT).aud).toBe('tablet');
    expect(renewed.expires_in).toBe('60');
    expect((await devicesOf(renewed.refresh_token))[0]).toMatchObject({ channel: 'ios' });
  });

  it('that is none of ours is refused, as is one of another form or in the address', async () => {
    for (const token of ['rt_none', 'x', `rt_${'A'.repeat(91)}`]) await refused(token);
    for (const body of [
      { grant_type: 'refresh_token' },
      { refresh_token: 'rt_x' },
      { grant_type: 'refresh_token', refresh_token: 'r'.repeat(129) },
      { grant_type: 'refresh_token', refresh_token: 'rt_x', username: 'mira', password: PASSWORD },
      { grant_type: 'refresh_token', refresh_token: 'rt_x', delivery: 'cookie' },
    ]) {
      await t.api.post('/customer_authenticate').send(body).expect(400);
    }
    await t.api
      .post('/customer_authenticate?refresh_token=rt_x')
      .send({ grant_type: 'refresh_token', refresh_token: 'rt_x' })
      .expect(400);
  });

  it('counts guesses against the address that makes them', async () => {
    const statuses: number[] = [];
    for (let n = 0; n < 400 && statuses.at(-1) !== 429; n++) statuses.push((await renewal('rt_none')).status);
    expect(statuses[0]).toBe(401);
    expect(statuses.at(-1)).toBe(429);
    // A device counts by itself: what a neighbour does costs it nothing.
    t.clock.advance(61_000);
    const { refresh_token } = await signIn();
    for (let n = 0; n < 400 && (await renewal('rt_none')).status !== 429; n++);
    await renew(refresh_token);
  });
});

describe('the devices of a customer', () => {
  it('are listed newest first with their names, and the one that asks is marked', async () => {
    const phone = await signIn('mira', { device_name: "Mira's phone 📱" });
    t.clock.advance(5_000);
    const tablet = await signIn('mira', { device_name: 'Tablet' });
    await signIn('noor', { device_name: 'not hers' });
    t.clock.advance(60_000);
    const renewed = await renew(phone.refresh_token);
    const listed = await devicesOf(renewed.refresh_token);
    expect(listed.map(({ device_name, current }) => [device_name, current])).toEqual([
      ['Tablet', false],
      ["Mira's phone 📱", true],
    ]);
    expect(listed[1]).toMatchObject({
      id: decodeJwt(phone.JWT)['sid'],
      channel: 'ios',
      signed_in_at: decodeJwt(phone.JWT)['auth_time'],
      last_used_at: Math.floor(t.clock.nowMs() / 1000),
      expires_at: Math.floor((t.clock.nowMs() + 10 * DAY_MS) / 1000),
    });
    const cookie = await t.signInWithCookie();
    const { body } = await t.api.get('/customer_session/devices').set({ cookie }).expect(200);
    expect((body.items as { current: boolean }[]).map(({ current }) => current)).toEqual([false, false]);
    expect(await devicesOf(tablet.refresh_token)).toHaveLength(2);
  });

  it('take names of at most 64 characters without control characters', async () => {
    for (const device_name of ['', 'x'.repeat(65), 'a\nb', 'a\u0000', 'a\u202eb', 7]) {
      await t.api
        .post('/customer_authenticate')
        .send({ username: 'mira', password: PASSWORD, channel: 'ios', device_name })
        .expect(400);
    }
    await signIn('mira', { device_name: 'x'.repeat(64) });
  });

  it('are signed out one by one, by another device or by the cookie, with their tokens', async () => {
    const [phone, tablet] = [await signIn(), await signIn()];
    const idOf = (signedIn: SignedIn) => String(decodeJwt(signedIn.JWT)['sid']);
    const path = (id: string) => `/customer_session/devices/${id}`;
    await t.api
      .delete(path(idOf(tablet)))
      .set(bearer(phone.refresh_token))
      .expect(204);
    await refused(tablet.refresh_token);
    expect(await profileStatus(tablet.JWT)).toBe(401);
    expect(await profileStatus(phone.JWT)).toBe(200);
    await t.api
      .delete(path(idOf(tablet)))
      .set(bearer(phone.refresh_token))
      .expect(404);
    await t.api.delete(path('nothing')).set(bearer(phone.refresh_token)).expect(400);

    const cookie = await t.signInWithCookie();
    await t.api
      .delete(path(idOf(phone)))
      .set({ cookie, origin: SHOP_ORIGIN })
      .expect(403);
    await t.api
      .delete(path(idOf(phone)))
      .set({ cookie, 'x-symbolon-csrf': '1' })
      .expect(403);
    await renew(phone.refresh_token);
    await t.api
      .delete(path(idOf(phone)))
      .set({ cookie, origin: SHOP_ORIGIN, 'x-symbolon-csrf': '1' })
      .expect(204);
    await refused(phone.refresh_token);
  });

  it('are told to no page of another origin, whatever it presents', async () => {
    const { refresh_token, JWT } = await signIn();
    const path = `/customer_session/devices/${String(decodeJwt(JWT)['sid'])}`;
    for (const origin of ['https://evil.test', 'https://south.test']) {
      const headers = { ...bearer(refresh_token), origin };
      const { body } = await t.api.get('/customer_session/devices').set(headers).expect(403);
      expect(body.error.code).toBe('ORIGIN_NOT_ALLOWED');
      await t.api.delete(path).set(headers).expect(403);
    }
    await t.api
      .delete('/customer_session')
      .set({ ...bearer(refresh_token), origin: 'https://evil.test' })
      .expect(403);
    await renew(refresh_token);
  });

  it('of somebody else look like devices that do not exist', async () => {
    const [mine, other] = [await signIn(), await signIn('noor')];
    await t.api
      .delete(`/customer_session/devices/${String(decodeJwt(other.JWT)['sid'])}`)
      .set(bearer(mine.refresh_token))
      .expect(404);
    await renew(other.refresh_token);
  });

  it('are shown to nobody who proves nothing, nor by a token that was used up', async () => {
    const first = await signIn();
    await renew(first.refresh_token);
    await t.api.get('/customer_session/devices').expect(401);
    for (const authorization of [`Bearer ${first.refresh_token}`, `Bearer ${first.JWT}`, 'Basic x', 'rt_x']) {
      const { body } = await t.api.get('/customer_session/devices').set({ authorization }).expect(401);
      expect(body.error.code).toBe('INVALID_REFRESH_TOKEN');
    }
  });

  it('are shown to an administrator, which is recorded', async () => {
    const { customer_id } = await signIn('mira', { device_name: 'Tablet' });
    const { body } = await t.admin.get(`/admin/customers/${customer_id}/devices`).expect(200);
    expect(body.items).toMatchObject([{ channel: 'ios', device_name: 'Tablet' }]);
    await t.admin.get('/admin/customers/c1nobody/devices').expect(404);
    expect(await auditOf('customer.devices_listed')).toMatchObject([{ customer_id }]);
  });
});

it('no log line and no audit record holds a refresh token or the name of a device', async () => {
  const first = await signIn('mira', { device_name: 'Canary phone' });
  const second = await renew(first.refresh_token);
  t.clock.advance(10_000);
  await refused(first.refresh_token);
  const other = await signIn('mira', { device_name: 'Canary phone' });
  await t.api.delete('/customer_session').set(bearer(other.refresh_token)).expect(204);
  await t.admin.get(`/admin/customers/${first.customer_id}/devices`).expect(200);
  const { body } = await t.admin.get('/admin/audit?limit=200').expect(200);
  const written = JSON.stringify([t.logs(), body]);
  expect(written).toContain('refresh_token.reused');
  for (const secret of [first, second, other].map((one) => one.refresh_token.slice(3, 40))) {
    expect(written).not.toContain(secret);
  }
  expect(written).not.toContain('Canary');
});

describe('signing out', () => {
  const signOut = (token: string, query = '') => t.api.delete(`/customer_session${query}`).set(bearer(token));

  it('by refresh token ends that device and no other, without a cookie or a header against forgery', async () => {
    const [phone, tablet] = [await signIn(), await signIn()];
    const { headers } = await signOut(phone.refresh_token).expect(204);
    expect(headers).not.toHaveProperty('set-cookie');
    await refused(phone.refresh_token);
    expect(await profileStatus(phone.JWT)).toBe(401);
    await renew(tablet.refresh_token);
    await signOut(phone.refresh_token).expect(204);
    await signOut('rt_none').expect(204);
    await signOut('none').expect(401);
  });

  it('by an old token of the device ends it, too', async () => {
    const first = await signIn();
    const second = await renew(first.refresh_token);
    const tablet = await signIn();
    await signOut(first.refresh_token, '?everywhere=true').expect(204);
    await refused(second.refresh_token);
    await renew(tablet.refresh_token);
  });

  it.each(['a refresh token', 'the cookie', 'an administrator', 'a disabled account'])(
    'everywhere by %s ends every device and token of that customer alone, in every channel group',
    async (who) => {
      const [phone, tablet, other] = [await signIn(), await signIn(), await signIn('noor')];
      const south = [
        await signIn('mira', { channel: 'south' }),
        await signIn('noor', { channel: 'south' }),
      ] as const;
      const southStatus = async ({ JWT }: SignedIn) => {
        const proof = { authorization: `Bearer ${t.south.key.secret}`, 'customer-auth': `JWT ${JWT}` };
        return (await t.api.post('/getprofile').set(proof)).status;
      };
      const cookie = await t.signInWithCookie();
      const page = { cookie, origin: SHOP_ORIGIN, 'x-symbolon-csrf': '1' };
      if (who === 'a refresh token') await signOut(phone.refresh_token, '?everywhere=true').expect(204);
      if (who === 'the cookie') await t.api.delete('/customer_session?everywhere=true').set(page).expect(204);
      if (who === 'an administrator') {
        const path = `/admin/customers/${phone.customer_id}/end-sessions`;
        await t.admin.post(path).send({ reason: 'lost phone' }).expect(200);
      }
      if (who === 'a disabled account') {
        await t.admin.post('/admin/directories/directory/users/mira/disable').expect(200);
      }
      for (const signedIn of [phone, tablet]) {
        await refused(signedIn.refresh_token);
        expect(await profileStatus(signedIn.JWT)).toBe(401);
      }
      await t.api.get('/customer_session').set({ cookie }).expect(401);
      await renew(other.refresh_token);
      await refused(south[0].refresh_token);
      expect(await southStatus(south[0])).toBe(401);
      expect(await southStatus(south[1])).toBe(200);
      // The end outlives the memory of revocations: the device itself has ended.
      t.clock.advance(9 * DAY_MS);
      await refused(tablet.refresh_token);
    },
  );
});
