import type { Schema } from './schema.ts';

export interface TableEntry {
  name: keyof Schema;
  /** Columns of its primary key. */
  key: readonly string[];
  /** Whether its rows are of use for moments or days only, so that a move may leave them behind. */
  expiring: boolean;
}

const lasting = (name: keyof Schema, ...key: string[]): TableEntry => ({ name, key, expiring: false });
const expiring = (name: keyof Schema, ...key: string[]): TableEntry => ({ name, key, expiring: true });

/** Every table, in an order in which rows find what they refer to. */
export const TABLES: readonly TableEntry[] = [
  lasting('partners', 'id'),
  lasting('partner_groups', 'channel_group'),
  lasting('clients', 'client_id'),
  lasting('client_secrets', 'secret_id'),
  lasting('api_keys', 'key_id'),
  lasting('api_key_secrets', 'secret_id'),
  lasting('customers', 'customer_id'),
  lasting('customer_references', 'subject_index'),
  lasting('customer_groups', 'channel_group'),
  lasting('erased_references', 'subject_index'),
  lasting('partner_notices', 'id'),
  lasting('purpose_keys', 'purpose', 'version'),
  lasting('purpose_key_checks', 'purpose', 'version'),
  lasting('signing_keys', 'kid'),
  lasting('revocations', 'sequence'),
  lasting('directory_users', 'directory', 'username'),
  lasting('consents', 'client_id', 'customer_id'),
  lasting('tier_assignments', 'kind', 'id'),
  lasting('channel_calls', 'channel', 'day', 'proof', 'outcome'),
  lasting('outbound_grants', 'connection'),
  lasting('counters', 'name'),
  lasting('audit_chains', 'chain'),
  lasting('audit_records', 'chain', 'sequence'),
  expiring('sessions', 'id_digest'),
  expiring('replays', 'space', 'id'),
  expiring('authorization_codes', 'digest'),
  expiring('refresh_families', 'family_id'),
  expiring('channel_visits', 'sid', 'channel'),
];
