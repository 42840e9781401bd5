import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PUBLIC_URL, SHOP_ORIGIN, startService, type TestService } from '../support/service.ts';

let t: TestService;
beforeAll(async () => {
  t = await startService();
});
afterAll(() => t.dispose());

const page = { origin: SHOP_ORIGIN, 'x-symbolon-csrf': '1' };

describe('GET /customer_session', () => {
  it('says who is signed in and for how long', async () => {
    const { customer_id } = await t.signIn('web');
    const cookie = await t.signInWithCookie();
    t.clock.advance(60_000);
    const { body, headers } = await t.api
      .get('/customer_session')
      .set({ cookie, origin: SHOP_ORIGIN })
      .expect(200);
    expect(body).toEqual({
      customer_id,
      channel: 'web',
      auth_time: t.clock.nowMs() / 1000 - 60,
      expires_in: 28_800 - 60,
    });
    expect(headers['access-control-allow-origin']).toBe(SHOP_ORIGIN);
    expect(headers['access-control-allow-credentials']).toBe('true');
  });

  it('hands no token to scripts', async () => {
    const cookie = await t.signInWithCookie();
    const { text } = await t.api.get('/customer_session').set({ cookie }).expect(200);
    expect(text).not.toContain('eyJ');
  });
});

describe('POST /customer_session/token', () => {
  it('gives a fresh customer token for the channel signed in to', async () => {
    const cookie = await t.signInWithCookie();
    t.clock.advance(5_000);
    const { body } = await t.api
      .post('/customer_session/token')
      .set({ ...page, cookie })
      .expect(200);
    const claims = decodeJwt(body.JWT);
    expect(claims).toMatchObject({ aud: 'web', sub: body.customer_id, iat: t.clock.nowMs() / 1000 });
    expect(claims['auth_time']).toBe(t.clock.nowMs() / 1000 - 5);
    expect(body.expires_in).toBe('900');
  });

  it.each([
    ['JSON', (channel: string) => ({ type: 'application/json', text: JSON.stringify({ channel }) })],
    [
      'a form',
      (channel: string) => ({ type: 'application/x-www-form-urlencoded', text: `channel=${channel}` }),
    ],
  ])('gives one for another channel of the same group, asked for in %s', async (_what, ask) => {
    const cookie = await t.signInWithCookie();
    const { type, text } = ask('app');
    const { body } = await t.api
      .post('/customer_session/token')
      .set({ ...page, cookie, 'content-type': type })
      .send(text)
      .expect(200);
    expect(decodeJwt(body.JWT)['aud']).toBe('app');
    expect(body.expires_in).toBe('60');
  });

  it('is open to our own pages too', async () => {
    const cookie = await t.signInWithCookie();
    await t.api
      .post('/customer_session/token')
      .set({ ...page, cookie, origin: PUBLIC_URL })
      .expect(200);
  });

  it('gives different tokens of one session', async () => {
    const cookie = await t.signInWithCookie();
    const token = async () =>
      decodeJwt(
        (
          await t.api
            .post('/customer_session/token')
            .set({ ...page, cookie })
            .expect(200)
        ).body.JWT,
      );
    const [first, second] = [await token(), await token()];
    expect(second['sid']).toBe(first['sid']);
    expect(second.jti).not.toBe(first.jti);
  });
});
