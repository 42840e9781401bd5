import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { postgresMissing, type PostgresServer, startPostgres } from '../support/postgres.ts';
import { startService } from '../support/service.ts';

const missing = postgresMissing();

describe.skipIf(missing !== undefined)(
  `doctor while PostgreSQL is away${missing ? ` (skipped: ${missing})` : ''}`,
  () => {
    let server: PostgresServer;
    beforeAll(async () => {
      server = await startPostgres();
    });
    afterAll(() => server?.stop());

    it('says so, and what it can say of everything else', async () => {
      const database_url = await server.createDatabase();
      await using t = await startService({ settings: (all) => ({ ...all, storage: { database_url } }) });
      const findings = async () => {
        const { body } = await t.admin.get('/admin/doctor').expect(200);
        const found = body.findings as { subject: string; ok: boolean }[];
        return new Map(found.map(({ subject, ok }) => [subject, ok]));
      };
      const before = await findings();
      expect(before.get('database')).toBe(true);
      await server.kill();
      const away = await findings();
      expect(away.get('database')).toBe(false);
      for (const subject of ['backend crm', 'backend billing', 'channel group north'])
        expect(away.get(subject)).toBe(true);
      expect([...away.keys()]).toEqual(expect.arrayContaining([...before.keys()]));
      await server.start();
      await expect.poll(async () => (await findings()).get('database')).toBe(true);
    });
  },
);
