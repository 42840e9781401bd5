import { createSecretKey } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CHAIN_START, createAuditLink, verifyChain } from '../../../src/audit/audit-chain.ts';
import type { AuditRecord, ChainedAuditRecord } from '../../../src/audit/audit-record.ts';

const link = createAuditLink(createSecretKey(Buffer.alloc(32, 1)));

const record: AuditRecord = {
  atMs: 1_790_000_000_000,
  event: 'profile.read',
  outcome: 'success',
  actor: 'partner',
  partner: 'acme',
  reason: 'why',
  details: { sources: 2, backend: 'crm' },
};

function chainOf(records: readonly AuditRecord[], chain = 'changes'): ChainedAuditRecord[] {
  let hash = '';
  return records.map((entry, index) => {
    hash = link(chain, index + 1, hash, entry);
    return { ...entry, chain, sequence: index + 1, hash };
  });
}

const five = chainOf([1, 2, 3, 4, 5].map((n) => ({ ...record, reason: `reason ${n}` })));

/** Members in one order, without those that are undefined: equal for equal records. */
function sorted(entry: AuditRecord): unknown {
  const inOrder = (members: object) =>
    Object.entries(members)
      .filter(([, value]) => value !== undefined)
      .toSorted(([a], [b]) => (a < b ? -1 : 1));
  return inOrder({ ...entry, details: entry.details && inOrder(entry.details) });
}

const text = fc.string({ unit: 'grapheme', maxLength: 12 });
const optionalText = fc.option(text, { nil: undefined });
const anyRecord: fc.Arbitrary<AuditRecord> = fc.record({
  atMs: fc.nat(),
  event: text,
  outcome: fc.constantFrom('success', 'refused', 'failed'),
  actor: text,
  partner: optionalText,
  clientId: optionalText,
  keyPrefix: optionalText,
  customerId: optionalText,
  channel: optionalText,
  address: optionalText,
  requestId: optionalText,
  reason: optionalText,
  details: fc.option(fc.dictionary(text, fc.oneof(text, fc.integer(), fc.boolean()), { maxKeys: 3 }), {
    nil: undefined,
  }),
});

describe('the audit chain', () => {
  it('verifies as it was written, in one piece or page by page', () => {
    expect(verifyChain(five, link)).toEqual({ ok: true, position: { sequence: 5, hash: five[4]?.hash } });
    const first = verifyChain(five.slice(0, 2), link);
    expect(first).toMatchObject({ ok: true, position: { sequence: 2 } });
    if (!first.ok) return;
    expect(verifyChain(five.slice(2), link, first.position)).toEqual(verifyChain(five, link));
    expect(verifyChain([], link)).toEqual({ ok: true, position: CHAIN_START });
  });

  it.each(['atMs', 'event', 'outcome', 'actor', 'partner', 'reason', 'hash'] as const)(
    'shows that %s of a record was altered',
    (field) => {
      const altered = five.map((entry, index) =>
        index === 2 ? { ...entry, [field]: field === 'atMs' ? 1 : 'other' } : entry,
      );
      expect(verifyChain(altered, link)).toEqual({ ok: false, firstBrokenSequence: 3, reason: 'altered' });
    },
  );

  it('shows that details were altered, added or taken away', () => {
    const others: AuditRecord['details'][] = [
      undefined,
      {},
      { sources: 3, backend: 'crm' },
      { sources: '2', backend: 'crm' },
    ];
    for (const details of others) {
      const altered = five.map((entry, index) => (index === 0 ? { ...entry, details } : entry));
      expect(verifyChain(altered, link)).toMatchObject({ ok: false, firstBrokenSequence: 1 });
    }
  });

  it('shows that a record was dropped, moved or put in', () => {
    const missing = { ok: false, firstBrokenSequence: 2, reason: 'missing' };
    expect(verifyChain(five.toSpliced(1, 1), link)).toEqual(missing);
    expect(verifyChain(five.slice(1), link)).toEqual({ ...missing, firstBrokenSequence: 1 });
    const swapped = five.map((entry, index) => ({
      ...(five[[0, 2, 1, 3, 4][index] as number] ?? entry),
      sequence: index + 1,
    }));
    expect(verifyChain(swapped, link)).toEqual({ ok: false, firstBrokenSequence: 2, reason: 'altered' });
    const renumbered = five.toSpliced(1, 1).map((entry, index) => ({ ...entry, sequence: index + 1 }));
    expect(verifyChain(renumbered, link)).toEqual({ ok: false, firstBrokenSequence: 2, reason: 'altered' });
  });

  it('shows a record of another chain, even where that chain is sound', () => {
    const other = chainOf(five, 'process/1');
    expect(verifyChain([five[0], other[1]] as ChainedAuditRecord[], link)).toEqual({
      ok: false,
      firstBrokenSequence: 2,
      reason: 'foreign',
    });
    const renamed = five.map((entry) => ({ ...entry, chain: 'process/1' }));
    expect(verifyChain(renamed, link)).toMatchObject({
      ok: false,
      firstBrokenSequence: 1,
      reason: 'altered',
    });
  });

  it('cannot be rebuilt without the key', () => {
    const stranger = createAuditLink(createSecretKey(Buffer.alloc(32, 2)));
    expect(verifyChain(five, stranger)).toMatchObject({ ok: false, firstBrokenSequence: 1 });
  });

  it('gives different records different hashes, and equal ones the same whatever their order', () => {
    fc.assert(
      fc.property(anyRecord, anyRecord, (a, b) => {
        const reordered = Object.fromEntries(Object.entries(a).reverse()) as unknown as AuditRecord;
        if (a.details) reordered.details = Object.fromEntries(Object.entries(a.details).reverse());
        expect(link('c', 1, '', reordered)).toBe(link('c', 1, '', a));
        const same = JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));
        expect(link('c', 1, '', a) === link('c', 1, '', b)).toBe(same);
      }),
      { numRuns: 300 },
    );
    expect(link('c', 1, '', { ...record, partner: 'a', clientId: undefined })).not.toBe(
      link('c', 1, '', { ...record, partner: undefined, clientId: 'a' }),
    );
    expect(link('c', 1, '', { ...record, partner: '' })).not.toBe(
      link('c', 1, '', { ...record, partner: undefined }),
    );
  });
});
