/** The rooms of the domain wired to each other over a SQLite database in memory and a clock that a test moves. */
import { createHash, createSecretKey } from 'node:crypto';
import { createAudit } from '../../src/audit/audit.ts';
import { createAuditLink } from '../../src/audit/audit-chain.ts';
import { openKeyring } from '../../src/keyring/keyring.ts';
import { openPartners } from '../../src/partners/partners.ts';
import type { Clock } from '../../src/platform/clock.ts';
import { createLogger } from '../../src/platform/logger.ts';
import { createMetrics } from '../../src/platform/metrics.ts';
import { openRevocations } from '../../src/service/open-revocations.ts';
import { openSqlStores, type SqlStores } from '../../src/stores/sql/sql-stores.ts';
import type { SigningAlgorithm } from '../../src/tokens/signing-key-types.ts';
import { openSigningRings } from '../../src/tokens/signing-rings.ts';
import { createTestClock } from '../support/clock.ts';

/** Key-encryption keys that tests tell apart by a number. */
export function encryptionKey(number = 1): Buffer {
  return createHash('sha256').update(`key-encryption key ${number}`).digest();
}

/** Who acts, in tests of administrative changes. */
export const ADMIN = { actor: 'admin:test', requestId: 'req-1', address: '192.0.2.7' };

export const ISSUER = 'https://id.example.com';

export const MAX_TOKEN_SECONDS = {
  customer: 28_800,
  access: 3_600,
  assertion: 60,
  id: 28_800,
  vendor: 86_400,
};

/** Links audit chains in tests. */
export const linkAudit = createAuditLink(createSecretKey(Buffer.alloc(32, 7)));

/** Opens a database of its own in memory, or the one in `file`. */
export function openStores(clock: Clock, file = ':memory:'): Promise<SqlStores> {
  return openSqlStores({ file, clock, linkAudit });
}

/** What most rooms need, opened over a database in memory, in a file or, with `url`, in PostgreSQL; `close` ends it. */
export async function openRooms(
  options: { file?: string; url?: string; algorithm?: SigningAlgorithm; idAlgorithm?: SigningAlgorithm } = {},
) {
  const clock = createTestClock();
  const stores = await (options.url === undefined
    ? openStores(clock, options.file)
    : openSqlStores({ url: options.url, clock, linkAudit }));
  const lines: string[] = [];
  const logger = createLogger('debug', { write: (line) => lines.push(line) });
  const metrics = createMetrics();
  const keyring = await openKeyring({
    store: stores.keys,
    clock,
    hasCustomers: async () => (await stores.customers.count()) > 0,
    encryptionKeys: [encryptionKey()],
  });
  const audit = createAudit({ store: stores.audit, clock, logger, metrics, instance: 'test' });
  const { revocations, standings, survivorOf } = await openRevocations({ stores, keyring, clock });
  const partners = await openPartners({ store: stores.partners, clock, audit });
  const rings = await openSigningRings({
    store: stores.signingKeys,
    keyring,
    clock,
    algorithm: options.algorithm ?? 'ES256',
    algorithms: { id: options.idAlgorithm ?? 'RS256', vendor: 'RS256' },
    maxTokenLifetimeSeconds: MAX_TOKEN_SECONDS,
  });
  return {
    clock,
    stores,
    lines,
    logger,
    metrics,
    keyring,
    audit,
    revocations,
    standings,
    survivorOf,
    partners,
    rings,
    /** Adds a partner that owns the channel group of its own name. */
    addPartner: (id: string) =>
      partners.create(
        id,
        { name: `Partner ${id}`, channelGroups: [id], visibleFields: ['plan'], tier: 'production' },
        ADMIN,
      ),
    /** Reasons and events of every audit record, oldest first. */
    audited: async () => {
      await audit.flush();
      const records = await stores.audit.list({ limit: 1_000 });
      return records.reverse();
    },
    async close() {
      await audit.close();
      await stores.close();
    },
  };
}

export type Rooms = Awaited<ReturnType<typeof openRooms>>;
