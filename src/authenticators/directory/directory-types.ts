import type { AuditRecord } from '../../audit/audit-record.ts';

/** A user of the embedded directory. */
export interface DirectoryUser {
  /** Canonical user name (NFC, lower case): the key. */
  username: string;
  /** The company's immutable id of the person. */
  reference: string;
  /** PHC string of the password's argon2id hash. */
  passwordHash: string;
  createdAtMs: number;
  disabledAtMs: number | undefined;
}

export interface DirectoryStore {
  find(directory: string, username: string): Promise<DirectoryUser | undefined>;
  /** `conflict` when the name or the reference is taken in this directory. */
  insert(directory: string, user: DirectoryUser, audit: AuditRecord): Promise<'inserted' | 'conflict'>;
  setPasswordHash(
    directory: string,
    username: string,
    passwordHash: string,
    audit: AuditRecord,
  ): Promise<'updated' | 'missing'>;
  setDisabled(
    directory: string,
    username: string,
    atMs: number | undefined,
    audit: AuditRecord,
  ): Promise<'updated' | 'missing'>;
  list(directory: string): Promise<DirectoryUser[]>;
}
