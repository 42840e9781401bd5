import { CompiledQuery } from 'kysely';
import type { FirstUse, ReplaySpace, ReplayStore } from '../../replay/replay.ts';
import { insertedRows, mayBeStored } from './rows.ts';
import type { Database } from './schema.ts';

/** Ids in one insert, largest first: any number of them is a few of these, whose text is built once. */
const IDS_PER_INSERT = [32, 16, 8, 4, 2, 1];

interface Use {
  space: ReplaySpace;
  id: string;
  expiresAtMs: number;
}

interface WaitingUse extends Use {
  resolve(use: FirstUse): void;
  reject(error: unknown): void;
  settled: Promise<FirstUse>;
}

const rowOf = ({ space, id, expiresAtMs }: Use) => ({ space, id, expires_at_ms: expiresAtMs });
const keyOf = ({ space, id }: Pick<Use, 'space' | 'id'>) => `${space} ${id}`;
const byKey = (a: Use, b: Use): number => {
  const [first, second] = [keyOf(a), keyOf(b)];
  return first < second ? -1 : first > second ? 1 : 0;
};

/**
 * Ids that were used up. The primary key decides who was first. What is asked for in the same turn of the event loop
 * is written in one statement, so that many callers pay for few commits; each learns the fate of its own id, and only
 * once it is committed.
 */
export function createReplayStore(db: Database): ReplayStore {
  const texts = new Map<number, string>();
  /** By key: an id that is asked for twice in one turn is one row of one statement, whatever the sizes of inserts. */
  let waiting = new Map<string, WaitingUse>();

  const textFor = (uses: readonly Use[]): string => {
    let text = texts.get(uses.length);
    if (text === undefined) {
      const insert = db.insertInto('replays').values(uses.map(rowOf));
      text = insert
        .onConflict((c) => c.doNothing())
        .returning(['space', 'id'])
        .compile().sql;
      texts.set(uses.length, text);
    }
    return text;
  };

  /** Keys of those that nobody had used before. */
  const insert = async (uses: readonly Use[]): Promise<Set<string>> => {
    const parameters = uses.flatMap(({ space, id, expiresAtMs }) => [space, id, expiresAtMs]);
    const { rows } = await db.executeQuery<Pick<Use, 'space' | 'id'>>(
      CompiledQuery.raw(textFor(uses), parameters),
    );
    return new Set(rows.map(keyOf));
  };

  const settle = async (uses: readonly WaitingUse[]): Promise<void> => {
    try {
      const fresh = await insert(uses);
      for (const use of uses) use.resolve(fresh.has(keyOf(use)) ? 'fresh' : 'replayed');
    } catch (error) {
      for (const use of uses) use.reject(error);
    }
  };

  const settleWaiting = () => {
    // In one order everywhere, so that two processes with the same ids cannot wait for each other.
    const uses = [...waiting.values()].sort(byKey);
    waiting = new Map();
    for (let at = 0; at < uses.length; ) {
      const left = uses.length - at;
      const size = IDS_PER_INSERT.find((ids) => ids <= left) as number;
      void settle(uses.slice(at, at + size));
      at += size;
    }
  };

  /** By itself, so that an id that no row can hold spoils no other. */
  const consumeAlone = async (use: Use): Promise<FirstUse> => {
    const result = await db
      .insertInto('replays')
      .values(rowOf(use))
      .onConflict((c) => c.doNothing())
      .executeTakeFirst();
    return insertedRows(result) === 1 ? 'fresh' : 'replayed';
  };

  return {
    consume: (space, id, expiresAtMs) => {
      const use = { space, id, expiresAtMs };
      if (!mayBeStored(id) || !id.isWellFormed()) return consumeAlone(use);
      const key = keyOf(use);
      const first = waiting.get(key);
      // Of several that bring the same id at once the first has it; the others learn their fate with it.
      if (first) return first.settled.then(() => 'replayed');
      if (waiting.size === 0) setImmediate(settleWaiting);
      const { promise, resolve, reject } = Promise.withResolvers<FirstUse>();
      waiting.set(key, { ...use, resolve, reject, settled: promise });
      return promise;
    },
    async prune(nowMs) {
      const result = await db.deleteFrom('replays').where('expires_at_ms', '<=', nowMs).executeTakeFirst();
      return Number(result.numDeletedRows);
    },
  };
}
