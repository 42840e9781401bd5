/**
 * Tables of the SQL stores, the same on every engine. Columns that end in `_ms` are milliseconds since the Unix
 * epoch; `*_json` is JSON text. Nothing here is a clear secret: what arrives is a digest or sealed.
 */
import type { Kysely, Transaction } from 'kysely';
import type { ApiKeyEnvironment, ApiKeyUse, SignaturePolicy } from '../../api-keys/api-key.ts';
import type { AuditRecord } from '../../audit/audit-record.ts';
import type { ApplicationType, ClientAuthentication, ClientId, OAuthClient } from '../../clients/client.ts';
import type { ChannelCallCount } from '../../customers/channel-proofs/channel-calls.ts';
import type { IdentifierRecord } from '../../customers/customer-registry.ts';
import type { ChannelGroup, CustomerIdentifier, ReferenceSpace } from '../../identifiers/identifier.ts';
import type { KeyPurpose } from '../../keyring/keyring-types.ts';
import type { AssignedKind } from '../../limits/tier-assignments.ts';
import type { PartnerId } from '../../partners/partner.ts';
import type { ReplaySpace } from '../../replay/replay.ts';
import type { RevocationKind } from '../../revocation/revocation-types.ts';
import type { SigningAlgorithm, SigningRing } from '../../tokens/signing-key-types.ts';

export interface PartnersTable {
  id: PartnerId;
  name: string;
  visible_fields_json: string;
  field_masks_json: string;
  tier: string;
  created_at_ms: number;
  disabled_at_ms: number | null;
}

/** A channel group belongs to one partner: the group is the key. */
interface PartnerGroupsTable {
  channel_group: string;
  partner_id: PartnerId;
  position: number;
}

export interface ClientsTable {
  client_id: ClientId;
  partner_id: PartnerId;
  label: string;
  scopes_json: string;
  grant_types_json: string;
  application_type: ApplicationType;
  party: OAuthClient['party'];
  authentication: ClientAuthentication;
  redirect_uris_json: string;
  public_keys_json: string;
  openid_json: string | null;
  created_at_ms: number;
  revoked_at_ms: number | null;
}

export interface ApiKeysTable {
  key_id: string;
  partner_id: PartnerId;
  label: string;
  environment: ApiKeyEnvironment;
  key_use: ApiKeyUse;
  signature_policy: SignaturePolicy;
  scopes_json: string;
  allowed_addresses_json: string;
  public_keys_json: string;
  public_prefix: string;
  public_digest: string;
  created_at_ms: number;
  expires_at_ms: number | null;
  revoked_at_ms: number | null;
  last_used_at_ms: number | null;
}

/** Columns of a secret, whoever owns it. */
export interface SecretColumns {
  secret_id: string;
  created_at_ms: number;
  expires_at_ms: number | null;
  revoked_at_ms: number | null;
  first_used_at_ms: number | null;
  last_used_at_ms: number | null;
  /** How long it lives on after the first use of `successor_id`; null once that has been settled. */
  grace_ms: number | null;
  successor_id: string | null;
}

export interface ClientSecretsTable extends SecretColumns {
  client_id: ClientId;
  digest: string;
}

export interface ApiKeySecretsTable extends SecretColumns {
  key_id: string;
  digest: string | null;
  sealed_signing_key: string | null;
}

/** Ids that were used up. */
interface ReplaysTable {
  space: ReplaySpace;
  id: string;
  expires_at_ms: number;
}

/** Identifiers. No row ever goes. */
export interface CustomersTable {
  customer_id: CustomerIdentifier;
  /** In lower case, unique. */
  folded_id: string;
  channel_group: ChannelGroup;
  state: IdentifierRecord['state'];
  merged_into: CustomerIdentifier | null;
  disabled_at_ms: number | null;
  created_at_ms: number;
  /** Number of the revision that changed it last; 0 for none. */
  sequence: number;
}

/** The company's references of living identifiers. */
export interface CustomerReferencesTable {
  subject_index: string;
  customer_id: CustomerIdentifier;
  space: ReferenceSpace;
  sealed_reference: string;
  is_primary: number;
  /** `ownIds` of the record, the latest first, with spaces between them. */
  own_id: string | null;
}

/** Every channel group that an identifier was ever given out in. */
interface CustomerGroupsTable {
  channel_group: ChannelGroup;
}

/** Blind indexes of what was erased, and nothing beside them. */
interface ErasedReferencesTable {
  subject_index: string;
}

export interface PartnerNoticesTable {
  id: string;
  partner: string;
  type: string;
  body: string;
  created_at_ms: number;
  attempts: number;
  due_at_ms: number;
}

