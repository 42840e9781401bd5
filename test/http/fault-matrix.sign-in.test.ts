/**
 * Every way in which those can fail who say who a customer is: the company's site and its identity provider. Each has its
 * documented answer, in time: never "wrong password", and nobody is let in.
 */
import { afterAll, beforeAll, describe, it } from 'vitest';
import { discoveryRole, exchangeRole, keysRole, siteRole } from '../support/fault-sign-in-roles.ts';
import { createFaultTable } from '../support/fault-table.ts';

const table = createFaultTable([siteRole, keysRole, discoveryRole, exchangeRole]);
const { expectRow, expectNoStrays, expectRecovery, expectNoHarm } = table;
beforeAll(() => table.open());
afterAll(() => table.close());

describe('a site or identity provider that misbehaves', () => {
  it.each(table.cases)('as %s, %s: its documented answer, in time, and nothing else suffers', (role, one) =>
    expectRow(role, one),
  );

  it('is never asked at the address that its name moved to, nor at one that it redirects to', () =>
    expectNoStrays());

  it('is used again within ten seconds of being well', () => expectRecovery());

  it('cost sign-in and the other partner nothing that anybody would notice', () => expectNoHarm());
});
