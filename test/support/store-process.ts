/**
 * A process that uses a SQLite file and never closes it: a test kills it. Arguments: the file, then what to do.
 * `pin N` pins customers 0 to N-1 and says `pinned`; `open` brings the tables up and says `open`; `lock` takes the
 * exclusive lock and says `locked` or `refused`; `lock-and-collect` collects garbage before it says so. Then it waits.
 */
import type { PinnedCustomer } from '../../src/customers/customer-registry.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { acquireExclusiveLock } from '../../src/stores/exclusive-lock.ts';
import { openSqlStores } from '../../src/stores/sql/sql-stores.ts';

const [file = '', task, count] = process.argv.slice(2);
const linkAudit = () => 'hash';
setInterval(() => {}, 60_000);

if (task?.startsWith('lock')) {
  const said = acquireExclusiveLock(file) ? 'locked\n' : 'refused\n';
  if (task === 'lock-and-collect')
    for (let n = 0; n < 5; n++) await new Promise(setImmediate).then(() => gc?.());
  process.stdout.write(said);
} else {
  const stores = await openSqlStores({ file, clock: systemClock, linkAudit });
  for (let n = 0; n < Number(count ?? 0); n++) {
    await stores.customers.pin({
      customerId: `c1${n}`,
      group: 'web',
      space: 'crm',
      subjectIndex: `index-${n}`,
      sealedReference: `sealed-${n}`,
      createdAtMs: n,
    } as PinnedCustomer);
  }
  process.stdout.write(task === 'pin' ? 'pinned\n' : 'open\n');
}
