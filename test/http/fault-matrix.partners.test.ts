/**
 * Every way in which a chat vendor's system can fail: called for a partner, by an operator, for the token of a channel, and
 * for a token of our own. Each has its documented answer, in time, and nothing else suffers.
 */
import { afterAll, beforeAll, describe, it } from 'vitest';
import { createTestClock } from '../support/clock.ts';
import { endedGrants } from '../support/connected-grants.ts';
import { callRole, passRole, refreshRole, vendorRole } from '../support/fault-partner-roles.ts';
import { createFaultTable } from '../support/fault-table.ts';

const clock = createTestClock();
const grants = endedGrants(clock);
const table = createFaultTable([passRole, callRole, refreshRole, vendorRole], {
  clock,
  prepare: grants.prepare,
});
const { expectRow, expectNoStrays, expectRecovery, expectNoHarm } = table;
beforeAll(() => table.open());
afterAll(async () => {
  await table.close();
  grants.remove();
});

describe('a chat vendor that misbehaves', () => {
  it.each(table.cases)('as %s, %s: its documented answer, in time, and nothing else suffers', (role, one) =>
    expectRow(role, one),
  );

  it('is never asked at the address that its name moved to, nor at one that it redirects to', () =>
    expectNoStrays());

  it('is used again within ten seconds of being well', () => expectRecovery());

  it('cost sign-in and the other partner nothing that anybody would notice', () => expectNoHarm());
});
