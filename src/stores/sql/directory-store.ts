import type { DirectoryStore, DirectoryUser } from '../../authenticators/directory/directory-types.ts';
import type { AuditedChange } from './audited-change.ts';
import { insertedRows, mayBeStored, orNull, orUndefined } from './rows.ts';
import type { Database, DirectoryUsersTable } from './schema.ts';

function userOf(row: DirectoryUsersTable): DirectoryUser {
  return {
    username: row.username,
    reference: row.reference,
    passwordHash: row.password_hash,
    createdAtMs: row.created_at_ms,
    disabledAtMs: orUndefined(row.disabled_at_ms),
  };
}

export function createDirectoryStore(db: Database, auditedChange: AuditedChange): DirectoryStore {
  const set = (
    directory: string,
    username: string,
    change: {
      values: Partial<Pick<DirectoryUsersTable, 'password_hash' | 'disabled_at_ms'>>;
      audit: Parameters<AuditedChange>[0];
    },
  ) =>
    auditedChange(change.audit, async (trx) => {
      const result = await trx
        .updateTable('directory_users')
        .set(change.values)
        .where('directory', '=', directory)
        .where('username', '=', username)
        .executeTakeFirst();
      return result.numUpdatedRows === 0n ? 'missing' : 'updated';
    });
  return {
    async find(directory, username) {
      if (!mayBeStored(username)) return undefined;
      const row = await db
        .selectFrom('directory_users')
        .selectAll()
        .where('directory', '=', directory)
        .where('username', '=', username)
        .executeTakeFirst();
      return row && userOf(row);
    },
    insert: (directory, user, audit) =>
      auditedChange(audit, async (trx) => {
        const result = await trx
          .insertInto('directory_users')
          .values({
            directory,
            username: user.username,
            reference: user.reference,
            password_hash: user.passwordHash,
            created_at_ms: user.createdAtMs,
            disabled_at_ms: orNull(user.disabledAtMs),
          })
          .onConflict((c) => c.doNothing())
          .executeTakeFirst();
        return insertedRows(result) === 1 ? 'inserted' : 'conflict';
      }),
    setPasswordHash: (directory, username, passwordHash, audit) =>
      set(directory, username, { values: { password_hash: passwordHash }, audit }),
    setDisabled: (directory, username, atMs, audit) =>
      set(directory, username, { values: { disabled_at_ms: orNull(atMs) }, audit }),
    async list(directory) {
      const rows = await db
        .selectFrom('directory_users')
        .selectAll()
        .where('directory', '=', directory)
        .orderBy('created_at_ms')
        .orderBy('username')
        .execute();
      return rows.map(userOf);
    },
  };
}
