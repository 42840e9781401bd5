import { createHmac, type KeyObject } from 'node:crypto';
import { lengthPrefixed } from '../platform/encoding.ts';
import {
  type AuditRecord,
  type AuditStore,
  CHAIN_BEGUN,
  type ChainedAuditRecord,
  type ChainHead,
  CHANGES_CHAIN,
  type LinkAuditRecord,
} from './audit-record.ts';

const LABEL = 'symbolon/audit';

function sortedEntries(details: NonNullable<AuditRecord['details']>): [string, unknown][] {
  const entries: [string, unknown][] = [];
  for (const name of Object.keys(details).sort()) {
    const value = details[name];
    if (value !== undefined) entries.push([name, value]);
  }
  return entries;
}

/**
 * A record as text: the same for equal records whatever the order of their members, different for different ones. A
 * missing field is `null`, so it is unlike an empty one.
 */
function canonicalText(record: AuditRecord): string {
  const { details } = record;
  return JSON.stringify([
    record.atMs,
    record.event,
    record.outcome,
    record.actor,
    record.partner ?? null,
    record.clientId ?? null,
    record.keyPrefix ?? null,
    record.customerId ?? null,
    record.channel ?? null,
    record.address ?? null,
    record.requestId ?? null,
    record.reason ?? null,
    details === undefined ? null : sortedEntries(details),
  ]);
}

/**
 * Links records with HMAC-SHA-256 under the audit key (base64url): who can write to the table but lacks the key can
 * neither change nor drop nor reorder a record without breaking the chain. Cutting off its newest end shows only
 * while somebody remembers how far it went.
 */
export function createAuditLink(key: KeyObject): LinkAuditRecord {
  return (chain, sequence, previousHash, record) =>
    createHmac('sha256', key)
      .update(lengthPrefixed([LABEL, chain, String(sequence), previousHash, canonicalText(record)]))
      .digest('base64url');
}

/** How far a chain has been verified. */
export interface ChainPosition {
  sequence: number;
  hash: string;
}

/** Where every chain begins. */
export const CHAIN_START: ChainPosition = { sequence: 0, hash: '' };

export type ChainVerdict =
  | { ok: true; position: ChainPosition }
  | { ok: false; firstBrokenSequence: number; reason: 'missing' | 'foreign' | 'altered' };

/**
 * Checks records of one chain in order. Page by page: pass the position of the last verdict with the next page.
 * `missing`: the record that should stand at `firstBrokenSequence` does not; `altered`: it, or the hash before it, is
 * not what was linked; `foreign`: it belongs to another chain than the first of the page.
 */
export function verifyChain(
  records: readonly ChainedAuditRecord[],
  link: LinkAuditRecord,
  after: ChainPosition = CHAIN_START,
): ChainVerdict {
  let position = after;
  for (const record of records) {
    const sequence = position.sequence + 1;
    const broken = (reason: 'missing' | 'foreign' | 'altered'): ChainVerdict => ({
      ok: false,
      firstBrokenSequence: sequence,
      reason,
    });
    if (record.sequence !== sequence) return broken('missing');
    if (record.chain !== records[0]?.chain) return broken('foreign');
    if (link(record.chain, sequence, position.hash, record) !== record.hash) return broken('altered');
    position = { sequence, hash: record.hash };
  }
  return { ok: true, position };
}

/** What a whole chain came to. */
export interface ChainReport {
  chain: string;
  /** Records that were checked and fit. */
  records: number;
  ok: boolean;
  /** Number of the first record that does not fit. */
  firstBrokenSequence: number | undefined;
}

const PAGE_RECORDS = 1_000;

async function reportOn(store: AuditStore, link: LinkAuditRecord, head: ChainHead): Promise<ChainReport> {
  const { chain } = head;
  let position = CHAIN_START;
  for (;;) {
    const page = await store.readChain(chain, position.sequence, PAGE_RECORDS);
    const verdict = verifyChain(page, link, position);
    if (!verdict.ok) {
      const { firstBrokenSequence } = verdict;
      return { chain, records: firstBrokenSequence - 1, ok: false, firstBrokenSequence };
    }
    position = verdict.position;
    if (page.length === PAGE_RECORDS) continue;
    // Records may have been appended since the head was read, never taken away.
    const cutOff = position.sequence < head.sequence;
    return {
      chain,
      records: position.sequence,
      ok: !cutOff,
      firstBrokenSequence: cutOff ? position.sequence + 1 : undefined,
    };
  }
}

/** Names of the process chains that the chain of changes says were begun. */
async function begunChains(store: AuditStore): Promise<string[]> {
  const names: string[] = [];
  let after = 0;
  for (;;) {
    const page = await store.readChain(CHANGES_CHAIN, after, PAGE_RECORDS);
    for (const { event, details } of page) {
      if (event === CHAIN_BEGUN && typeof details?.chain === 'string') names.push(details.chain);
    }
    if (page.length < PAGE_RECORDS) return names;
    after = page.at(-1)?.sequence ?? after;
  }
}

/**
 * Checks every chain of the log from its start, a page at a time: altered, missing and foreign records, ends that were
 * cut off, and chains that vanished whole.
 */
export async function verifyChains(store: AuditStore, link: LinkAuditRecord): Promise<ChainReport[]> {
  const begun = await begunChains(store);
  const heads = await store.heads();
  const reports: ChainReport[] = [];
  for (const head of heads) reports.push(await reportOn(store, link, head));
  const present = new Set(heads.map(({ chain }) => chain));
  for (const chain of begun) {
    if (!present.has(chain)) reports.push({ chain, records: 0, ok: false, firstBrokenSequence: 1 });
  }
  return reports;
}
