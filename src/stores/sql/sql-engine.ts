import type { Database } from './schema.ts';

/** What differs from one database to the other; all SQL and logic stands elsewhere, once. */
export interface SqlEngine {
  readonly db: Database;
  /** For changes of the tables, which may wait and work longer than a request may; often `db` itself. */
  readonly migrationDb: Database;
  /** Whether an error means that the database cannot do its work now, rather than that we asked for nonsense. */
  isAway: (error: unknown) => boolean;
  close(): Promise<void>;
}
