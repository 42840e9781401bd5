import { createServer, type Server } from 'node:net';
import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openSqlStores, type SqlStores } from '../../../src/stores/sql/sql-stores.ts';
import { customer } from '../../conformance/customer-store.suite.ts';
import { auditRecord, createTestClock, inParallel, link, partner } from '../../conformance/store-fixture.ts';
import { postgresMissing, type PostgresServer, startPostgres } from '../../support/postgres.ts';

const missing = postgresMissing();
const away = { name: 'BridgeError', code: 'STORE_UNAVAILABLE' };
const clock = createTestClock();

async function elapsedMs(work: Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work;
  return performance.now() - start;
}

/** Waits for a call that must fail because the store is away; gives how long that took. */
async function failureMs(call: Promise<unknown>): Promise<number> {
  const start = performance.now();
  await expect(call).rejects.toMatchObject(away);
  return performance.now() - start;
}

describe.skipIf(missing !== undefined)(
  `PostgreSQL in trouble${missing ? ` (skipped: ${missing})` : ''}`,
  () => {
    let server: PostgresServer;
    let url: string;
    let stores: SqlStores;
    let idleErrors: unknown[];
    beforeAll(async () => {
      server = await startPostgres();
    });
    afterAll(() => server?.stop());
    beforeEach(async () => {
      url = await server.createDatabase();
      idleErrors = [];
      stores = await openSqlStores({
        url,
        clock,
        linkAudit: link,
        onError: (error) => idleErrors.push(error),
      });
    });
    afterEach(() => stores.close());

    it('is STORE_UNAVAILABLE at once when killed, keeps what was committed, and is used again when back', async () => {
      await stores.customers.pin(customer('a'));
      await inParallel(5, () => stores.ping());
      await server.kill();
      const work = Promise.allSettled([
        stores.ping(),
        stores.customers.pin(customer('b')),
        stores.partners.insert(partner('acme'), auditRecord('acme')),
        stores.revocations.since(0, 0),
      ]);
      expect(await elapsedMs(work)).toBeLessThan(2_000);
      expect((await work).map((result) => result.status === 'rejected' && result.reason)).toEqual(
        Array.from({ length: 4 }, () => expect.objectContaining(away)),
      );
      expect(idleErrors.length).toBeGreaterThan(0);
      await server.start();
      expect(await stores.customers.findByIndex('index-a')).toEqual(customer('a'));
      expect(await stores.customers.pin(customer('b'))).toEqual(customer('b'));
    });

    it('gives up on a row that somebody else holds, leaving nothing of the change', async () => {
      await stores.partners.insert(partner('acme'), auditRecord('acme'));
      const other = new Client({ connectionString: url });
      await other.connect();
      try {
        await other.query("begin; select * from audit_chains where chain = 'changes' for update");
        const change = stores.partners.insert(partner('zeta'), auditRecord('zeta'));
        expect(await failureMs(change)).toBeLessThan(3_500);
        await other.query('rollback');
      } finally {
        await other.end();
      }
      expect(await stores.partners.list()).toEqual([partner('acme')]);
      expect(await stores.partners.insert(partner('zeta'), auditRecord('zeta'))).toBe('inserted');
    });

    it('brings the tables up once when several processes start at once', async () => {
      const fresh = await server.createDatabase();
      const opened = await inParallel(4, () => openSqlStores({ url: fresh, clock, linkAudit: link }));
      await Promise.all(opened.map((each) => each.ping()));
      const pinned = await Promise.all(
        opened.flatMap((each) => [1, 2, 3].map(() => each.customers.pin(customer('a')))),
      );
      expect(new Set(pinned.map((row) => JSON.stringify(row))).size).toBe(1);
      await Promise.all(opened.map((each) => each.close()));
    });

    it('lets no number through that is not the number that was stored', async () => {
      const other = new Client({ connectionString: url });
      await other.connect();
      try {
        await stores.customers.pin(customer('a'));
        await other.query(
          "update customers set created_at_ms = 9007199254740993 where customer_id = (select customer_id from customer_references where subject_index = 'index-a')",
        );
      } finally {
        await other.end();
      }
      await expect(stores.customers.findByIndex('index-a')).rejects.toMatchObject({ code: 'INTERNAL_ERROR' });
    });
  },
);

describe('a PostgreSQL address', () => {
  it('where nobody listens is STORE_UNAVAILABLE', async () => {
    const url = 'postgres://symbolon:hidden-word@127.0.0.1:1/none';
    await expect(openSqlStores({ url, clock, linkAudit: link })).rejects.toMatchObject(away);
  });

  it('where somebody accepts and says nothing is STORE_UNAVAILABLE within the connect time', async () => {
    const server: Server = createServer(() => {});
    const port = await new Promise<number>((resolve) => {
      server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port));
    });
    try {
      const opening = openSqlStores({
        url: `postgres://symbolon@127.0.0.1:${port}/none`,
        clock,
        linkAudit: link,
      });
      expect(await failureMs(opening)).toBeLessThan(4_500);
    } finally {
      server.close();
    }
  });

  it('that cannot be read refuses the start without quoting it', async () => {
    const opening = openSqlStores({ url: 'postgres://u:hidden-word@[::1/x', clock, linkAudit: link });
    const error = await opening.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toMatchObject({ name: 'StartRefused' });
    expect(String(error)).not.toContain('hidden-word');
  });
});
