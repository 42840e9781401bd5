import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/platform/clock.ts';
import { createRedis } from '../../../src/stores/redis.ts';
import { openSqlStores } from '../../../src/stores/sql/sql-stores.ts';
import { createTestCertificate } from '../../support/certificate.ts';
import { postgresMissing, type PostgresServer, startPostgres } from '../../support/postgres.ts';
import { redisMissing, startRedis } from '../../support/redis.ts';

const missing = [postgresMissing(), redisMissing()].filter((why) => why !== undefined).join(', ');
const certificate = createTestCertificate('127.0.0.1');
const authorities = getCACertificates('default');

let directory: string;
let postgres: PostgresServer;
let redis: Awaited<ReturnType<typeof startRedis>>;
beforeAll(async () => {
  if (missing) return;
  directory = mkdtempSync(join(tmpdir(), 'symbolon-tls-'));
  [postgres, redis] = await Promise.all([startPostgres(certificate), startRedis(certificate)]);
}, 60_000);
afterAll(async () => {
  setDefaultCACertificates(authorities);
  if (missing) return;
  await Promise.all([postgres.stop(), redis.stop()]);
  rmSync(directory, { recursive: true, force: true });
});

describe.skipIf(missing !== '')(`stores over TLS ${missing}`, () => {
  it('PostgreSQL is used when its certificate is the one that the address names, and not otherwise', async () => {
    const [good, other] = ['good.pem', 'other.pem'].map((name) => join(directory, name)) as [string, string];
    writeFileSync(good, certificate.cert);
    writeFileSync(other, createTestCertificate('127.0.0.1').cert);
    const url = `${await postgres.createDatabase()}?sslmode=verify-full&sslrootcert=`;
    const open = (file: string, host = '127.0.0.1') =>
      openSqlStores({
        url: (url + file).replace('127.0.0.1', host),
        clock: systemClock,
        linkAudit: () => 'hash',
      });
    const stores = await open(good);
    await stores.ping();
    await stores.close();
    await expect(open(other)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    await expect(open(good, 'localhost')).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  });

  it('Redis is used when its certificate is known, and not otherwise', async () => {
    const open = () => createRedis({ url: `rediss://127.0.0.1:${redis.tlsPort}`, onError: () => {} });
    const unknown = await open();
    await expect(unknown.ping()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    await unknown.close();
    setDefaultCACertificates([...authorities, certificate.cert]);
    const known = await open();
    await known.ping();
    await known.close();
  });
});