export interface PurposeKeysTable {
  purpose: KeyPurpose;
  version: number;
  kek_id: string;
  sealed: string;
  created_at_ms: number;
}

interface PurposeKeyChecksTable {
  purpose: KeyPurpose;
  version: number;
  check_value: string;
}

export interface SigningKeysTable {
  kid: string;
  ring: SigningRing;
  algorithm: SigningAlgorithm;
  public_jwk_json: string;
  sealed_private_key: string;
  published_at_ms: number;
  signs_at_ms: number;
  revoked_at_ms: number | null;
}

interface RevocationsTable {
  sequence: number;
  kind: RevocationKind;
  id: string;
  cutoff_ms: number;
  expires_at_ms: number;
}

export interface DirectoryUsersTable {
  directory: string;
  username: string;
  reference: string;
  password_hash: string;
  created_at_ms: number;
  disabled_at_ms: number | null;
}

export interface AuthorizationCodesTable {
  digest: string;
  client_id: ClientId;
  grant_id: string;
  sealed_payload: string;
  created_at_ms: number;
  expires_at_ms: number;
  used_at_ms: number | null;
  reused_at_ms: number | null;
}

export interface RefreshFamiliesTable {
  family_id: string;
  holder: string;
  customer_id: string;
  sealed_payload: string;
  generation: number;
  current_digest: string;
  previous_digest: string | null;
  sealed_answer: string | null;
  created_at_ms: number;
  rotated_at_ms: number;
  idle_expires_at_ms: number;
  expires_at_ms: number;
  ended_at_ms: number | null;
}

export interface ConsentsTable {
  client_id: ClientId;
  customer_id: CustomerIdentifier;
  person_index: string;
  scopes_json: string;
  fields_json: string;
  granted_at_ms: number;
}

interface SessionsTable {
  id_digest: string;
  data: string;
  expires_at_ms: number;
}

export interface AuditRecordsTable {
  chain: string;
  sequence: number;
  hash: string;
  at_ms: number;
  event: string;
  outcome: AuditRecord['outcome'];
  actor: string;
  partner: string | null;
  client_id: string | null;
  key_prefix: string | null;
  customer_id: string | null;
  channel: string | null;
  address: string | null;
  request_id: string | null;
  reason: string | null;
  details_json: string | null;
}

/** The last link of each chain. Its row is also the lock under which a chain grows. */
interface AuditChainsTable {
  chain: string;
  sequence: number;
  hash: string;
  /** The four are set together, by retention. */
  pruned_sequence: number | null;
  pruned_hash: string | null;
  pruned_at_ms: number | null;
  pruned_seal: string | null;
}

interface TierAssignmentsTable {
  kind: AssignedKind;
  id: string;
  tier: string | null;
  sequence: number;
}

interface OutboundGrantsTable {
  connection: string;
  version: number;
  sealed: string;
  updated_at_ms: number;
}

interface ChannelVisitsTable {
  sid: string;
  channel: string;
  customer_id: string;
  auth_time_ms: number;
  expires_at_ms: number;
}

/** Counters whose row is also a lock: numbers become visible in the order in which they were given out. */
interface CountersTable {
  name: string;
  value: number;
}

export interface Schema {
  partners: PartnersTable;
  partner_groups: PartnerGroupsTable;
  clients: ClientsTable;
  client_secrets: ClientSecretsTable;
  api_keys: ApiKeysTable;
  api_key_secrets: ApiKeySecretsTable;
  replays: ReplaysTable;
  customers: CustomersTable;
  customer_references: CustomerReferencesTable;
  customer_groups: CustomerGroupsTable;
  erased_references: ErasedReferencesTable;
  partner_notices: PartnerNoticesTable;
  purpose_keys: PurposeKeysTable;
  purpose_key_checks: PurposeKeyChecksTable;
  signing_keys: SigningKeysTable;
  revocations: RevocationsTable;
  directory_users: DirectoryUsersTable;
  sessions: SessionsTable;
  authorization_codes: AuthorizationCodesTable;
  refresh_families: RefreshFamiliesTable;
  consents: ConsentsTable;
  tier_assignments: TierAssignmentsTable;
  channel_calls: ChannelCallCount;
  channel_visits: ChannelVisitsTable;
  outbound_grants: OutboundGrantsTable;
  audit_records: AuditRecordsTable;
  audit_chains: AuditChainsTable;
  counters: CountersTable;
}

export type Database = Kysely<Schema>;
export type DatabaseTransaction = Transaction<Schema>;
