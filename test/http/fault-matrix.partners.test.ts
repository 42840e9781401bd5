/**
 * Every way in which a chat vendor's system can fail, called for a partner, by an operator, for the token of a channel and
 * for its own next token: the documented answer, in time, and nothing else suffers.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { connectEverywhere } from '../support/connected-grants.ts';
import { caseName } from '../support/fault-house.ts';
import { callRole, passRole, refreshRole, vendorRole } from '../support/fault-partner-roles.ts';
import { casesOf, createFaultTable } from '../support/fault-table.ts';
import { createTestClock } from '../support/clock.ts';

const folder = mkdtempSync(join(tmpdir(), 'symbolon-grants-'));
const clock = createTestClock();
const table = createFaultTable([passRole, callRole, refreshRole, vendorRole], {
  clock,
  // Somebody let us in at each of them while all was well; then the token that was given ended.
  prepare: async (settings, house) => {
    const wellHouse = { ...house, place: (role, one) => ({ ...house.place(role, one), base: house.place(role, one).wellBase }) };
  },
});
