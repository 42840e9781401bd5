import { createHmac, type KeyObject } from 'node:crypto';
import { lengthPrefixed } from '../platform/encoding.ts';
import {
  type AuditReader,
  type AuditRecord,
  CHAIN_BEGUN,
  type ChainCheckpoint,
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

/** Lower than every number that a record can have: records that retention took away must not stand there again. */
export const BEFORE_ALL = Number.MIN_SAFE_INTEGER;

/**
 * The seal of a checkpoint: HMAC-SHA-256 under the audit key over chain, number, hash and time. No chain of records
 * has such a name, so neither can stand for the other, nor the checkpoint of one chain for that of another.
 */
export function sealCheckpoint(
  link: LinkAuditRecord,
  chain: string,
  { sequence, hash, prunedAtMs }: Omit<ChainCheckpoint, 'seal'>,
): string {
  const record = {
    atMs: prunedAtMs,
    event: 'audit.checkpoint',
    outcome: 'success',
    actor: 'system',
  } as const;
  return link(`checkpoint/${chain}`, sequence, hash, record);
}

/** Where the records of a chain begin: after its checkpoint. `undefined`: nobody with the audit key set that one. */
export function beginningOf(link: LinkAuditRecord, head: ChainHead): ChainPosition | undefined {
  const { checkpoint } = head;
  if (checkpoint === undefined) return CHAIN_START;
  const { sequence, hash } = checkpoint;
  return sealCheckpoint(link, head.chain, checkpoint) === checkpoint.seal ? { sequence, hash } : undefined;
}

/** Whether retention took every record of a chain. */
export function isEmptied(link: LinkAuditRecord, head: ChainHead): boolean {
  const { checkpoint, sequence, hash } = head;
  return (
    checkpoint?.sequence === sequence && checkpoint.hash === hash && beginningOf(link, head) !== undefined
  );
}

/** What a whole chain came to. */
export interface ChainReport {
  chain: string;
  /** Records that were checked and fit. */
  records: number;
  ok: boolean;
  /** Number of the first record that does not fit. */
  firstBrokenSequence: number | undefined;
  /** Up to which number retention took records away, and when it last did; `undefined`: never, as far as is proven. */
  pruned: { upTo: number; atMs: number } | undefined;
}

const PAGE_RECORDS = 1_000;
/** Retention may take records away while they are read; then they are read again, at most so often. */
const ATTEMPTS = 3;

async function reportOn(reader: AuditReader, link: LinkAuditRecord, head: ChainHead): Promise<ChainReport> {
  const { chain, checkpoint } = head;
  const beginning = beginningOf(link, head);
  if (!beginning) return { chain, records: 0, ok: false, firstBrokenSequence: 1, pruned: undefined };
  const pruned = checkpoint && { upTo: checkpoint.sequence, atMs: checkpoint.prunedAtMs };
  const report = (fit: number, firstBrokenSequence?: number): ChainReport => ({
    chain,
    records: Math.max(0, fit - beginning.sequence),
    ok: firstBrokenSequence === undefined,
    firstBrokenSequence,
    pruned,
  });
  let position = beginning;
  let endsAsSaid = head.sequence === position.sequence && head.hash === position.hash;
  let after = BEFORE_ALL;
  for (;;) {
    const page = await reader.readChain(chain, after, PAGE_RECORDS);
    const verdict = verifyChain(page, link, position);
    if (!verdict.ok) return report(verdict.firstBrokenSequence - 1, verdict.firstBrokenSequence);
    endsAsSaid ||= page.some(({ sequence, hash }) => sequence === head.sequence && hash === head.hash);
    position = verdict.position;
    after = position.sequence;
    if (page.length === PAGE_RECORDS) continue;
    // Records may have been appended since the head was read; those up to the head were there.
    if (endsAsSaid) return report(position.sequence);
    const broken = position.sequence < head.sequence ? position.sequence + 1 : head.sequence;
    return report(Math.min(position.sequence, broken - 1), broken);
  }
}

/** Names of the process chains that the chain of changes says were begun. */
export async function begunChains(reader: Pick<AuditReader, 'readChain'>): Promise<string[]> {
  const names: string[] = [];
  let after = BEFORE_ALL;
  for (;;) {
    const page = await reader.readChain(CHANGES_CHAIN, after, PAGE_RECORDS);
    for (const { event, details } of page) {
      if (event === CHAIN_BEGUN && typeof details?.chain === 'string') names.push(details.chain);
    }
    if (page.length < PAGE_RECORDS) return names;
    after = page.at(-1)?.sequence ?? after;
  }
}

async function reportOnAll(
  reader: AuditReader,
  link: LinkAuditRecord,
  heads: readonly ChainHead[],
): Promise<ChainReport[]> {
  const reports: ChainReport[] = [];
  for (const head of heads) reports.push(await reportOn(reader, link, head));
  return reports;
}

/**
 * Checks every chain of the log from where it begins, a page at a time: altered, missing and foreign records, ends that
 * were cut off, beginnings that retention did not take away, chains that vanished whole and chains that nobody began.
 */
export async function verifyChains(reader: AuditReader, link: LinkAuditRecord): Promise<ChainReport[]> {
  for (let attempt = 1; ; attempt++) {
    // Before the names: a chain that was forgotten since they were read is no longer among the heads.
    const before = await reader.heads();
    const named = new Set([...(await begunChains(reader)), ...(await reader.chainsWithRecords())]);
    const heads = await reader.heads();
    const reports = await reportOnAll(reader, link, heads);
    for (const { chain } of heads) named.delete(chain);
    for (const chain of named) {
      reports.push({ chain, records: 0, ok: false, firstBrokenSequence: 1, pruned: undefined });
    }
    if (attempt === ATTEMPTS || reports.every(({ ok }) => ok)) return reports;
    const seals = new Map((await reader.heads()).map(({ chain, checkpoint }) => [chain, checkpoint?.seal]));
    const wasPruned = before.some(
      ({ chain, checkpoint }) => !seals.has(chain) || seals.get(chain) !== checkpoint?.seal,
    );
    if (!wasPruned) return reports;
  }
}
