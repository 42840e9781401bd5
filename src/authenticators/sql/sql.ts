import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { parseReference, type ReferenceSpace } from '../../identifiers/identifier.ts';
import { createSharedPlaces } from '../../limits/shared-places.ts';
import { nameSetting } from '../../platform/settings.ts';
import type {
  AuthenticationOutcome,
  Authenticator,
  AuthenticatorDeps,
  AuthenticationContext,
  PasswordProof,
} from '../authenticator.ts';
import { createUnavailableReport } from '../report-unavailable.ts';
import { laneOf } from '../caller-lane.ts';
import { createCancellation } from '../cancellation.ts';
import { decoyHash, PASSWORD_COST, preparePassword } from '../passwords/password-hash.ts';
import { HasherBusy } from '../passwords/password-hasher.ts';
import { createPostgresSource, type SqlSource, SqlUnavailable } from './sql-source.ts';
import { createSqliteSource } from './sqlite-source.ts';
import { decoyLike, type HashSpec, parseStoredHash } from '../passwords/stored-hash.ts';
import type { FailureReason } from '../../outbound/failure-reason.ts';
import { isPossibleName } from '../user-name.ts';

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/i;

/** TLS with a checked certificate, or an open word that there is none; `require` and the like mean less than they say. */
function saysTls(value: string): boolean {
  if (!URL.canParse(value)) return false;
  const { hostname, searchParams } = new URL(value);
  const [mode = null, ...more] = searchParams.getAll('sslmode');
  // The driver goes by the last one of several.
  if (more.length > 0) return false;
  return mode === null
    ? LOOPBACK.test(hostname) && !searchParams.has('ssl')
    : mode === 'verify-full' || mode === 'disable';
}

const optionsSchema = z
  .strictObject({
    name: nameSetting,
    type: z.literal('sql'),
    reference_space: nameSetting,
    postgres_url: z
      .string()
      .regex(/^postgres(ql)?:\/\//, 'must be postgres://USER:PASSWORD@HOST/NAME')
      .refine(saysTls, 'must end in ?sslmode=verify-full (or, in a network that you trust, ?sslmode=disable)')
      .meta({ url: true })
      .optional(),
    sqlite_file: z.string().min(1).max(1_024).optional(),
    /** Gives the columns reference and password_hash, perhaps locked, disabled and password_change_required. */
    query: z
      .string()
      .max(8_192)
      .regex(/^\s*(select|with)\b/i, 'must begin with SELECT')
      .refine((text) => /\$1(?!\d)/.test(text), 'must hold $1 where the user name belongs')
      .refine((text) => !/\$([02-9]|1\d)/.test(text), 'has no other parameter than $1')
      .refine((text) => !text.includes(';'), 'must be one statement without a semicolon'),
    /** How the user name is handed to the query. */
    username_form: z.enum(['as_sent', 'lower']).default('as_sent'),
    timeout_ms: z.int().min(50).max(30_000).default(2_000),
    max_connections: z.int().min(1).max(50).default(4),
  })
  .refine((options) => (options.postgres_url === undefined) !== (options.sqlite_file === undefined), {
    path: ['postgres_url'],
    message: 'is given, or sqlite_file, not both',
  });

type SqlOptions = z.output<typeof optionsSchema>;

const REFUSED: AuthenticationOutcome = { outcome: 'refused', reason: 'credentials' };
const DOWN = { outcome: 'unavailable', busy: false, retryAfterSeconds: 5 } as const;
const BUSY: AuthenticationOutcome = { outcome: 'unavailable', busy: true, retryAfterSeconds: 1 };
const MAX_USERNAME_BYTES = 255;
/** Questions under way and waiting for each connection; beyond them "busy". */
const WAITING_PER_CONNECTION = 16;

const NEEDED = ['reference', 'password_hash'];

/** A yes in any of the ways in which tables say it. */
const isYes = (value: unknown) => [true, 1, 1n, '1', 't', 'true', 'y', 'yes'].includes(value as string);

/** A value of a row as text: references may be numbers, hashes may be bytes. */
function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (typeof value === 'bigint' || (typeof value === 'number' && Number.isSafeInteger(value)))
    return String(value);
  return value instanceof Uint8Array ? Buffer.from(value).toString('utf8') : undefined;
}

