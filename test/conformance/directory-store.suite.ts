import { describe, expect, it } from 'vitest';
import type { DirectoryUser } from '../../src/authenticators/directory/directory-types.ts';
import { auditedReasons, auditRecord, freshStores, START_MS, type StoreEngine } from './store-fixture.ts';

export function directoryUser(username: string, reference = `ref-${username}`): DirectoryUser {
  return {
    username,
    reference,
    passwordHash: `$argon2id$${username}`,
    createdAtMs: START_MS,
    disabledAtMs: undefined,
  };
}

export function directoryStoreSuite(engine: StoreEngine): void {
  describe('directory store', () => {
    const at = freshStores(engine);

    it('finds a user in its own directory alone', async () => {
      const { directory } = at.stores;
      expect(await directory.insert('main', directoryUser('ada'), auditRecord('ada'))).toBe('inserted');
      expect(await directory.insert('other', directoryUser('ada'), auditRecord('other'))).toBe('inserted');
      expect(await directory.find('main', 'ada')).toEqual(directoryUser('ada'));
      expect(await directory.find('third', 'ada')).toBeUndefined();
      expect(await directory.find('main', 'ad\0a')).toBeUndefined();
      expect(await directory.list('main')).toEqual([directoryUser('ada')]);
      expect(await auditedReasons(at.stores)).toEqual(['ada', 'other']);
    });

    it('refuses a user name or a reference that is taken', async () => {
      const { directory } = at.stores;
      await directory.insert('main', directoryUser('ada'), auditRecord('ada'));
      expect(await directory.insert('main', directoryUser('ada', 'new'), auditRecord('name'))).toBe(
        'conflict',
      );
      expect(await directory.insert('main', directoryUser('bob', 'ref-ada'), auditRecord('ref'))).toBe(
        'conflict',
      );
      expect(await directory.list('main')).toEqual([directoryUser('ada')]);
      expect(await auditedReasons(at.stores)).toEqual(['ada']);
    });

    it('changes password and state of the user that is named', async () => {
      const { directory } = at.stores;
      await directory.insert('main', directoryUser('ada'), auditRecord('ada'));
      await directory.insert('main', directoryUser('bob'), auditRecord('bob'));
      expect(await directory.setPasswordHash('main', 'ada', 'new', auditRecord('password'))).toBe('updated');
      expect(await directory.setDisabled('main', 'ada', 9, auditRecord('off'))).toBe('updated');
      expect(await directory.find('main', 'ada')).toEqual({
        ...directoryUser('ada'),
        passwordHash: 'new',
        disabledAtMs: 9,
      });
      expect(await directory.setDisabled('main', 'ada', undefined, auditRecord('on'))).toBe('updated');
      expect((await directory.find('main', 'ada'))?.disabledAtMs).toBeUndefined();
      expect(await directory.find('main', 'bob')).toEqual(directoryUser('bob'));
      expect(await directory.setPasswordHash('main', 'eve', 'x', auditRecord('eve'))).toBe('missing');
      expect(await directory.setDisabled('other', 'ada', 1, auditRecord('eve'))).toBe('missing');
      expect(await auditedReasons(at.stores)).toEqual(['ada', 'bob', 'password', 'off', 'on']);
    });
  });
}
