import { describe, expect, it } from 'vitest';
import { verifyChain } from '../../src/audit/audit-chain.ts';
import type { AuditRecord } from '../../src/audit/audit-record.ts';
import { auditRecord, freshStores, inParallel, link, START_MS, type StoreEngine } from './store-fixture.ts';

const full: AuditRecord = {
  atMs: START_MS,
  event: 'profile.read',
  outcome: 'refused',
  actor: 'partner',
  partner: 'acme',
  clientId: 'client',
  keyPrefix: 'pk_live_ab',
  customerId: 'c1abc',
  channel: 'web',
  address: '192.0.2.1',
  requestId: 'request-1',
  reason: 'Grüße – 完',
  details: { zeta: 1, alpha: 'b', flag: true, share: 0.25 },
};

export function auditStoreSuite(engine: StoreEngine): void {
  describe('audit store', () => {
    const at = freshStores(engine);

    it('gives back every field of a record, linked', async () => {
      await at.stores.audit.append('process/1', [full, auditRecord('bare')]);
      await at.stores.audit.append('process/1', []);
      const records = await at.stores.audit.readChain('process/1', 0, 10);
      expect(records).toEqual([
        { ...full, chain: 'process/1', sequence: 1, hash: link('process/1', 1, '', full) },
        {
          ...auditRecord('bare'),
          chain: 'process/1',
          sequence: 2,
          hash: link('process/1', 2, records[0]?.hash as string, auditRecord('bare')),
        },
      ]);
    });

    it('links what can be read back, also where a text holds what a database cannot', async () => {
      const odd = { ...auditRecord('a\0b\ud800c'), details: { 'n\0\ud800': 'v\0\udfff', z: -0 } };
      await at.stores.audit.append('process/1', [odd]);
      const records = await at.stores.audit.readChain('process/1', 0, 10);
      expect(records[0]?.reason).toBe('a\ufffdb\ufffdc');
      expect(verifyChain(records, link).ok).toBe(true);
    });

    it('keeps one unbroken chain through two hundred appends at once', async () => {
      const { audit } = at.stores;
      await inParallel(200, (n) => audit.append('process/1', [auditRecord(`${n}.1`), auditRecord(`${n}.2`)]));
      const records = await audit.readChain('process/1', 0, 1_000);
      expect(verifyChain(records, link)).toMatchObject({ ok: true, position: { sequence: 400 } });
      expect(new Set(records.map((record) => record.reason)).size).toBe(400);
    });

    it('writes a long batch as one', async () => {
      const { audit } = at.stores;
      const batch = Array.from({ length: 1_050 }, (_, n) => auditRecord(`${n}`));
      await audit.append('process/1', batch);
      const records = await audit.readChain('process/1', 0, 2_000);
      expect(records.map((record) => record.reason)).toEqual(batch.map((record) => record.reason));
      expect(verifyChain(records, link).ok).toBe(true);
    });

    it('reads a chain page by page, and keeps chains apart', async () => {
      const { audit } = at.stores;
      await audit.append('b', [auditRecord('b1')]);
      await audit.append('a', [auditRecord('a1'), auditRecord('a2'), auditRecord('a3')]);
      expect((await audit.heads()).map(({ chain }) => chain)).toEqual(['a', 'b']);
      const page = async (after: number) =>
        (await audit.readChain('a', after, 2)).map((record) => record.reason);
      expect(await page(0)).toEqual(['a1', 'a2']);
      expect(await page(2)).toEqual(['a3']);
      expect(await page(3)).toEqual([]);
      expect(await audit.readChain('none', 0, 5)).toEqual([]);
    });

    it('finds records by chain, event, customer, request and time, newest first', async () => {
      const { audit } = at.stores;
      const later = { ...full, atMs: START_MS + 10, requestId: 'request-2', event: 'customer.traced' };
      await audit.append('a', [full, later]);
      await audit.append('b', [{ ...auditRecord('other'), atMs: START_MS + 5 }]);
      const moments = async (query: Parameters<typeof audit.list>[0]) =>
        (await audit.list(query)).map((record) => record.atMs - START_MS);
      expect(await moments({ limit: 10 })).toEqual([10, 5, 0]);
      expect(await moments({ limit: 2 })).toEqual([10, 5]);
      expect(await moments({ limit: 10, chain: 'a' })).toEqual([10, 0]);
      expect(await moments({ limit: 10, event: 'customer.traced' })).toEqual([10]);
      expect(await moments({ limit: 10, customerId: 'c1abc' })).toEqual([10, 0]);
      expect(await moments({ limit: 10, requestId: 'request-1' })).toEqual([0]);
      expect(await moments({ limit: 10, sinceMs: START_MS + 5 })).toEqual([10, 5]);
      expect(await moments({ limit: 10, customerId: 'c1\0' })).toEqual([]);
    });
  });
}
