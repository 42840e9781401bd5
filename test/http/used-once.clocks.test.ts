import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createClientAssertions } from '../../src/clients/client-assertion.ts';
import type { ClientId, OAuthClient } from '../../src/clients/client.ts';
import { createFormStates } from '../../src/http/pages/form-states.ts';
import { openRooms, type Rooms } from '../rooms/fixture.ts';
import { createTestClock } from '../support/clock.ts';

/** Two processes share a store; the clock of one is almost a minute behind, and the other one clears the store up. */
let rooms: Rooms;
beforeAll(async () => {
  rooms = await openRooms();
});
afterAll(() => rooms.close());

const SKEW_MS = 59_000;
const clockBehind = () => createTestClock({ nowMs: rooms.clock.nowMs() - SKEW_MS });

it('a form that was sent is not taken again by a process whose clock is behind', async () => {
  const late = clockBehind();
  const { keyring, stores } = rooms;
  const here = createFormStates({ keyring, clock: rooms.clock, replay: stores.replays });
  const there = createFormStates({ keyring, clock: late, replay: stores.replays });
  const sealed = here.seal('consent', 'browser', { answer: 'yes' });
  const unused = here.seal('consent', 'browser', { answer: 'yes' });
  expect(await here.open('consent', 'browser', sealed)).toEqual({ answer: 'yes' });
  for (const clock of [rooms.clock, late]) clock.advance(15 * 60_000);
  await stores.replays.prune(rooms.clock.nowMs());
  await expect(there.open('consent', 'browser', sealed)).rejects.toMatchObject({ code: 'CSRF_REJECTED' });
  expect(await there.open('consent', 'browser', unused)).toEqual({ answer: 'yes' });
});

it('an assertion that a client used is not taken again by a process whose clock is behind', async () => {
  const late = clockBehind();
  const deps = { audiences: ['https://id.test'], replay: rooms.stores.replays, clockToleranceSeconds: 0 };
  const here = createClientAssertions({ ...deps, clock: rooms.clock });
  const there = createClientAssertions({ ...deps, clock: late });
  const keys = await generateKeyPair('ES256', { extractable: true });
  const clientId = 'cl_late' as ClientId;
  const client: OAuthClient = {
    clientId,
    partner: (await rooms.addPartner('late')).id,
    label: '',
    scopes: [],
    grantTypes: ['client_credentials'],
    applicationType: 'web',
    party: 'first',
    authentication: 'private_key_jwt',
    redirectUris: [],
    publicKeys: [await exportJWK(keys.publicKey)],
    secrets: [],
    createdAtMs: rooms.clock.nowMs(),
    revokedAtMs: undefined,
  };
  const exp = Math.floor(rooms.clock.nowMs() / 1_000) + 60;
  const sign = (jti: string) =>
    new SignJWT({ iss: clientId, sub: clientId, aud: 'https://id.test', jti, exp })
      .setProtectedHeader({ alg: 'ES256' })
      .sign(keys.privateKey);
  const used = await sign('used');
  expect(await here.accepts(client, used)).toBe(true);
  for (const clock of [rooms.clock, late]) clock.advance(60_000);
  await rooms.stores.replays.prune(rooms.clock.nowMs());
  expect(await there.accepts(client, used)).toBe(false);
  expect(await there.accepts(client, await sign('unused'))).toBe(true);
});