const MEANINGS: readonly (readonly [code: RegExp, sentence: string, reason: FailureReason])[] = [
  [/^28/, 'refuses the user or the password in postgres_url', 'account_refused'],
  [/^3D000$/, 'has no database of this name', 'query_failed'],
  [/^42P01$/, 'has no table of the name in the query', 'query_failed'],
  [/^42703$/, 'has no column of a name in the query', 'query_failed'],
  [/^42501$/, 'does not let this user read what the query asks for', 'not_permitted'],
  [/^42/, 'does not understand the query', 'query_failed'],
  [/^25006$/, 'is asked to write by the query, which may only read', 'query_failed'],
  [
    /^(57014|TIMEOUT|SQLITE_5)$/,
    'does not answer in time. An index on the user name helps, or a longer timeout_ms',
    'timeout',
  ],
  [/^SQLITE_14$/, 'cannot be opened. Check the path and who may read it', 'unreachable'],
  [/^SQLITE_26$/, 'is not a SQLite database', 'query_failed'],
  [/^SQLITE_1$/, 'does not understand the query: check the names of table and columns', 'query_failed'],
  [/^NO_TLS$/, 'does not speak TLS, which sslmode=verify-full asks for', 'untrusted'],
  [
    /CERT|SELF_SIGNED|ALTNAME|UNABLE_TO/,
    'shows a certificate that is not trusted for this host',
    'untrusted',
  ],
];

const codeOf = (error: unknown) => (error instanceof SqlUnavailable ? error.code : 'FAILED');
const meaningOf = (code: string) => MEANINGS.find(([pattern]) => pattern.test(code));

/** Why the database could not be asked, from the closed list. */
const reasonOf = (error: SqlUnavailable): FailureReason => meaningOf(error.code)?.[2] ?? 'unreachable';

/** A sentence for the operator: place and kind alone, neither user name nor password. */
function sentence(options: SqlOptions, error: unknown): string {
  const place = options.sqlite_file ?? `PostgreSQL at ${new URL(options.postgres_url ?? '').host}`;
  const code = codeOf(error);
  const meaning = meaningOf(code)?.[1] ?? 'cannot be reached';
  return `${place} ${meaning} (${code}).`;
}

/** The user name as the query gets it, or `undefined` when nobody can have it. */
function queryName(username: string, form: SqlOptions['username_form']): string | undefined {
  const name = username.normalize('NFC');
  if (!isPossibleName(name) || Buffer.byteLength(name) > MAX_USERNAME_BYTES) return undefined;
  // Some column types do not count spaces at the end: "pat " must not be a second account to guess at.
  if (name.trim() !== name) return undefined;
  return form === 'lower' ? name.toLowerCase().normalize('NFC') : name;
}

function createProbe(source: SqlSource, options: SqlOptions): Authenticator['probe'] {
  return async () => {
    try {
      const { columns } = await source.ask(`nobody-${randomBytes(8).toString('hex')}`);
      const absent = NEEDED.filter((name) => !columns.includes(name));
      if (absent.length === 0)
        return { ok: true, message: 'the query runs and gives the columns that are needed' };
      return {
        ok: false,
        message: `The query gives no column ${absent.join(' and no column ')}. Name it with AS: SELECT id AS reference, …`,
      };
    } catch (error) {
      return { ok: false, message: sentence(options, error) };
    }
  };
}

