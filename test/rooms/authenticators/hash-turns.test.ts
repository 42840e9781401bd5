import { afterEach, expect, it } from 'vitest';
import { directoryAuthenticator } from '../../../src/authenticators/directory/directory.ts';
import {
  createPasswordHasher,
  HasherBusy,
  type PasswordHasher,
} from '../../../src/authenticators/passwords/password-hasher.ts';
import { createMetrics } from '../../../src/platform/metrics.ts';
import { openRooms } from '../fixture.ts';

let hasher: PasswordHasher;
afterEach(() => hasher.close());

/** The outcomes of `count` checks of one network, each noted in `order` as it ends. */
const crowd = (lane: string, count: number, order: string[]) =>
  Promise.all(
    Array.from({ length: count }, () =>
      hasher.hash('x', lane).then(
        () => void order.push(lane),
        (error: unknown) => error,
      ),
    ),
  );

it('a check of another network waits for one of the crowd, not for all of it', async () => {
  hasher = createPasswordHasher({ lanes: 1, maxWaiting: 64, metrics: createMetrics() });
  const order: string[] = [];
  const attack = crowd('198.51.100.7', 20, order);
  const honest = crowd('203.0.113.9', 2, order);
  await Promise.all([attack, honest]);
  // One was under way already, and one goes before each.
  expect(order.indexOf('203.0.113.9')).toBeLessThanOrEqual(2);
  expect(order.lastIndexOf('203.0.113.9')).toBeLessThanOrEqual(4);
});

it('one network never has all places, so that another finds one', async () => {
  hasher = createPasswordHasher({ lanes: 1, maxWaiting: 7, metrics: createMetrics() });
  const order: string[] = [];
  const attack = crowd('198.51.100.7', 50, order);
  const honest = await crowd('203.0.113.9', 1, order);
  expect(honest).toEqual([undefined]);
  const refused = (await attack).filter((outcome) => outcome instanceof HasherBusy);
  expect(refused).toHaveLength(50 - 6);
});

it('places come back as the checks end', async () => {
  hasher = createPasswordHasher({ lanes: 2, maxWaiting: 2, metrics: createMetrics() });
  for (let round = 0; round < 3; round++) {
    expect(await crowd('one', 3, [])).toEqual([undefined, undefined, undefined]);
  }
});

it('a directory takes its turn for the network that a sign-in comes from, and a trial for nobody', async () => {
  const lanes: (string | undefined)[] = [];
  hasher = createPasswordHasher({ lanes: 1, maxWaiting: 8, metrics: createMetrics() });
  const noting: PasswordHasher = {
    ...hasher,
    verify: (password, stored, lane) => {
      lanes.push(lane);
      return hasher.verify(password, stored, lane);
    },
  };
  const rooms = await openRooms();
  const directory = directoryAuthenticator.create(
    { name: 'staff', type: 'directory', reference_space: 'crm' },
    { ...rooms, directory: rooms.stores.directory, hasher: noting },
  );
  const proof = { kind: 'password', username: 'nobody', password: 'x' } as const;
  for (const address of ['203.0.113.9', '2001:db8:1:2::9', undefined])
    await directory.authenticate(proof, { requestId: 'r', channel: 'web', address });
  expect(lanes).toEqual(['203.0.113.9', '2001:db8:1:2::/64', undefined]);
  await rooms.close();
});
