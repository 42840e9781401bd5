import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPasswordHasher } from '../../../src/authenticators/passwords/password-hasher.ts';
import { sqlAuthenticator } from '../../../src/authenticators/sql/sql.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { createFailureReport } from '../../../src/outbound/failure-reason.ts';
import { createLogger } from '../../../src/platform/logger.ts';
import { createMetrics } from '../../../src/platform/metrics.ts';
import { createTestCertificate } from '../../support/certificate.ts';
import { SQL_PASSWORD, SQL_PEOPLE } from '../../support/people-table.ts';
import { postgresMissing, type PostgresServer, startPostgres } from '../../support/postgres.ts';

const missing = postgresMissing();
const CONTEXT = { requestId: 'req-1', channel: 'web' };
const PROOF = { kind: 'password', username: 'mira', password: SQL_PASSWORD } as const;
const certificate = createTestCertificate('127.0.0.1');

describe.skipIf(missing !== undefined)(
  `PostgreSQL over TLS${missing ? ` (skipped: ${missing})` : ''}`,
  () => {
    let tls: PostgresServer;
    let plain: PostgresServer;
    /** Both hold the same people. */
    const urls = { tls: '', plain: '' };
    const hasher = createPasswordHasher({ lanes: 1, maxWaiting: 16, metrics: createMetrics() });
    const logger = createLogger('debug', { write: () => {} });
    const reportFailure = createFailureReport({ clock: systemClock, logger });
    const folder = mkdtempSync(join(tmpdir(), 'symbolon-sql-tls-'));

    beforeAll(async () => {
      [tls, plain] = await Promise.all([startPostgres(certificate), startPostgres()]);
      for (const [name, server] of [['tls', tls] as const, ['plain', plain] as const]) {
        const url = await server.createDatabase();
        const client = new Client({ connectionString: url });
        await client.connect();
        await client.query(SQL_PEOPLE);
        await client.end();
        urls[name] = url;
      }
      writeFileSync(join(folder, 'known.pem'), certificate.cert);
      writeFileSync(join(folder, 'other.pem'), createTestCertificate('127.0.0.1').cert);
    }, 60_000);
    afterAll(async () => {
      hasher.close();
      await Promise.all([tls?.stop(), plain?.stop()]);
      rmSync(folder, { recursive: true });
    });

    const settings = (postgres_url: string) => ({
      name: 'shop',
      type: 'sql',
      reference_space: 'crm',
      postgres_url,
      query: 'select id as reference, hash as password_hash from people where name = $1',
    });
    const ask = async (url: string, trust?: string) => {
      const root = trust === undefined ? '' : `&sslrootcert=${join(folder, trust)}`;
      const options = sqlAuthenticator.optionsSchema.parse(settings(`${url}?sslmode=verify-full${root}`));
      const own = sqlAuthenticator.create(options, { hasher, logger, reportFailure });
      try {
        return { outcome: await own.authenticate(PROOF, CONTEXT), probed: await own.probe() };
      } finally {
        await own.close();
      }
    };

    it('is believed when its certificate is the known one of the host that the address names', async () => {
      expect(await ask(urls.tls, 'known.pem')).toMatchObject({
        outcome: { outcome: 'authenticated', reference: '4711' },
        probed: { ok: true },
      });
    });

    it.each([
      ['of another authority', 'other.pem', '127.0.0.1'],
      ['that nobody vouches for', undefined, '127.0.0.1'],
      ['of another host', 'known.pem', 'localhost'],
    ])('with a certificate %s is asked nothing, and the doctor says why', async (_what, trust, host) => {
      const { outcome, probed } = await ask(urls.tls.replace('127.0.0.1', host), trust);
      expect(outcome).toMatchObject({ outcome: 'unavailable', busy: false, retryAfterSeconds: 5 });
      expect(probed.ok).toBe(false);
      expect(probed.message).toContain('shows a certificate that is not trusted for this host');
    });

    it('that has no TLS at all is asked nothing, and the doctor says why', async () => {
      const { outcome, probed } = await ask(urls.plain, 'known.pem');
      expect(outcome).toMatchObject({ outcome: 'unavailable', busy: false, retryAfterSeconds: 5 });
      expect(probed.message).toContain('does not speak TLS');
    });

    it.each(['sslmode=no-verify', 'sslmode=disable', 'sslmode=verify-full'])(
      'is not asked by an address that says verify-full and then %s',
      (second) => {
        const url = `postgres://u:p@db.example.com/shop?sslmode=verify-full&${second}`;
        expect(sqlAuthenticator.optionsSchema.safeParse(settings(url)).success).toBe(false);
      },
    );
  },
);
