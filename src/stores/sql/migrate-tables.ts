/**
 * Brings the tables to this version. A step either only adds (tables, columns that may be empty, indexes), so that the
 * release before goes on working on them, or it is called `NNNN_contract_…` and takes away what no release in use needs
 * any more. A start runs the first kind; the second waits for `symbolon migrate --contract`.
 */
import { sql } from 'kysely';
import { type Migration, Migrator } from 'kysely/migration';
import { StartRefused } from '../../errors.ts';
import { steps as ownSteps } from './migrations.ts';
import type { Database, DatabaseTransaction } from './schema.ts';

type Steps = Readonly<Record<string, Migration>>;

export interface MigrateOptions {
  /** Also runs the steps that take away. Default: only those that add. */
  contract?: boolean;
  /** Default: the steps of this version. */
  steps?: Steps;
}

/** How far a database has been brought. Names of steps, in their order. */
export interface MigrationState {
  done: string[];
  /** What a start would run. */
  due: string[];
  /** What waits for `migrate --contract`. */
  waiting: string[];
  /** Done by a newer version; all of them only added. */
  newer: string[];
}

/** Two processes of two versions that start at once may each find steps that it did not see a moment before. */
const ATTEMPTS = 3;

const takesAway = (name: string): boolean => /^\d{4}_contract_/.test(name);

async function executedSteps(db: Database): Promise<string[]> {
  const tables = await db.introspection.getTables({ withInternalKyselyTables: true });
  if (!tables.some(({ name }) => name === 'kysely_migration')) return [];
  const { rows } = await sql<{ name: string }>`select name from kysely_migration order by name`.execute(db);
  return rows.map(({ name }) => name);
}

function newerRefused(step: string): StartRefused {
  return new StartRefused(
    `the database was changed by a newer version of Symbolon (step ${step}); run that version`,
  );
}

/** Throws `StartRefused` when a newer version has taken away what this one may need. */
function stateOf(executed: readonly string[], steps: Steps): MigrationState {
  const known = Object.keys(steps).sort();
  const last = known.at(-1) ?? '';
  const newer = executed.filter((name) => !Object.hasOwn(steps, name));
  const unusable = newer.find((name) => takesAway(name) || name < last);
  if (unusable !== undefined) throw newerRefused(unusable);
  const open = known.filter((name) => !executed.includes(name));
  return {
    done: executed.filter((name) => Object.hasOwn(steps, name)),
    due: open.filter((name) => !takesAway(name)),
    waiting: open.filter(takesAway),
    newer,
  };
}

/** Reads how far the database has been brought; changes nothing. Throws `StartRefused` as `migrateTables` does. */
export async function readMigrationState(db: Database, steps: Steps = ownSteps): Promise<MigrationState> {
  return stateOf(await executedSteps(db), steps);
}

/** Carries the end of a trial out of its transaction. */
class Undone extends Error {}

/** Runs what is due and takes it all back; throws what a step throws. Returns the names. */
export async function tryMigration(db: Database, options: MigrateOptions = {}): Promise<string[]> {
  const { contract = false, steps = ownSteps } = options;
  const { due, waiting } = await readMigrationState(db, steps);
  const names = [...due, ...(contract ? waiting : [])].sort();
  const trial = async (trx: DatabaseTransaction) => {
    for (const name of names) await steps[name]?.up(trx);
    throw new Undone();
  };
  await db
    .transaction()
    .execute(trial)
    .catch((error: unknown) => {
      if (!(error instanceof Undone)) throw error;
    });
  return names;
}

async function migrateOnce(db: Database, steps: Steps, contract: boolean): Promise<unknown> {
  const { waiting, newer } = await readMigrationState(db, steps);
  const left = new Set(contract ? [] : waiting);
  const known = Object.entries(steps).filter(([name]) => !left.has(name));
  // A newer version ran these, and they only added: there is nothing left to do for them.
  const added = newer.map((name): [string, Migration] => [name, { up: async () => {} }]);
  const migrator = new Migrator({
    db,
    provider: { getMigrations: async () => Object.fromEntries([...known, ...added]) },
    // A step that took away may have waited while later ones added.
    allowUnorderedMigrations: true,
  });
  return (await migrator.migrateToLatest()).error;
}

/**
 * Runs the steps that are due, in one transaction under a lock; does nothing when there are none.
 * Throws `StartRefused` when a newer version has taken something away, else what the driver throws.
 */
export async function migrateTables(db: Database, options: MigrateOptions = {}): Promise<void> {
  const { contract = false, steps = ownSteps } = options;
  for (let attempt = 1; ; attempt++) {
    const error = await migrateOnce(db, steps, contract);
    if (error === undefined) return;
    const text = error instanceof Error ? error.message : '';
    const unknownStep = /previously executed migration (\S+) is missing/.exec(text)?.[1];
    if (unknownStep === undefined) throw error;
    if (attempt === ATTEMPTS) throw newerRefused(unknownStep);
  }
}
