import { describe } from 'vitest';
import { directoryAuthenticator } from '../../src/authenticators/directory/directory.ts';
import { createDirectoryUsers } from '../../src/authenticators/directory/directory-users.ts';
import { createPasswordHasher } from '../../src/authenticators/passwords/password-hasher.ts';
import type { ReferenceSpace } from '../../src/identifiers/identifier.ts';
import { ADMIN, openRooms } from '../rooms/fixture.ts';
import { authenticatorSuite } from './authenticator.suite.ts';

describe('the embedded directory', () => {
  authenticatorSuite(async () => {
    const rooms = await openRooms();
    const hasher = createPasswordHasher({ lanes: 2, maxWaiting: 64, metrics: rooms.metrics });
    const { audit, clock, logger } = rooms;
    const store = rooms.stores.directory;
    const person = { username: 'mira', password: 'correct horse battery staple', reference: '4711' };
    await createDirectoryUsers({
      store,
      hasher,
      audit,
      clock,
      directories: new Map([['staff', 'crm' as ReferenceSpace]]),
      endSessions: async () => {},
    }).add('staff', person, ADMIN);
    const options = { name: 'staff', type: 'directory', reference_space: 'crm' };
    let closed = false;
    const takeAway = async () => {
      if (!closed) await rooms.close();
      closed = true;
    };
    return {
      authenticator: directoryAuthenticator.create(directoryAuthenticator.optionsSchema.parse(options), {
        directory: store,
        hasher,
        audit,
        logger,
      }),
      person,
      takeAway,
      logged: () => rooms.lines.join(''),
      close: async () => {
        hasher.close();
        await takeAway();
      },
    };
  });
});
