import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JsonValue } from '../../src/channels/channel-profile.ts';
import { channelProfiles } from '../../src/channels/profile-registry.ts';
import { createVendorKeys } from '../../src/channels/vendor-keys.ts';
import { CUSTOMER, openMinting } from '../rooms/channels/minting.ts';
import { checkingVendors } from '../vendors/all-vendors.ts';
import { documented } from '../vendors/documented.ts';
import { startHubspot, startSendbird, type TokenVendor } from '../vendors/token-vendors.ts';
import type { GivenKey } from '../vendors/vendor.ts';
import { channelProfileSuite } from './channel-profile.suite.ts';

type Minting = Awaited<ReturnType<typeof openMinting>>;
type Connections = NonNullable<Parameters<typeof openMinting>[0]>['connections'];

/** A connection as minting sees one, to a vendor on loopback. */
function connectionTo(vendor: TokenVendor): NonNullable<ReturnType<NonNullable<Connections>['get']>> {
  return {
    name: vendor.id,
    request: async ({ method, path, headers, body }) => {
      const response = await fetch(`${vendor.baseUrl}${path}`, {
        method,
        headers: { ...headers, ...vendor.credentials },
        ...(body === undefined ? {} : { body: String(body) }),
      });
      return {
        status: response.status,
        headers: Object.fromEntries(response.headers),
        body: Buffer.from(await response.arrayBuffer()),
      };
    },
  };
}

const connections = new Map<string, ReturnType<typeof connectionTo>>();
let t: Minting;
let key: GivenKey;
let sendbird: TokenVendor;
let hubspot: TokenVendor;
let codes = 0;

beforeAll(async () => {
  t = await openMinting({
    connections,
    issueVendorCode: ({ client, ownVerifier }) => {
      codes += 1;
      return Promise.resolve({
        code: `ac_${client}_${codes}`,
        redirectUri: 'https://www.example.com/signed-in',
        issuer: 'https://identity.example.com',
        expiresInSeconds: 60,
        ...(ownVerifier
          ? { codeVerifier: 'M25iVXpKU3puUjFaYWg3T1NDTDQtcW1ROUY5YXlwalNoc0hhakxifmZHag' }
          : {}),
      });
    },
  });
  key = (await createVendorKeys(t.rings).ensureCurrent()) as GivenKey;
  sendbird = await startSendbird([CUSTOMER]);
  hubspot = await startHubspot(() => t.clock.nowMs());
  for (const vendor of [sendbird, hubspot]) connections.set(vendor.id, connectionTo(vendor));
});
afterAll(async () => {
  await sendbird[Symbol.asyncDispose]();
  await hubspot[Symbol.asyncDispose]();
  await t.close();
});

/** Settings of profiles whose vendors have no console of their own here. */
const OTHER_SETTINGS: Record<string, Record<string, JsonValue>> = {
  asapp: {},
  genesys: {},
  'liveperson-code': {},
  'liveperson-pkce': {},
  sendbird: { connection: 'sendbird' },
  hubspot: { connection: 'hubspot' },
};

const settingsOf = (id: string) =>
  channelProfiles.get(id)?.settings.parse(OTHER_SETTINGS[id] ?? checkingVendors.get(id)?.console) as Record<
    string,
    JsonValue
  >;

describe('every channel profile', () => {
  for (const profile of channelProfiles.values()) {
    const shape = documented[profile.id];
    if (!shape) throw new Error(`nothing is written down about ${profile.id}`);
    channelProfileSuite({
      profile,
      documented: shape,
      secret: checkingVendors.get(profile.id)?.console['secret'] ?? '',
      vendor: checkingVendors.get(profile.id),
      key: () => key,
      nowMs: () => t.clock.nowMs(),
      mint: (wanted) => t.mint(profile, { settings: settingsOf(profile.id), client: 'cl_vendor', ...wanted }),
    });
  }

  it('has a vendor of its own, documented apart from the record', () => {
    const shapes = [...channelProfiles.values()].filter(({ proof }) =>
      ['shared_secret_jwt', 'published_key_jwt', 'hmac'].includes(proof.shape),
    );
    expect(shapes.map(({ id }) => id).sort()).toEqual([...checkingVendors.keys()].sort());
    expect(Object.keys(documented).sort()).toEqual([...channelProfiles.keys()].sort());
  });
});

describe('tokens fetched from a vendor', () => {
  const mint = (id: string, attributes: Record<string, JsonValue> = {}) =>
    t.mint(channelProfiles.get(id) as never, { settings: settingsOf(id), attributes });

  it('sign the customer in at Sendbird until they say', async () => {
    const minted = await mint('sendbird');
    const now = t.clock.nowMs();
    expect(sendbird.admit(minted.web, minted.token, now).customer).toBe(CUSTOMER);
    expect(() => sendbird.admit(minted.web, minted.token, now + minted.expiresInSeconds * 1000)).toThrow(
      'expired',
    );
    expect(() => sendbird.admit({ userId: 'c1other' }, minted.token, now)).toThrow('400310');
  });

  it('tell HubSpot the mail address and what else was allowed', async () => {
    const minted = await mint('hubspot', { email: 'mira@example.com', first_name: 'Mira' });
    const visitor = hubspot.admit(minted.web, minted.token, t.clock.nowMs());
    expect(visitor).toEqual({ customer: 'mira@example.com', told: { firstName: 'Mira' } });
    expect(() => hubspot.admit(minted.web, 'another', t.clock.nowMs())).toThrow('unknown visitor');
  });

  it('are a clear error for a user whom Sendbird does not know', async () => {
    const profile = channelProfiles.get('sendbird') as never;
    const unknown = t.mint(profile, { settings: settingsOf('sendbird'), customerId: `c1${'a'.repeat(32)}` });
    await expect(unknown).rejects.toMatchObject({ code: 'CHANNEL_VENDOR_ERROR' });
  });
});
