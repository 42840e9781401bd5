import { createHmac, createPublicKey, X509Certificate } from 'node:crypto';
import { createLocalJWKSet, decodeProtectedHeader, type JSONWebKeySet, jwtVerify } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PUBLIC_URL, SHOP_ORIGIN } from '../support/service.ts';
import { type ChannelService, HMAC_SECRET, SECRET, startChannelService } from './channel-settings.ts';

let t: ChannelService;
let cookie: string;
let customerId: string;
beforeAll(async () => {
  t = await startChannelService();
  cookie = await t.signInWithCookie();
  customerId = (await t.signIn()).customer_id;
});
afterAll(() => t.dispose());

const now = () => new Date(t.clock.nowMs());
const keySet = async () =>
  createLocalJWKSet((await t.api.get('/.well-known/jwks.json')).body as JSONWebKeySet);

describe('the proof for a channel', () => {
  it('of our own token is one that /getprofile takes', async () => {
    const proof = await t.proof('asapp', cookie);
    expect(proof).toMatchObject({
      channel: 'asapp',
      kind: 'jwt',
      expires_in: '900',
      customer_id: customerId,
    });
    expect(proof['web']).toMatchObject({ CustomerId: customerId, Auth: { Token: proof['token'] } });
    const style = await t.asappStyle();
    await t.api
      .post('/getprofile')
      .set({ ...style, 'customer-auth': `JWT ${String(proof['token'])}` })
      .send({})
      .expect(200);
  });

  it('under a shared secret is verified by another library, with the claims that the vendor documents', async () => {
    const proof = await t.proof('zendesk', cookie);
    const { payload, protectedHeader } = await jwtVerify(String(proof['token']), Buffer.from(SECRET), {
      algorithms: ['HS256'],
      currentDate: now(),
    });
    expect(protectedHeader).toEqual({ alg: 'HS256', typ: 'JWT', kid: 'app_65f1b9c2a3d4e5f60718293a' });
    expect(payload).toMatchObject({ scope: 'user', external_id: customerId, name: 'gold' });
    expect(proof['expires_in']).toBe('300');
  });

  it('under our published key is verified with the key set, and with the key as a person uploads it', async () => {
    const proof = await t.proof('salesforce', cookie);
    const token = String(proof['token']);
    const options = { algorithms: ['RS256'], issuer: 'https://id.test', currentDate: now() };
    const { payload } = await jwtVerify(token, await keySet(), options);
    expect(payload.sub).toBe(customerId);
    const { kid } = decodeProtectedHeader(token);
    const jwk = JSON.parse(
      (await t.api.get(`/.well-known/vendor-keys/${kid}.jwk`).expect(200)).text ?? '',
    ) as {
      x5c: string[];
    };
    await jwtVerify(
      token,
      new X509Certificate(Buffer.from(jwk.x5c[0] as string, 'base64')).publicKey,
      options,
    );
    for (const path of ['/.well-known/vendor-keys.pem', `/.well-known/vendor-keys/${kid}.pem`]) {
      const pem = await t.api
        .get(path)
        .buffer(true)
        .parse((res, done) => {
          let text = '';
          res.on('data', (chunk) => (text += String(chunk)));
          res.on('end', () => done(null, text));
        });
      await jwtVerify(token, createPublicKey(pem.body as string), options);
    }
    await t.api.get('/.well-known/vendor-keys/unknown.pem').expect(404);
  });

  it('by HMAC is that of the identifier', async () => {
    const proof = await t.proof('chatwoot', cookie);
    const expected = createHmac('sha256', HMAC_SECRET).update(customerId).digest('hex');
    expect(proof).toMatchObject({ kind: 'hmac', token: expected });
    expect(proof['web']).toMatchObject({ identifier: customerId, identifier_hash: expected });
  });

  it('that the vendor gives is fetched once and kept', async () => {
    const proofs = await Promise.all([t.proof('sendbird', cookie), t.proof('sendbird', cookie)]);
    expect(proofs.map(({ token }) => token)).toEqual(['session-token-1', 'session-token-1']);
    expect(t.vendorCalls).toHaveLength(1);
    expect(t.vendorCalls[0]?.url).toBe(`/v3/users/${customerId}/token`);
  });

  it('comes from a refresh token too, which is used up and has a successor', async () => {
    const first = await t.refreshToken();
    const ask = (token: string) =>
      t.api
        .post('/channels/zendesk/token')
        .type('form')
        .send({ grant_type: 'refresh_token', refresh_token: token });
    const { body } = await ask(first).expect(200);
    const answer = body as { token: string; refresh_token: string; customer_id: string };
    expect(answer.customer_id).toBe(customerId);
    await jwtVerify(answer.token, Buffer.from(SECRET), { currentDate: now() });
    expect((await ask(first).expect(200)).body).toEqual(body);
    await ask(answer.refresh_token).expect(200);
    t.clock.advance(11_000);
    await ask(first).expect(401);
    await ask(answer.refresh_token).expect(401);
  });

  it('after a lost answer goes on, whatever is then asked for with the old refresh token', async () => {
    const first = await t.refreshToken();
    const { body: renewed } = await t.api
      .post('/customer_authenticate')
      .send({ grant_type: 'refresh_token', refresh_token: first })
      .expect(200);
    const { body } = await t.api.post('/channels/zendesk/token').send({ refresh_token: first }).expect(200);
    expect((body as { refresh_token: string }).refresh_token).toBe(
      (renewed as { refresh_token: string }).refresh_token,
    );
    expect((body as { kind: string }).kind).toBe('jwt');
  });

  it('is readable by the page of the channel, and kept by nobody', async () => {
    const { headers } = await t.api
      .post('/channels/zendesk/token')
      .set({ cookie, origin: SHOP_ORIGIN, 'x-symbolon-csrf': '1' })
      .expect(200);
    expect(headers['access-control-allow-origin']).toBe(SHOP_ORIGIN);
    expect(headers['access-control-allow-credentials']).toBe('true');
    expect(headers['cache-control']).toBe('no-store');
  });

  it('is recorded with the version of the record and the names of what left, not the values', async () => {
    await t.proof('zendesk', cookie);
    const { body } = await t.admin.get('/admin/audit?event=channel.proof_issued&limit=1').expect(200);
    const [entry] = (body as { items: { details: Record<string, unknown>; channel: string }[] }).items;
    expect(entry).toMatchObject({ channel: 'zendesk', details: { profile: 'zendesk', attributes: 'name' } });
    expect(entry?.details['version']).toBeGreaterThan(0);
    expect(JSON.stringify(entry)).not.toMatch(/\bgold\b/);
    expect(JSON.stringify(t.logs())).not.toContain(SECRET);
  });

  it('says who issued it: the identifier is the same for every channel of the group', async () => {
    for (const channel of ['asapp', 'zendesk', 'salesforce', 'chatwoot', 'sendbird']) {
      expect((await t.proof(channel, cookie))['customer_id']).toBe(customerId);
    }
    expect(PUBLIC_URL).toBe('https://id.test');
  });
});
