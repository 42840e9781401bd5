/**
 * Partners: the outside parties that call us. A partner owns channel groups, clients and API keys and may see only
 * the profile fields listed here. This room keeps the record; it never authenticates anybody.
 */
import type { AuditRecord } from '../audit/audit-record.ts';
import type { Brand } from '../platform/brand.ts';
import type { MaskName } from './field-mask.ts';

export type PartnerId = Brand<string, 'PartnerId'>;

/** Mask by profile field. */
export type FieldMasks = Readonly<Record<string, MaskName>>;

export interface Partner {
  id: PartnerId;
  name: string;
  /** Groups whose customers this partner serves; a group belongs to one partner. */
  channelGroups: string[];
  /** Profile fields this partner may see. */
  visibleFields: string[];
  /** How fields are hidden from this partner that others may see in full. */
  fieldMasks: FieldMasks;
  /** Name of a limits tier. */
  tier: string;
  createdAtMs: number;
  disabledAtMs: number | undefined;
}

export interface PartnerStore {
  /** Adds a partner and its audit record in one transaction; `conflict` when the id or one of its groups is taken. */
  insert(partner: Partner, audit: AuditRecord): Promise<'inserted' | 'conflict'>;
  find(id: PartnerId): Promise<Partner | undefined>;
  list(): Promise<Partner[]>;
  /** Replaces name, groups, fields, tier and state; `conflict` when a group belongs to another partner. */
  update(partner: Partner, audit: AuditRecord): Promise<'updated' | 'conflict' | 'missing'>;
}
