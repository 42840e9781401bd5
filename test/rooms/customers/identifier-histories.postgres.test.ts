import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { postgresMissing, type PostgresServer, startPostgres } from '../../support/postgres.ts';
import { createHistory, NAMES, steps } from './identifier-history.ts';
import { openLife } from './life-fixture.ts';

const missing = postgresMissing();

describe.skipIf(missing !== undefined)(`PostgreSQL${missing ? ` (skipped: ${missing})` : ''}`, () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres();
  }, 60_000);
  afterAll(() => server?.stop());

  it('over any history, keeps every identifier one customer’s for ever, and each change on record', async () => {
    const checked = fc.assert(
      fc.asyncProperty(fc.array(steps, { minLength: 25, maxLength: 40 }), async (history) => {
        const life = await openLife({ url: await server.createDatabase() });
        try {
          const step = createHistory(life);
          for (let at = 0; at < NAMES.length; at++) await step({ op: 'sign_in', who: at, group: at % 2 });
          for (const one of history) await step(one);
        } finally {
          await life.close();
        }
      }),
      { numRuns: 4, endOnFailure: true },
    );
    await expect(checked).resolves.toBeUndefined();
  }, 120_000);
});
