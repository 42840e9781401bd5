/**
 * PostgreSQL, when users outgrow one machine: a small pool whose every wait is bounded, so that a database that is
 * away answers `STORE_UNAVAILABLE` soon instead of holding requests.
 */
import { Kysely, PostgresDialect, type PostgresPool, type PostgresPoolClient } from 'kysely';
import { type CustomTypesConfig, DatabaseError, Pool, type PoolClient, types as builtInTypes } from 'pg';
import { StartRefused } from '../../errors.ts';
import type { Schema } from './schema.ts';
import type { SqlEngine } from './sql-engine.ts';

/** The server gives up on a statement (and on waiting for a row lock) after this long; milliseconds. */
const STATEMENT_TIMEOUT_MS = 2_000;
/** We give up on a server that answers nothing at all, or not to a commit, after this long; milliseconds. */
const QUERY_TIMEOUT_MS = 2_500;
/** For a new connection, or for one of the pool to come free; milliseconds. */
const CONNECT_TIMEOUT_MS = 2_000;
/** Changes of the tables may wait for another process that makes them; milliseconds. */
const MIGRATION_TIMEOUT_MS = 120_000;
const DEFAULT_MAX_CONNECTIONS = 10;

const BIGINT_OID = 20;

/**
 * SQLSTATE classes of our own mistakes and of broken rules. Any other class, or none, means that the server or the
 * way to it is not fit to answer now.
 */
const OUR_CLASSES = new Set(['0A', '21', '22', '23', '26', '2F', '42', '44']);
const SQLSTATE = /^[0-9A-Z]{5}$/;
/** With these the server ends the session itself; the end of the connection may be seen only after the answer. */
const SESSION_OVER = /^(?:08|57P|25P03)/;

function isAway(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  if (error instanceof DatabaseError && code !== undefined && SQLSTATE.test(code)) {
    return !OUR_CLASSES.has(code.slice(0, 2));
  }
  // Mistakes in our own code are of these types; the rest comes from sockets and from the pool.
  return !(error instanceof TypeError || error instanceof RangeError || error instanceof SyntaxError);
}

/** A bigint as a number; an unsafe one would be another number, so it is refused. */
function parseBigint(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new RangeError('the database holds an integer beyond 2^53');
  return value;
}

const types: CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') =>
    oid === BIGINT_OID && format !== 'binary'
      ? parseBigint
      : builtInTypes.getTypeParser(oid, format)) as typeof builtInTypes.getTypeParser,
};

/** Whether the session still owes the answer to a question, or is over: either way nobody may ask it another. */
function isSessionLost(error: unknown): boolean {
  if (error instanceof DatabaseError) return SESSION_OVER.test(error.code ?? '');
  return isAway(error);
}

/**
 * Lends the connections of a pool. One whose session is lost fails whatever else it is asked (a rollback too) at once,
 * and is destroyed when it is given back: in the pool it would keep its next user waiting behind the old question, or
 * have them write inside the transaction that was left open.
 */
function lendConnections(pool: Pool): PostgresPool {
  const lent = new WeakMap<PoolClient, PostgresPoolClient>();
  const lend = (client: PoolClient): PostgresPoolClient => {
    let lost: { error: unknown } | undefined;
    const query = async (text: string, parameters: unknown[]) => {
      if (lost) throw lost.error;
      try {
        return await client.query(text, parameters);
      } catch (error) {
        if (isSessionLost(error)) lost = { error };
        throw error;
      }
    };
    return {
      // Kysely's other form of it, with a cursor, needs a package that is not here.
      query: query as unknown as PostgresPoolClient['query'],
      release: () => client.release(lost !== undefined),
    };
  };
  return {
    options: pool.options,
    end: () => pool.end(),
    async connect() {
      const client = await pool.connect();
      const known = lent.get(client) ?? lend(client);
      lent.set(client, known);
      return known;
    },
  };
}

export interface PostgresOptions {
  url: string;
  maxConnections?: number;
  /** Told when an idle connection breaks; without a listener that would end the process. */
  onError: (error: unknown) => void;
}

function openPool(
  options: PostgresOptions,
  limits: { max: number; statementTimeoutMs: number; queryTimeoutMs: number },
): Pool {
  const pool = new Pool({
    connectionString: options.url,
    max: limits.max,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    idleTimeoutMillis: 30_000,
    statement_timeout: limits.statementTimeoutMs,
    query_timeout: limits.queryTimeoutMs,
    idle_in_transaction_session_timeout: limits.statementTimeoutMs * 5,
    keepAlive: true,
    application_name: 'symbolon',
    types,
  });
  pool.on('error', options.onError);
  // One that breaks between two statements of a transaction tells nobody else, and an unheard error ends the process.
  pool.on('connect', (client) => void client.on('error', () => {}));
  return pool;
}

/** Makes the pools; connects at the first query. Throws `StartRefused` when the address cannot be read. */
export function openPostgresEngine(options: PostgresOptions): SqlEngine {
  // Here and not by the driver, whose error at the first connection would quote the address with its password.
  if (!URL.canParse(options.url) || !/^postgres(?:ql)?:/.test(options.url)) {
    throw new StartRefused('DATABASE_URL is not an address that PostgreSQL takes (postgres://…)');
  }
  const max = options.maxConnections ?? DEFAULT_MAX_CONNECTIONS;
  const pool = openPool(options, {
    max,
    statementTimeoutMs: STATEMENT_TIMEOUT_MS,
    queryTimeoutMs: QUERY_TIMEOUT_MS,
  });
  const migrationPool = openPool(options, {
    max: 1,
    statementTimeoutMs: MIGRATION_TIMEOUT_MS,
    queryTimeoutMs: MIGRATION_TIMEOUT_MS,
  });
  const db = new Kysely<Schema>({ dialect: new PostgresDialect({ pool: lendConnections(pool) }) });
  const migrationDb = new Kysely<Schema>({
    dialect: new PostgresDialect({ pool: lendConnections(migrationPool) }),
  });
  return {
    db,
    migrationDb,
    isAway,
    async close() {
      await migrationDb.destroy();
      await db.destroy();
    },
  };
}
