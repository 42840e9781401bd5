import { z } from 'zod';
import { parseReference, type ReferenceSpace } from '../../identifiers/identifier.ts';
import { nameSetting } from '../../platform/settings.ts';
import type { AuthenticationOutcome, Authenticator, AuthenticatorDeps } from '../authenticator.ts';
import { laneOf } from '../caller-lane.ts';
import { decoyHash, PASSWORD_COST, preparePassword } from '../passwords/password-hash.ts';
import { HasherBusy } from '../passwords/password-hasher.ts';
import { isPossibleName } from '../user-name.ts';

const optionsSchema = z.strictObject({
  name: nameSetting,
  type: z.literal('directory'),
  /** Authenticators that name the same customers by the same references declare the same space. */
  reference_space: nameSetting,
});

const BUSY: AuthenticationOutcome = { outcome: 'unavailable', busy: true, retryAfterSeconds: 1 };
const DOWN: AuthenticationOutcome = { outcome: 'unavailable', busy: false, retryAfterSeconds: 5 };

/**
 * User names are compared in lower case and Unicode form C, so one person has one name however it is typed. The form
 * is taken last: a capital without a composed form can have a small letter with one (J̌ and ǰ).
 */
export function canonicalUsername(username: string): string {
  return username.normalize('NFC').toLowerCase().normalize('NFC');
}

/** Users with argon2id passwords in the embedded database. */
function create(
  options: z.output<typeof optionsSchema>,
  deps: Pick<AuthenticatorDeps, 'directory' | 'hasher' | 'audit' | 'logger'>,
): Authenticator {
  const decoy = decoyHash(PASSWORD_COST);

  const rehash = async (username: string, password: string, lane: string | undefined) => {
    const passwordHash = await deps.hasher.hash(password, lane);
    const record = deps.audit.record('directory.password_set', {
      outcome: 'success',
      actor: 'system',
      reason: 'hash strengthened',
    });
    await deps.directory.setPasswordHash(options.name, username, passwordHash, record);
  };

  return {
    name: options.name,
    type: options.type,
    authenticate: async (proof, context) => {
      if (proof.kind !== 'password') return { outcome: 'not_mine' };
      const password = preparePassword(proof.password);
      if (password === undefined || !isPossibleName(proof.username)) {
        return { outcome: 'refused', reason: 'credentials' };
      }
      try {
        const username = canonicalUsername(proof.username);
        const user = await deps.directory.find(options.name, username);
        const usable = user?.disabledAtMs === undefined ? user : undefined;
        context.note?.(
          user ? (usable ? 'The user is there.' : 'The user is disabled.') : 'There is no such user.',
        );
        // An unknown name costs the same hash as a known one (ASVS 6.3.8).
        const lane = laneOf(context);
        const { matches, weak } = await deps.hasher.verify(password, usable?.passwordHash ?? decoy, lane);
        const reference = parseReference(usable?.reference);
        if (!usable || !matches || reference === undefined)
          return { outcome: 'refused', reason: 'credentials' };
        if (weak)
          rehash(username, password, lane).catch((error) =>
            deps.logger.unexpected('directory.rehash_failed', error),
          );
        return { outcome: 'authenticated', space: options.reference_space as ReferenceSpace, reference };
      } catch (error) {
        if (error instanceof HasherBusy) return BUSY;
        deps.logger.unexpected('authenticator.failed', error, { authenticator: options.name });
        return DOWN;
      }
    },
    probe: async () => {
      const users = await deps.directory.list(options.name);
      return users.length > 0
        ? { ok: true, message: `${users.length} users` }
        : {
            ok: false,
            message: `The directory ${options.name} has no users. Add one with: symbolon users add`,
          };
    },
    close: async () => {},
  };
}

export const directoryAuthenticator = { type: 'directory', optionsSchema, create } as const;