/** Looks for a person and checks the password against the hash in the row. */
function createCheck(source: SqlSource, options: SqlOptions, { hasher }: Pick<AuthenticatorDeps, 'hasher'>) {
  // An unknown name costs the kind of hash that known ones had of late (ASVS 6.3.8).
  let decoy = parseStoredHash(decoyHash(PASSWORD_COST)) as HashSpec;
  const space = options.reference_space as ReferenceSpace;
  const cannotTell = (reason: FailureReason, note: (step: string) => void, said: string) => {
    note(said);
    return { ...DOWN, reason };
  };

  return async (
    { name, password }: { name: string; password: string },
    { signal, lane, note }: { signal: AbortSignal; lane: string | undefined; note: (step: string) => void },
  ): Promise<AuthenticationOutcome> => {
    const { rows } = await source.ask(name, signal);
    note(`The query gave ${rows.length === 2 ? 'more than one row' : `${rows.length} rows`}.`);
    const [row, ...more] = rows;
    if (more.length > 0)
      return cannotTell('several_entries', note, 'The query gives more than one row for a name.');
    if (!row) {
      await hasher.verify(password, decoyLike(decoy), lane);
      return REFUSED;
    }
    const stored = parseStoredHash(textOf(row['password_hash'])?.trim() ?? '');
    if (!stored) return cannotTell('hash_unknown', note, 'The password_hash is of no known kind.');
    decoy = decoyLike(stored);
    const { matches } = await hasher.verify(password, stored, lane);
    note(`The password ${matches ? 'fits' : 'does not fit'} the hash, which is ${stored.kind}.`);
    // How an account stands is told only to whoever knows its password.
    if (!matches || isYes(row['disabled'])) return REFUSED;
    if (isYes(row['locked'])) return { outcome: 'refused', reason: 'locked' };
    if (isYes(row['password_change_required']))
      return { outcome: 'refused', reason: 'password_change_required' };
    const reference = parseReference(textOf(row['reference']));
    return reference === undefined
      ? cannotTell('no_single_reference', note, 'The reference is empty or unusable.')
      : { outcome: 'authenticated', space, reference };
  };
}

function create(
  options: SqlOptions,
  deps: Pick<AuthenticatorDeps, 'hasher' | 'logger' | 'reportFailure'>,
): Authenticator {
  const { query, timeout_ms: timeoutMs, max_connections: maxConnections } = options;
  const source =
    options.postgres_url === undefined
      ? createSqliteSource(options.sqlite_file ?? '', { query, timeoutMs, maxConnections })
      : createPostgresSource(options.postgres_url, { query, timeoutMs, maxConnections });
  const check = createCheck(source, options, deps);
  const places = createSharedPlaces(maxConnections * WAITING_PER_CONNECTION);

  const cancellation = createCancellation();

  const report = createUnavailableReport(options.name, deps);

  const authenticate = async (
    proof: PasswordProof,
    context: AuthenticationContext,
  ): Promise<AuthenticationOutcome> => {
    const { note = () => {} } = context;
    const signal = cancellation.signalFor(context);
    const password = preparePassword(proof.password);
    const name = queryName(proof.username, options.username_form);
    if (password === undefined || name === undefined) return REFUSED;
    const lane = laneOf(context);
    if (!places.take(lane)) return BUSY;
    try {
      return report(await check({ name, password }, { signal, lane, note }), context);
    } catch (error) {
      if (error instanceof HasherBusy) return BUSY;
      if (signal.aborted) return DOWN;
      if (error instanceof SqlUnavailable) {
        note(sentence(options, error));
        return report({ ...DOWN, reason: reasonOf(error) }, context);
      }
      deps.logger.unexpected('authenticator.failed', error, { authenticator: options.name });
      return { ...DOWN, reason: 'internal' };
    } finally {
      places.leave(lane);
    }
  };

  return {
    name: options.name,
    type: options.type,
    authenticate: async (proof, context) =>
      proof.kind === 'password' ? authenticate(proof, context) : { outcome: 'not_mine' },
    probe: createProbe(source, options),
    close: () => {
      cancellation.close();
      return source.close();
    },
  };
}

/** A company's own table of users, in PostgreSQL or SQLite, read by one query. */
export const sqlAuthenticator = { type: 'sql' as const, optionsSchema, create };
