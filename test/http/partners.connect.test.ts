import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cmzonCredentials } from '../partners/cmzon.ts';
import { messengerxCredentials } from '../partners/messengerx.ts';
import {
  type ConnectedService,
  startConnectedService,
  WHATSAPP_MESSAGE,
} from '../partners/partner-service.ts';

/** MessengerX.io and CMzon by OAuth 2.0 in place of a key. */
let s: ConnectedService;
beforeAll(async () => {
  s = await startConnectedService((connections) => {
    const { base_url: cmzon, ...whatsapp } = connections['whatsapp'] ?? {};
    const { base_url: messengerx, ...mx } = connections['mx'] ?? {};
    return {
      whatsapp: {
        ...whatsapp,
        base_url: cmzon,
        auth: [
          {
            type: 'authorization_code',
            client_id: cmzonCredentials.clientId,
            client_secret: cmzonCredentials.clientSecret,
          },
        ],
      },
      mx: {
        ...mx,
        base_url: messengerx,
        auth: [
          {
            type: 'authorization_code',
            authorization_url: `${messengerx}/oauth/authorize`,
            token_url: `${messengerx}/oauth/token`,
            client_id: messengerxCredentials.clientId,
            client_secret: messengerxCredentials.clientSecret,
          },
        ],
      },
    };
  });
});
afterAll(() => s[Symbol.asyncDispose]());

/** Begins to connect, agrees at the other side, and comes back with its code. */
async function connect(name: string, code: string): Promise<URL> {
  const { body } = await s.t.admin.post(`/admin/connections/${name}/connect`).send({}).expect(200);
  const { address: text, confirmation_code } = body as { address: string; confirmation_code: string };
  const address = new URL(text);
  const answer = { code, state: address.searchParams.get('state') ?? '' };
  const callback = `/connections/${name}/callback`;
  await s.t.api.get(callback).query(answer).expect(200);
  await s.t.api
    .post(callback)
    .type('form')
    .send({ ...answer, confirmation: confirmation_code })
    .expect(200);
  return address;
}

const send = () => s.call('/partners/mx/v1/messages/send', { message: { text: 'Hello' } });

describe('MessengerX.io by OAuth 2.0', () => {
  it('is unavailable until somebody connected it', async () => {
    expect(await send()).toMatchObject({ status: 503, body: { error: { code: 'PARTNER_API_UNAVAILABLE' } } });
    const { body } = await s.t.admin
      .post('/admin/connections/mx/calls')
      .send({ method: 'GET', path: '/v1/messages' })
      .expect(503);
    expect(body.error.message).toContain('run: symbolon connections connect mx');
  });

  it('is asked for its scopes, and called with the token that the code gave', async () => {
    const address = await connect('mx', messengerxCredentials.code);
    expect(address.searchParams.get('scope')).toBe('read:messages send:messages');
    s.clock.advance(5_000);
    expect((await send()).status).toBe(200);
    expect(s.messengerx.arrived.at(-1)?.headers['authorization']).toMatch(/^Bearer mx-access-1-/);
  });

  it('keeps its access token for its half an hour and then gets the next one by refresh token', async () => {
    const issued = s.messengerx.tokens.issued();
    expect((await send()).status).toBe(200);
    expect(s.messengerx.tokens.issued()).toBe(issued);
    s.clock.advance(1_800_000);
    expect((await send()).status).toBe(200);
    expect(s.messengerx.tokens.issued()).toBe(issued + 1);
  });

  it('with a dead refresh token is unavailable, is not asked again and again, and works once connected anew', async () => {
    s.messengerx.tokens.endAll();
    s.clock.advance(1_800_000);
    expect(await send()).toMatchObject({ status: 503, body: { error: { code: 'PARTNER_API_UNAVAILABLE' } } });
    const asked = s.messengerx.arrived.length;
    s.clock.advance(60_000);
    expect((await send()).status).toBe(503);
    expect(s.messengerx.arrived.length).toBe(asked);
    const status = await s.t.admin.get('/admin/connections').expect(200);
    const items = (status.body as { items: { name: string; tokens: { grant?: string }[] }[] }).items;
    expect(items.find(({ name }) => name === 'mx')?.tokens[0]?.grant).toBe('dead');
    await connect('mx', messengerxCredentials.code);
    s.clock.advance(5_000);
    expect((await send()).status).toBe(200);
  });
});

describe('CMzon by OAuth 2.0', () => {
  it('is asked for its tokens in JSON, also when they are renewed', async () => {
    const address = await connect('whatsapp', cmzonCredentials.code);
    expect(address.origin + address.pathname).toBe(`${s.cmzon.url}/oauth/authorize`);
    expect(address.searchParams.get('scope')).toBe('whatsapp_business');
    const path = '/partners/whatsapp/v1/messages';
    expect((await s.call(path, WHATSAPP_MESSAGE)).status).toBe(200);
    s.clock.advance(3_600_000);
    expect((await s.call(path, WHATSAPP_MESSAGE)).status).toBe(200);
    const grants = s.cmzon.arrived
      .filter((one) => one.path === '/oauth/token')
      .map(({ body }) => (JSON.parse(body) as { grant_type: string }).grant_type);
    expect(grants).toEqual(['authorization_code', 'refresh_token']);
  });
});
