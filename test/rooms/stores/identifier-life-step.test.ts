import { sql } from 'kysely';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { CustomerIdentifier } from '../../../src/identifiers/identifier.ts';
import { createAuditedChange } from '../../../src/stores/sql/audited-change.ts';
import { createCustomerStore } from '../../../src/stores/sql/customer-store.ts';
import type { SqlEngine } from '../../../src/stores/sql/sql-engine.ts';
import { openSqliteEngine } from '../../../src/stores/sql/sqlite-engine.ts';
import { splitCustomers } from '../../../src/stores/sql/steps/0008-identifier-life.ts';

let engine: SqlEngine;
beforeEach(async () => {
  engine = await openSqliteEngine(':memory:');
});
afterEach(() => engine.close());

it('customers who were pinned before references had a table of their own keep their identifier and their reference', async () => {
  const { db } = engine;
  await sql`create table customers (customer_id text primary key, channel_group text not null, space text not null,
    subject_index text not null unique, sealed_reference text not null, created_at_ms bigint not null)`.execute(
    db,
  );
  for (const name of ['a', 'b']) {
    await sql`insert into customers values (${`c1${name}`}, 'web', 'crm', ${`index-${name}`}, ${`sealed-${name}`}, 5)`.execute(
      db,
    );
  }

  await splitCustomers(db as never);

  const store = createCustomerStore(
    db,
    createAuditedChange(db, () => 'hash'),
  );
  for (const name of ['a', 'b']) {
    const kept = {
      customerId: `c1${name}`,
      group: 'web',
      space: 'crm',
      subjectIndex: `index-${name}`,
      sealedReference: `sealed-${name}`,
      createdAtMs: 5,
    };
    expect(await store.findByIndex(`index-${name}`)).toEqual(kept);
    expect(await store.findByIdentifier(`c1${name}` as CustomerIdentifier)).toEqual(kept);
  }
  expect(await store.count()).toBe(2);
});
