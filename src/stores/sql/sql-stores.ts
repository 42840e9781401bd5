/**
 * The SQL stores: every lasting record, and the expiring state of a single process, on SQLite or PostgreSQL. They
 * decide nothing. Whatever a driver throws leaves here as `STORE_UNAVAILABLE` (the database cannot do its work now) or
 * `INTERNAL_ERROR` (we asked for something that it refuses).
 */
import { sql } from 'kysely';
import type { ApiKeyStore } from '../../api-keys/api-key.ts';
import type { AuditStore, LinkAuditRecord } from '../../audit/audit-record.ts';
import type { AuditRetentionStore } from '../../audit/audit-retention.ts';
import type { DirectoryStore } from '../../authenticators/directory/directory-types.ts';
import type { ClientStore } from '../../clients/client.ts';
import type { ChannelCallStore } from '../../customers/channel-proofs/channel-calls.ts';
import type { ChannelVisitStore } from '../../customers/channel-proofs/channel-visits.ts';
import type { CustomerStore, NoticeStore, RegistryStore } from '../../customers/customer-registry.ts';
import type { KeyStore } from '../../keyring/keyring-types.ts';
import type { TierAssignmentStore } from '../../limits/tier-assignments.ts';
import type { AuthorizationCodeStore } from '../../oauth/authorization-code.ts';
import type { ConsentStore } from '../../oauth/consent.ts';
import type { OutboundGrantStore } from '../../outbound/outbound-grant.ts';
import type { PartnerStore } from '../../partners/partner.ts';
import type { Clock } from '../../platform/clock.ts';
import type { ReplayStore } from '../../replay/replay.ts';
import type { RevocationStore } from '../../revocation/revocation-types.ts';
import type { StandingStore } from '../../revocation/standings.ts';
import type { SessionRecordStore } from '../../sessions/session.ts';
import type { RefreshFamilyStore } from '../../tokens/refresh-family.ts';
import type { SigningKeyStore } from '../../tokens/signing-key-types.ts';
import { createApiKeyStore } from './api-key-store.ts';
import { createAuditRetentionStore } from './audit-retention-store.ts';
import { createAuditStore } from './audit-store.ts';
import { createAuditedChange } from './audited-change.ts';
import { createAuthorizationCodeStore } from './authorization-code-store.ts';
import { createChannelCallStore } from './channel-call-store.ts';
import { createChannelVisitStore } from './channel-visit-store.ts';
import { createClientStore } from './client-store.ts';
import { createConsentStore } from './consent-store.ts';
import { createCustomerStore } from './customer-store.ts';
import { createDirectoryStore } from './directory-store.ts';
import { createKeyStore } from './key-store.ts';
import { migrateTables } from './migrate-tables.ts';
import { createNoticeStore } from './notice-store.ts';
import { type DatabaseLocation, openDatabase } from './open-database.ts';
import { createOutboundGrantStore } from './outbound-grant-store.ts';
import { createPartnerStore } from './partner-store.ts';
import { createRegistryStore, createStandingStore } from './registry-store.ts';
import { createRefreshFamilyStore } from './refresh-family-store.ts';
import { createReplayStore } from './replay-store.ts';
import { createRevocationStore } from './revocation-store.ts';
import { createSessionRecordStore } from './session-record-store.ts';
import { asBridgeError, createShield } from './shield.ts';
import { createSigningKeyStore } from './signing-key-store.ts';
import { createTierAssignmentStore } from './tier-assignment-store.ts';

export interface SqlStores {
  readonly partners: PartnerStore;
  readonly clients: ClientStore;
  readonly apiKeys: ApiKeyStore;
  readonly customers: CustomerStore;
  readonly registry: RegistryStore;
  readonly standings: StandingStore;
  readonly notices: NoticeStore;
  readonly keys: KeyStore;
  readonly signingKeys: SigningKeyStore;
  readonly revocations: RevocationStore;
  readonly replays: ReplayStore;
  readonly directory: DirectoryStore;
  readonly sessions: SessionRecordStore;
  readonly authorizationCodes: AuthorizationCodeStore;
  readonly refreshFamilies: RefreshFamilyStore;
  readonly consents: ConsentStore;
  readonly tierAssignments: TierAssignmentStore;
  readonly channelCalls: ChannelCallStore;
  readonly channelVisits: ChannelVisitStore;
  readonly outboundGrants: OutboundGrantStore;
  readonly audit: AuditStore;
  readonly auditRetention: AuditRetentionStore;
  /** Asks the database for a sign of life. Throws `BridgeError('STORE_UNAVAILABLE')`. */
  ping(): Promise<void>;
  /** Lets what is under way finish, then closes; safe to call twice. */
  close(): Promise<void>;
}

export type SqlStoreOptions = {
  clock: Clock;
  /** Computes the hash that links an audit record to the one before it. */
  linkAudit: LinkAuditRecord;
  /** Told of errors on idle connections, which belong to no call. */
  onError?: (error: unknown) => void;
} & DatabaseLocation;

/**
 * Opens the database and brings its tables to this version. Throws `BridgeError('STORE_UNAVAILABLE')` when it cannot
 * be reached or opened, `StartRefused` when it must not be used: a newer version wrote it, or its address is wrong.
 */
export async function openSqlStores(options: SqlStoreOptions): Promise<SqlStores> {
  const engine = await openDatabase(options, options.onError);
  const { db, isAway } = engine;
  try {
    await migrateTables(engine.migrationDb);
  } catch (error) {
    await engine.close().catch(() => {});
    throw asBridgeError(error, isAway);
  }
  const auditedChange = createAuditedChange(db, options.linkAudit);
  const shield = createShield(isAway);
  const ping = async () => {
    await sql`select 1`.execute(db);
  };
  return {
    partners: shield.guard(createPartnerStore(db, auditedChange)),
    clients: shield.guard(createClientStore(db, auditedChange)),
    apiKeys: shield.guard(createApiKeyStore(db, auditedChange)),
    customers: shield.guard(createCustomerStore(db, auditedChange)),
    registry: shield.guard(createRegistryStore(db, auditedChange, options.clock)),
    standings: shield.guard(createStandingStore(db)),
    notices: shield.guard(createNoticeStore(db)),
    keys: shield.guard(createKeyStore(db, auditedChange)),
    signingKeys: shield.guard(createSigningKeyStore(db, auditedChange)),
    revocations: shield.guard(createRevocationStore(db)),
    replays: shield.guard(createReplayStore(db)),
    directory: shield.guard(createDirectoryStore(db, auditedChange)),
    sessions: shield.guard(createSessionRecordStore(db, options.clock)),
    authorizationCodes: shield.guard(createAuthorizationCodeStore(db)),
    refreshFamilies: shield.guard(createRefreshFamilyStore(db)),
    consents: shield.guard(createConsentStore(db)),
    channelCalls: shield.guard(createChannelCallStore(db)),
    channelVisits: shield.guard(createChannelVisitStore(db)),
    tierAssignments: shield.guard(createTierAssignmentStore(db, auditedChange)),
    outboundGrants: shield.guard(createOutboundGrantStore(db)),
    audit: shield.guard(createAuditStore(db, options.linkAudit)),
    auditRetention: shield.guard(createAuditRetentionStore(db, options.linkAudit)),
    ...shield.guard({ ping }),
    async close() {
      await shield.idle();
      await engine.close();
    },
  };
}
