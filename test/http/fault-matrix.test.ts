/**
 * Every way in which a system of the company can fail, as profile backend, as log-in API and as token endpoint: each has
 * its documented answer, in time, while sign-in and another partner notice nothing; and it is used again within ten
 * seconds of being well.
 */
import { afterAll, beforeAll, describe, it } from 'vitest';
import { loginRole, profileRole, tokenRole } from '../support/fault-roles.ts';
import { createFaultTable } from '../support/fault-table.ts';

const table = createFaultTable([profileRole, loginRole, tokenRole]);
const { expectRow, expectNoStrays, expectRecovery, expectNoHarm } = table;
beforeAll(() => table.open());
afterAll(() => table.close());

describe('a destination that misbehaves', () => {
  it.each(table.cases)('as %s, %s: its documented answer, in time, and nothing else suffers', (role, one) =>
    expectRow(role, one),
  );

  it('is never asked at the address that its name moved to, nor at one that it redirects to', () =>
    expectNoStrays());

  it('is used again within ten seconds of being well', () => expectRecovery());

  it('cost sign-in and the other partner nothing that anybody would notice', () => expectNoHarm());
});
