import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as client from 'openid-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ConfigInput } from '../../src/config/config.ts';
import { parseConfig } from '../../src/config/load.ts';
import { createLogger } from '../../src/platform/logger.ts';
import { createService, type Service } from '../../src/service.ts';
import { cookieOf, PASSWORD, SHOP_ORIGIN, type TestService } from '../support/service.ts';
import { freeLoopbackService } from '../support/service-on-loopback.ts';

const PAGE = 'https://www.shop.test/';
const folder = mkdtempSync(join(tmpdir(), 'symbolon-vendors-'));

interface Vendor {
  client_id: string;
  client_secret: string;
}
type ChannelInput = NonNullable<ConfigInput['channels']>[number];

let seeding: TestService;
let service: Service;
let url: string;
const vendors = new Map<string, Vendor>();

/** The vendors are registered with a running service first; then their ids stand in its channels. */
beforeAll(async () => {
  let settings: Record<string, unknown> = {};
  seeding = await freeLoopbackService((given) => {
    settings = { ...given, storage: { database_url: `file:${join(folder, 'vendors.sqlite')}` } };
    return settings;
  });
  url = seeding.url;
  for (const [profile, openid] of [
    ['genesys', true],
    ['liveperson-code', { pkce: 'vendor', acr: 'loa1' }],
    ['liveperson-pkce', { acr: 'loa1' }],
  ] as const) {
    const { body } = await seeding.admin
      .post('/admin/clients')
      .send({ partner: 'north', label: profile, party: 'first', redirect_uris: [PAGE], openid })
      .expect(201);
    vendors.set(profile, body as Vendor);
  }
  await seeding.service.close();
  const channels = [...vendors].map(([profile, { client_id }]): ChannelInput => {
    const origins = { allowed_origins: [SHOP_ORIGIN] };
    return { id: profile, group: 'north', profile, client: client_id, ...origins };
  });
  const withVendors = {
    ...(settings as ConfigInput),
    channels: [...(settings as { channels: ChannelInput[] }).channels, ...channels],
  };
  service = await createService(parseConfig(withVendors, { production: true }), {
    logger: createLogger('error', { write: () => {} }),
  });
  await service.listen();
});
afterAll(async () => {
  await service.close();
  await seeding.dispose();
  rmSync(folder, { recursive: true, force: true });
});

const ambient = (cookie: string) => ({ cookie, origin: SHOP_ORIGIN, 'x-symbolon-csrf': '1' });

async function signIn(): Promise<string> {
  const answer = await fetch(`${url}/customer_authenticate`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', origin: SHOP_ORIGIN },
    body: JSON.stringify({ username: 'mira', password: PASSWORD, channel: 'web', delivery: 'cookie' }),
  });
  expect(answer.status).toBe(200);
  return cookieOf({ 'set-cookie': answer.headers.getSetCookie() });
}

/** What the page's script hands over to the vendor's. */
async function handOver(cookie: string, channel: string, input: Record<string, string> = {}) {
  const answer = await fetch(`${url}/channels/${channel}/token`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...ambient(cookie) },
    body: JSON.stringify({ input }),
  });
  const body = (await answer.json()) as { customer_id: string; web: Record<string, string> };
  if (answer.status !== 200) throw new Error(JSON.stringify(body));
  return body;
}

async function discover(profile: string): Promise<client.Configuration> {
  const { client_id, client_secret } = vendors.get(profile) as Vendor;
  return client.discovery(new URL(url), client_id, client_secret, undefined, {
    execute: [client.allowInsecureRequests],
  });
}

/** The vendor's server redeems what it was handed. */
const redeem = (config: client.Configuration, code: string, pkceCodeVerifier?: string) =>
  client.authorizationCodeGrant(
    config,
    new URL(`${PAGE}?${new URLSearchParams({ code, iss: url }).toString()}`),
    { idTokenExpected: true, ...(pkceCodeVerifier === undefined ? {} : { pkceCodeVerifier }) },
  );

describe('a vendor that redeems codes of the page', () => {
  it('as Genesys does: a fresh code each time, renewed through a chat, over at sign-out', async () => {
    const cookie = await signIn();
    const config = await discover('genesys');
    const first = await handOver(cookie, 'genesys');
    const second = await handOver(cookie, 'genesys');
    expect(first.web['authCode']).not.toBe(second.web['authCode']);
    for (const { web } of [first, second]) expect(web['redirectUri']).toBe(PAGE);
    await redeem(config, first.web['authCode'] as string, first.web['codeVerifier']);
    const tokens = await redeem(config, second.web['authCode'] as string, second.web['codeVerifier']);
    expect(tokens.claims()?.sub).toBe(first.customer_id);
    expect(await client.fetchUserInfo(config, tokens.access_token, first.customer_id)).toEqual({
      sub: first.customer_id,
    });

    const renewed = await client.refreshTokenGrant(config, tokens.refresh_token as string);
    expect(renewed.claims()?.sub).toBe(first.customer_id);
    const pending = await handOver(cookie, 'genesys');
    const signedOut = await fetch(`${url}/customer_session`, { method: 'DELETE', headers: ambient(cookie) });
    expect(signedOut.status).toBe(204);
    const refused = { error: 'invalid_grant' };
    await expect(client.refreshTokenGrant(config, renewed.refresh_token as string)).rejects.toMatchObject(
      refused,
    );
    await expect(
      redeem(config, pending.web['authCode'] as string, pending.web['codeVerifier']),
    ).rejects.toMatchObject(refused);
    await expect(client.fetchUserInfo(config, renewed.access_token, first.customer_id)).rejects.toMatchObject(
      { status: 401 },
    );
  });

  it('as LivePerson does without PKCE, and its ID token says what the identity function says', async () => {
    const { web, customer_id } = await handOver(await signIn(), 'liveperson-code');
    const tokens = await redeem(await discover('liveperson-code'), web['ssoKey'] as string);
    expect(tokens.claims()).toMatchObject({ sub: customer_id, iss: web['iss'], acr: web['acr'] });
    expect(web).toMatchObject({ sub: customer_id, redirect_uri: PAGE, acr: 'loa1' });
  });

  it('as LivePerson does with a challenge of its own, which alone redeems the code', async () => {
    const cookie = await signIn();
    const config = await discover('liveperson-pkce');
    const verifier = client.randomPKCECodeVerifier();
    const input = { code_challenge: await client.calculatePKCECodeChallenge(verifier) };
    const { web } = await handOver(cookie, 'liveperson-pkce', input);
    expect((await redeem(config, web['ssoKey'] as string, verifier)).claims()?.sub).toBe(web['sub']);
    const other = await handOver(cookie, 'liveperson-pkce', input);
    await expect(
      redeem(config, other.web['ssoKey'] as string, client.randomPKCECodeVerifier()),
    ).rejects.toMatchObject({ error: 'invalid_grant' });
  });

  it('is refused a code that was made for another vendor', async () => {
    const { web } = await handOver(await signIn(), 'genesys');
    await expect(
      redeem(await discover('liveperson-pkce'), web['authCode'] as string, web['codeVerifier']),
    ).rejects.toMatchObject({ error: 'invalid_grant' });
  });
});
