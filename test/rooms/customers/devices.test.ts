import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Channel, createChannels } from '../../../src/channels/channel.ts';
import { deviceLifetimes, type DevicePayload } from '../../../src/customers/sessions/device.ts';
import { createDevices } from '../../../src/customers/sessions/devices.ts';
import type {
  ChannelGroup,
  CustomerIdentifier,
  CustomerReference,
  ReferenceSpace,
} from '../../../src/identifiers/identifier.ts';
import { createSessions } from '../../../src/sessions/sessions.ts';
import { createCustomerTokens } from '../../../src/tokens/customer-token.ts';
import { createRefreshFamilies } from '../../../src/tokens/refresh-families.ts';
import { ISSUER, openRooms, type Rooms } from '../fixture.ts';

const CUSTOMER = 'c1ab7qk2m4xw3hd5pzt6yrlf2vnoscuige' as CustomerIdentifier;
const ios: Channel = {
  id: 'ios',
  group: 'chat' as ChannelGroup,
  delivery: 'token',
  allowedDeliveries: ['token'],
  tokenLifetimeSeconds: 900,
  refreshTokens: { idleSeconds: 1_000, absoluteSeconds: 2_000 },
  authenticators: ['directory'],
  allowedOrigins: [],
  appRedirects: [],
};
const facts = { requestId: 'req-1', address: '192.0.2.1' };

let rooms: Rooms;
beforeEach(async () => {
  rooms = await openRooms();
});
afterEach(() => rooms.close());

/** The devices as a process that was configured with these channels has them. */
function open(list: Channel[]) {
  const { clock, keyring, revocations, metrics, rings, stores, audit } = rooms;
  const channels = createChannels(list, 'ios');
  const sessions = createSessions({
    keyring,
    clock,
    revocations,
    lifetimes: { idleSeconds: 60, absoluteSeconds: 60 },
    maxTokenLifetimeSeconds: 900,
  });
  const families = createRefreshFamilies<DevicePayload>({
    store: stores.refreshFamilies,
    keyring,
    clock,
    revocations,
    lifetimes: deviceLifetimes(channels),
    revokedAs: 'session',
    maxTokenLifetimeSeconds: 900,
  });
  const customerTokens = createCustomerTokens({
    rings,
    keyring,
    clock,
    metrics,
    issuer: ISSUER,
    clockToleranceSeconds: 0,
  });
  const endEverywhere = async () => {};
  const deps = {
    families,
    channels,
    sessions,
    customerTokens,
    store: stores.customers,
    audit,
    endEverywhere,
  };
  const start = () =>
    sessions.start({
      customerId: CUSTOMER,
      group: 'chat' as ChannelGroup,
      space: 'people' as ReferenceSpace,
      reference: '4711' as CustomerReference,
      channel: 'ios',
      authenticator: 'directory',
    });
  return { deps, devices: createDevices(deps), start };
}

const renewal = (token: string, channel?: Channel) => ({ token, channel, ...facts, admit: () => {} });

it('a sign-in that was under way when everything of the customer ended leaves no device behind', async () => {
  const { deps, start } = open([ios]);
  const { families, sessions } = deps;
  let given = '';
  const devices = createDevices({
    ...deps,
    families: {
      ...families,
      begin: async (family) => {
        await sessions.endAll(CUSTOMER);
        await families.endAllOf(CUSTOMER);
        return (given = await families.begin(family));
      },
    },
  });
  await expect(devices.begin(start(), ios, undefined)).rejects.toMatchObject({ code: 'NOT_SIGNED_IN' });
  expect(given).toMatch(/^rt_/);
  // Long after the revocation has been forgotten.
  rooms.clock.advance(999_000);
  await expect(devices.renew(renewal(given))).rejects.toMatchObject({ code: 'INVALID_REFRESH_TOKEN' });
});

it('a channel that gives no refresh tokens any more, or has changed its group, renews none', async () => {
  const before = open([ios]);
  const token = (await before.devices.begin(before.start(), ios, 'Tablet')) as string;
  const off = open([{ ...ios, refreshTokens: undefined }]).devices;
  await expect(off.renew(renewal(token))).rejects.toMatchObject({ code: 'INVALID_REFRESH_TOKEN' });
  expect(await off.list(CUSTOMER)).toEqual([]);
  const moved = open([{ ...ios, group: 'other' as ChannelGroup }]).devices;
  await expect(moved.renew(renewal(token))).rejects.toMatchObject({ code: 'CHANNEL_NOT_ALLOWED' });
  const web: Channel = { ...ios, id: 'web', delivery: 'cookie', allowedDeliveries: ['cookie'] };
  await expect(before.devices.renew(renewal(token, web))).rejects.toMatchObject({
    code: 'CHANNEL_NOT_ALLOWED',
  });
  expect(await before.devices.renew(renewal(token))).toMatchObject({ customerId: CUSTOMER });
});

it('a renewal that is not admitted uses nothing up', async () => {
  const { devices, start } = open([ios]);
  const token = (await devices.begin(start(), ios, undefined)) as string;
  const admit = async () => {
    throw new Error('too many');
  };
  await expect(devices.renew({ ...renewal(token), admit })).rejects.toThrow('too many');
  expect((await devices.holder(token)).customerId).toBe(CUSTOMER);
});

it('each renewal counts once, whether its answer is new, given again or lost to one that came with it', async () => {
  const { devices, start } = open([ios]);
  const token = (await devices.begin(start(), ios, 'Phone')) as string;
  let admitted = 0;
  const admit = async () => {
    admitted += 1;
    await new Promise((resolve) => setImmediate(resolve));
  };
  await Promise.all(Array.from({ length: 5 }, () => devices.renew({ ...renewal(token), admit })));
  expect(admitted).toBe(5);
  await devices.renew({ ...renewal(token), admit });
  expect(admitted).toBe(6);
});
