import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SHOP_ORIGIN } from '../support/service.ts';
import { type ChannelService, startChannelService } from './channel-settings.ts';

let t: ChannelService;
beforeAll(async () => {
  t = await startChannelService();
});
afterAll(() => t.dispose());

const page = (cookie: string) => ({ cookie, origin: SHOP_ORIGIN, 'x-symbolon-csrf': '1' });
const ask = (channel: string, cookie: string) => t.api.post(`/channels/${channel}/token`).set(page(cookie));
const claimsOf = (token: string) =>
  JSON.parse(Buffer.from(token.split('.')[1] as string, 'base64url').toString()) as { exp: number };

describe('what a session gives shortly before its end', () => {
  it('ends with it: a customer token and the proof of every vendor', async () => {
    const cookie = await t.signInWithCookie();
    const endsAtMs = t.clock.nowMs() + 28_800_000;
    // Used often enough to stay alive, until less than a minute is left.
    while (t.clock.nowMs() + 1_500_000 < endsAtMs - 50_000) {
      t.clock.advance(1_500_000);
      await t.api.get('/customer_session').set({ cookie }).expect(200);
    }
    t.clock.advance(endsAtMs - 50_000 - t.clock.nowMs());
    const { body } = await t.api.post('/customer_session/token').set(page(cookie)).send({}).expect(200);
    const own = body as { JWT: string; expires_in: string };
    expect(Number(own.expires_in)).toBeLessThanOrEqual(50);
    expect(claimsOf(own.JWT).exp * 1000).toBeLessThanOrEqual(endsAtMs);
    for (const channel of ['asapp', 'zendesk', 'salesforce', 'chatwoot', 'sendbird']) {
      const proof = (await ask(channel, cookie).expect(200)).body as { token: string; expires_in: string };
      expect([channel, Number(proof.expires_in) <= 50]).toEqual([channel, true]);
      const expiresAtMs = proof.token.split('.').length === 3 ? claimsOf(proof.token).exp * 1000 : 0;
      expect(expiresAtMs).toBeLessThanOrEqual(endsAtMs);
    }
  });
});

it('an input that no record can know is refused, whatever it is called', async () => {
  const cookie = await t.signInWithCookie();
  for (const name of ['__proto__', 'constructor', 'nobody']) {
    const body = `{"input":{${JSON.stringify(name)}:"x"}}`;
    await ask('chatwoot', cookie).set('content-type', 'application/json').send(body).expect(400);
    await ask('chatwoot', cookie)
      .type('form')
      .send({ input: `{${JSON.stringify(name)}:"x"}` })
      .expect(400);
  }
});

it('a channel of a disabled partner gives no proofs; the customer stays signed in', async () => {
  const cookie = await t.signInWithCookie();
  await ask('chatwoot', cookie).expect(200);
  await t.admin.patch('/admin/partners/north').send({ disabled: true }).expect(200);
  for (const channel of ['asapp', 'zendesk', 'chatwoot', 'sendbird']) {
    const { body } = await ask(channel, cookie).expect(403);
    expect(body).toMatchObject({ error: { code: 'CHANNEL_NOT_ALLOWED' } });
  }
  await t.api.get('/customer_session').set({ cookie }).expect(200);
  await t.admin.patch('/admin/partners/north').send({ disabled: false }).expect(200);
  await ask('chatwoot', cookie).expect(200);
});
