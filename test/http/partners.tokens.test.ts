import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { asappCredentials } from '../partners/asapp.ts';
import { audexumCredentials } from '../partners/audexum.ts';
import { type ConnectedService, startConnectedService } from '../partners/partner-service.ts';

/** ASAPP by client credentials and Audexum by authorization code, in place of their keys. */
let s: ConnectedService;
beforeAll(async () => {
  s = await startConnectedService((connections, urls) => ({
    ...connections,
    asapp: {
      ...connections['asapp'],
      auth: [
        {
          type: 'client_credentials',
          token_url: `${urls.asapp}/oauth/token`,
          client_id: asappCredentials.clientId,
          client_secret: asappCredentials.clientSecret,
        },
      ],
    },
    audexum: {
      preset: 'audexum',
      base_url: urls.audexum,
      auth: [
        {
          type: 'authorization_code',
          authorization_url: `${urls.audexum}/oauth/authorize`,
          token_url: `${urls.audexum}/oauth/token`,
          client_id: audexumCredentials.clientId,
          client_secret: audexumCredentials.clientSecret,
          client_authentication: 'body',
        },
      ],
      pass_through: {
        partners: ['north'],
        paths: [{ path: '/v1/messages', identifier: { in: 'header', name: 'X-Customer' } }],
      },
    },
  }));
});
afterAll(() => s[Symbol.asyncDispose]());

/** Begins to connect, agrees at the other side, and comes back with its code. */
async function connectAudexum(): Promise<void> {
  const { body } = await s.t.admin.post('/admin/connections/audexum/connect').send({}).expect(200);
  const { address, confirmation_code } = body as { address: string; confirmation_code: string };
  const state = new URL(address).searchParams.get('state') ?? '';
  const answer = { code: audexumCredentials.code, state };
  await s.t.api.get('/connections/audexum/callback').query(answer).expect(200);
  await s.t.api
    .post('/connections/audexum/callback')
    .type('form')
    .send({ ...answer, confirmation: confirmation_code })
    .expect(200);
}

const UNAVAILABLE = { status: 503, body: { error: { code: 'PARTNER_API_UNAVAILABLE' } } };

describe('ASAPP by client credentials', () => {
  let sent = 0;
  const send = () => {
    sent += 1;
    return s.call('/partners/asapp/conversation/v1/conversations/01ABC/messages', {
      text: `Hello ${sent}`,
      sender: { role: 'customer' },
    });
  };

  it('is called with one token for as long as it lives, and never with the client’s secret', async () => {
    expect((await send()).status).toBe(200);
    expect((await send()).status).toBe(200);
    expect(s.asapp.tokens.issued()).toBe(1);
    const { headers } = s.asapp.carriedOut.at(-1) ?? {};
    expect(headers?.['authorization']).toMatch(/^Bearer asapp-access-1-/);
    expect(headers).not.toHaveProperty('asapp-api-secret');
    s.clock.advance(1_200_000);
    expect((await send()).status).toBe(200);
    expect(s.asapp.tokens.issued()).toBe(2);
  });

  it('ending a token early costs one more token, and the partner notices nothing', async () => {
    const issued = s.asapp.tokens.issued();
    s.asapp.tokens.endAll();
    expect((await send()).status).toBe(200);
    expect(s.asapp.tokens.issued()).toBe(issued + 1);
  });

  it('is unavailable to the partner when its token endpoint refuses our client', async () => {
    s.clock.advance(1_200_000);
    s.asapp.next.push({ status: 401, body: { error: 'invalid_client' } });
    expect(await send()).toMatchObject(UNAVAILABLE);
  });
});

describe('Audexum by authorization code', () => {
  const send = () => s.call('/partners/audexum/v1/messages', { text: 'Hello' });
  const grants = () =>
    s.audexum.arrived
      .filter(({ path }) => path === '/oauth/token')
      .map(({ body }) => new URLSearchParams(body).get('grant_type'));

  it('is unavailable until somebody connected it, and then called for the customer with the token of the code', async () => {
    expect(await send()).toMatchObject(UNAVAILABLE);
    await connectAudexum();
    s.clock.advance(5_000);
    expect((await send()).status).toBe(200);
    const { headers } = s.audexum.carriedOut.at(-1) ?? {};
    expect(headers?.['authorization']).toMatch(/^Bearer audexum-access-1-/);
    expect(headers?.['x-customer']).toMatch(/^c1[a-z2-7]{32}$/);
    expect(grants()).toEqual(['authorization_code']);
  });

  it('is called on for days by refresh tokens, each of which is used once', async () => {
    for (let hour = 0; hour < 3; hour += 1) {
      s.clock.advance(3_600_000);
      expect((await send()).status).toBe(200);
    }
    expect(grants()).toEqual(['authorization_code', 'refresh_token', 'refresh_token', 'refresh_token']);
    const used = s.audexum.arrived
      .filter(({ path }) => path === '/oauth/token')
      .map(({ body }) => new URLSearchParams(body).get('refresh_token'))
      .filter((one) => one !== null);
    expect(new Set(used).size).toBe(3);
  });

  it('whose grant was withdrawn is unavailable until somebody connects it anew', async () => {
    s.audexum.tokens.endAll();
    s.clock.advance(3_600_000);
    expect(await send()).toMatchObject(UNAVAILABLE);
    await connectAudexum();
    s.clock.advance(5_000);
    expect((await send()).status).toBe(200);
  });
});
