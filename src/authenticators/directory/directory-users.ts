import type { Audit } from '../../audit/audit.ts';
import { BridgeError } from '../../errors.ts';
import { type CustomerReference, parseReference, type ReferenceSpace } from '../../identifiers/identifier.ts';
import type { AdminActor } from '../../partners/partners.ts';
import type { Clock } from '../../platform/clock.ts';
import { uuidV7 } from '../../platform/random.ts';
import { canonicalUsername } from './directory.ts';
import type { DirectoryStore, DirectoryUser } from './directory-types.ts';
import { preparePassword } from '../passwords/password-hash.ts';
import { HasherBusy, type PasswordHasher } from '../passwords/password-hasher.ts';
import { isPossibleName } from '../user-name.ts';

export interface DirectoryUsers {
  /** Adds a user; without a reference one is made. Throws `CONFLICT`, `INVALID_REQUEST`, `NOT_FOUND` (no such directory). */
  add(
    directory: string,
    user: { username: string; password: string; reference: string | undefined },
    by: AdminActor,
  ): Promise<DirectoryUser>;
  /** Sets a password; whoever was signed in with the old one is signed out everywhere. */
  setPassword(directory: string, username: string, password: string, by: AdminActor): Promise<void>;
  /** Disables an account and ends all that it was issued, at once (ASVS 7.4.2). */
  disable(directory: string, username: string, by: AdminActor): Promise<void>;
  list(directory: string): Promise<DirectoryUser[]>;
}

export interface DirectoryUsersDeps {
  store: DirectoryStore;
  hasher: PasswordHasher;
  audit: Audit;
  clock: Clock;
  /** The reference space of each configured directory, by its name. */
  directories: ReadonlyMap<string, ReferenceSpace>;
  /** Ends every session and token of a person whose account was disabled or whose password was replaced. */
  endSessions(space: ReferenceSpace, reference: CustomerReference): Promise<void>;
}

/** Administration of the embedded directory's users. */
export function createDirectoryUsers(deps: DirectoryUsersDeps): DirectoryUsers {
  const { store, hasher, audit, clock } = deps;

  const requireDirectory = (directory: string) => {
    if (!deps.directories.has(directory)) {
      throw new BridgeError('NOT_FOUND', {
        message: 'There is no directory of this name in the configuration.',
      });
    }
  };
  const hashOf = async (password: string): Promise<string> => {
    const prepared = preparePassword(password);
    if (prepared === undefined) {
      throw new BridgeError('INVALID_REQUEST', { message: 'A password has 1 to 1024 bytes and no NUL.' });
    }
    try {
      return await hasher.hash(prepared);
    } catch (cause) {
      if (cause instanceof HasherBusy) throw new BridgeError('SIGN_IN_BUSY', { retryAfterSeconds: 1, cause });
      throw cause;
    }
  };
  const endSessionsOf = async (directory: string, username: string) => {
    const reference = parseReference((await store.find(directory, canonicalUsername(username)))?.reference);
    const space = deps.directories.get(directory);
    if (reference !== undefined && space !== undefined) await deps.endSessions(space, reference);
  };
  /** The key of a user. A name that nobody can sign in with is no key. */
  const keyOf = (username: string): string => {
    if (!isPossibleName(username)) {
      throw new BridgeError('INVALID_REQUEST', { message: 'A user name has no control characters.' });
    }
    return canonicalUsername(username);
  };
  const requireFound = (result: 'updated' | 'missing') => {
    if (result === 'missing')
      throw new BridgeError('NOT_FOUND', { message: 'There is no user of this name.' });
  };

  return {
    add: async (directory, { username, password, reference }, by) => {
      requireDirectory(directory);
      const user: DirectoryUser = {
        username: keyOf(username),
        reference: reference ?? `u-${uuidV7(clock.nowMs())}`,
        passwordHash: await hashOf(password),
        createdAtMs: clock.nowMs(),
        disabledAtMs: undefined,
      };
      if (parseReference(user.reference) === undefined) {
        throw new BridgeError('INVALID_REQUEST', {
          message: 'A reference has 1 to 255 bytes and no control characters.',
        });
      }
      const record = audit.record('directory.user_added', {
        ...by,
        outcome: 'success',
        details: { directory },
      });
      if ((await store.insert(directory, user, record)) === 'conflict') {
        throw new BridgeError('CONFLICT', { message: 'A user of this name or reference exists already.' });
      }
      return user;
    },
    setPassword: async (directory, username, password, by) => {
      requireDirectory(directory);
      const key = keyOf(username);
      const passwordHash = await hashOf(password);
      const record = audit.record('directory.password_set', {
        ...by,
        outcome: 'success',
        details: { directory },
      });
      requireFound(await store.setPasswordHash(directory, key, passwordHash, record));
      await endSessionsOf(directory, username);
    },
    disable: async (directory, username, by) => {
      requireDirectory(directory);
      const record = audit.record('directory.user_disabled', {
        ...by,
        outcome: 'success',
        details: { directory },
      });
      requireFound(await store.setDisabled(directory, keyOf(username), clock.nowMs(), record));
      await endSessionsOf(directory, username);
    },
    list: async (directory) => {
      requireDirectory(directory);
      return store.list(directory);
    },
  };
}
