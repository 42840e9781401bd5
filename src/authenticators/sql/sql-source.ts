/**
 * Where the SQL authenticator reads one person: a SQLite file (`sqlite-source.ts`), or PostgreSQL through a small pool.
 * Both read only, with one parameter and a deadline.
 */
import { createRequire } from 'node:module';
import type { PoolClient } from 'pg';
import { unlessAborted } from '../cancellation.ts';

const require = createRequire(import.meta.url);

/** What a query gave: at most a few rows, because two are enough to know that it is not one. */
export interface SqlAnswer {
  columns: readonly string[];
  rows: readonly Readonly<Record<string, unknown>>[];
}

/** The database could not be asked. `code` is its own: an SQLSTATE, a code of the system, a word of SQLite's. */
export class SqlUnavailable extends Error {
  readonly code: string;
  constructor(code: string) {
    super('the database could not be asked');
    this.name = 'SqlUnavailable';
    this.code = code;
  }
}

export interface SqlSource {
  /** Runs the query with this one parameter, until the signal is aborted. Throws `SqlUnavailable`. */
  ask(username: string, signal?: AbortSignal): Promise<SqlAnswer>;
  close(): Promise<void>;
}

export interface SqlSourceOptions {
  query: string;
  timeoutMs: number;
  maxConnections: number;
}

function codeOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (typeof code === 'string' && /^[A-Z0-9_]{1,64}$/.test(code)) return code;
  // pg's own words come without a code.
  if (error instanceof Error && /does not support SSL/.test(error.message)) return 'NO_TLS';
  return error instanceof Error && /timeout/i.test(error.message) ? 'TIMEOUT' : 'FAILED';
}

/** Reads from PostgreSQL; the session is read-only, and the server itself gives up at the deadline. */
export function createPostgresSource(url: string, options: SqlSourceOptions): SqlSource {
  const { query, timeoutMs, maxConnections } = options;
  // Loaded here: only who asks a database of the company has use for the client.
  const { DatabaseError, Pool } = require('pg') as typeof import('pg');
  const pool = new Pool({
    connectionString: url,
    max: maxConnections,
    connectionTimeoutMillis: timeoutMs,
    query_timeout: timeoutMs + 100,
    statement_timeout: timeoutMs,
    idleTimeoutMillis: 60_000,
    allowExitOnIdle: true,
    options: '-c default_transaction_read_only=on',
    application_name: 'symbolon',
  });
  // An idle connection that breaks is replaced by the next question.
  pool.on('error', () => {});
  // One that breaks while it is lent out tells its question; unheard, the error would end the process.
  pool.on('connect', (client) => void client.on('error', () => {}));

  /** A connection that owes an answer nobody waits for is cut, so that the next question does not wait behind it. */
  const askOn = async (client: PoolClient, username: string, signal: AbortSignal | undefined) => {
    let isOut = true;
    const giveBack = (cut: boolean) => {
      if (isOut) client.release(cut);
      isOut = false;
    };
    const cut = () => giveBack(true);
    signal?.addEventListener('abort', cut, { once: true });
    try {
      if (signal?.aborted === true) throw new SqlUnavailable('CLOSED');
      const { rows, fields } = await client.query<Record<string, unknown>>(query, [username]);
      giveBack(false);
      return { columns: fields.map(({ name }) => name), rows: rows.slice(0, 2) };
    } catch (error) {
      giveBack(!(error instanceof DatabaseError));
      throw error;
    } finally {
      signal?.removeEventListener('abort', cut);
    }
  };
  return {
    ask: async (username, signal) => {
      try {
        return await unlessAborted(
          signal,
          async () => askOn(await pool.connect(), username, signal),
          () => {
            throw new SqlUnavailable('CLOSED');
          },
        );
      } catch (error) {
        throw error instanceof SqlUnavailable ? error : new SqlUnavailable(codeOf(error));
      }
    },
    close: () => pool.end(),
  };
}
