import { createSecretKey } from 'node:crypto';
import { Readable } from 'node:stream';
import * as fc from 'fast-check';
import { sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createAuditLink, sealCheckpoint, verifyChains } from '../../src/audit/audit-chain.ts';
import { CHAIN_BEGUN, CHANGES_CHAIN } from '../../src/audit/audit-record.ts';
import { readMove, writeMove } from '../../src/stores/sql/move-data.ts';
import type { SqlEngine } from '../../src/stores/sql/sql-engine.ts';
import {
  broken,
  DAY_MS,
  days,
  happened,
  HOUR_MS,
  type House,
  KEPT_DAYS,
  link,
  moveTo,
  openHouse,
  reasons,
  START_MS,
} from './audit-retention-fixture.ts';

export function auditRetentionSuite(openEngine: () => Promise<SqlEngine>): void {
  describe('audit retention', () => {
    let house: House;
    const exec = (text: string) => sql.raw(text).execute(house.engine.db);
    const row = async (chain: string) =>
      (await house.audit.heads()).find((head) => head.chain === chain)?.checkpoint;

    beforeEach(async () => {
      house = await openHouse(await openEngine());
    });
    afterEach(() => house.engine.close());

    it('keeps whole days: nothing younger than the days that were set goes, and the day before goes whole', async () => {
      await house.audit.append(
        'process/1',
        days(0, 40).map((day) => happened(day)),
      );
      moveTo(house, 35);
      expect(await house.run()).toMatchObject({ records: 5, held: false, refused: [] });
      expect((await reasons(house, 'process/1'))[0]).toBe('day 5');
      expect(await house.run()).toMatchObject({ records: 0 });
      expect(await broken(house)).toEqual([]);
    });

    it('says in the log what was taken, up to which record and moment', async () => {
      await house.audit.append(
        'process/1',
        days(0, 40).map((day) => happened(day)),
      );
      moveTo(house, 35);
      await house.run();
      const [told] = await house.audit.list({ event: 'audit.pruned', limit: 5 });
      expect(told).toMatchObject({
        chain: CHANGES_CHAIN,
        actor: 'system',
        details: { chain: 'process/1', up_to: 5, before: '2026-01-06T00:00:00.000Z' },
      });
      const report = (await verifyChains(house.audit, link)).find(({ chain }) => chain === 'process/1');
      expect(report).toMatchObject({ records: 36, ok: true, pruned: { upTo: 5, atMs: house.clock.nowMs() } });
    });

    it('goes on appending and verifying after a chain was taken whole', async () => {
      await house.audit.append('process/1', [happened(0), happened(1)]);
      await house.audit.append(
        'process/2',
        days(2, 40).map((day) => happened(day)),
      );
      moveTo(house, 40);
      await house.run();
      expect(await reasons(house, 'process/1')).toEqual([]);
      await house.audit.append('process/1', [happened(40, 'again')]);
      const [record] = await house.audit.readChain('process/1', 0, 5);
      expect(record).toMatchObject({ sequence: 3, reason: 'again' });
      expect(await broken(house)).toEqual([]);
    });

    it('is the same done by several processes at once, beside processes that append', async () => {
      await house.audit.append(
        'process/1',
        days(0, 40).flatMap((day) => [happened(day), happened(day)]),
      );
      await house.audit.append(
        CHANGES_CHAIN,
        days(0, 40).map((day) => happened(day)),
      );
      moveTo(house, 37);
      const runs = [house.run(), house.otherRun(), house.run(), house.otherRun()];
      const appends = days(1, 20).flatMap((n) => [
        house.audit.append('process/1', [happened(37, `${n}`)]),
        house.audit.append(CHANGES_CHAIN, [happened(37, `${n}`)]),
      ]);
      const taken = (await Promise.all(runs)).map(({ records }) => records);
      await Promise.all(appends);
      expect(taken.reduce((sum, one) => sum + one, 0)).toBe(21);
      expect(await broken(house)).toEqual([]);
    });

    it('holds while the log does not bear the clock out, and takes nothing', async () => {
      await house.audit.append(
        'process/1',
        days(0, 20).map((day) => happened(day)),
      );
      moveTo(house, 20);
      house.clock.jump(400 * DAY_MS);
      for (let day = 0; day < 28; day++) {
        expect(await house.run()).toMatchObject({ records: 0, held: true });
        house.clock.advance(DAY_MS);
      }
      expect(await reasons(house, 'process/1')).toHaveLength(21);
      expect(await broken(house)).toEqual([]);
      // The clock was right after all: four weeks of quiet days are in the log by now.
      expect(await house.run()).toMatchObject({ held: false, records: 7 });
    });

    it('keeps a chain that is not as it was written, and takes the others', async () => {
      for (const chain of ['process/1', 'process/2']) {
        await house.audit.append(
          chain,
          days(0, 40).map((day) => happened(day)),
        );
      }
      await exec("update audit_records set reason = 'other' where chain = 'process/1' and sequence = 3");
      moveTo(house, 35);
      expect(await house.run()).toMatchObject({ records: 5, refused: ['process/1'] });
      expect(await reasons(house, 'process/1')).toHaveLength(41);
      expect(await broken(house)).toEqual([['process/1', 3]]);
    });

    it('names a chain again that outlives the record of its beginning, so that it is missed when it vanishes', async () => {
      const begun = { ...happened(0), event: CHAIN_BEGUN, details: { chain: 'process/1' } };
      await house.audit.append(CHANGES_CHAIN, [begun]);
      await house.audit.append(
        'process/1',
        days(0, 40).map((day) => happened(day)),
      );
      moveTo(house, 33);
      await house.run();
      expect(await reasons(house, CHANGES_CHAIN)).not.toContain('day 0');
      expect(await broken(house)).toEqual([]);
      await exec("delete from audit_records where chain = 'process/1'");
      await exec("delete from audit_chains where chain = 'process/1'");
      expect(await broken(house)).toEqual([['process/1', 1]]);
      moveTo(house, 90);
      await house.audit.append(
        'process/2',
        days(60, 90).map((day) => happened(day)),
      );
      for (let n = 0; n < 9; n++) {
        expect(await house.run()).toMatchObject({ held: false });
        house.clock.advance(HOUR_MS);
      }
      expect(await broken(house)).toEqual([['process/1', 1]]);
    });

    it('does not forget a chain while the record of its beginning stands', async () => {
      const begun = { ...happened(0), event: CHAIN_BEGUN, details: { chain: 'process/1' } };
      await house.audit.append('process/1', [happened(0)]);
      await house.audit.append(CHANGES_CHAIN, [begun]);
      await house.audit.append(
        'process/2',
        days(0, 100).map((day) => happened(day)),
      );
      await exec("update audit_records set reason = 'other' where chain = 'changes'");
      for (const day of [32, ...days(90, 100)]) {
        moveTo(house, day);
        expect(await house.run()).toMatchObject({ refused: [CHANGES_CHAIN], held: false });
      }
      expect(await broken(house)).toEqual([[CHANGES_CHAIN, 1]]);
    });

    it('does not forget a chain while the record of its beginning stands behind one of a clock that ran ahead', async () => {
      const ahead = { ...happened(200), event: 'audit.quiet_day' };
      const begun = { ...happened(0), event: CHAIN_BEGUN, details: { chain: 'process/1' } };
      await house.audit.append('process/1', [happened(0)]);
      await house.audit.append(CHANGES_CHAIN, [ahead, begun]);
      await house.audit.append(
        'process/2',
        days(0, 100).map((day) => happened(day)),
      );
      for (const day of [32, ...days(90, 100)]) {
        moveTo(house, day);
        expect(await house.run()).toMatchObject({ held: false, refused: [] });
      }
      expect(await broken(house)).toEqual([]);
    });

    it('is no change to somebody who verifies meanwhile', async () => {
      for (const chain of ['process/1', 'process/2']) {
        await house.audit.append(
          chain,
          days(0, 40).map((day) => happened(day)),
        );
      }
      moveTo(house, 35);
      let runs = 0;
      const readChain: typeof house.audit.readChain = async (chain, ...where) => {
        if (chain === 'process/1' && runs++ === 0) await house.run();
        return house.audit.readChain(chain, ...where);
      };
      const reports = await verifyChains({ ...house.audit, readChain }, link);
      expect(reports.map(({ ok, pruned }) => [ok, pruned?.upTo])).toEqual([
        [true, undefined],
        [true, 5],
        [true, 5],
      ]);
    });

    it('forgets a chain once it has been empty for as long as records are kept', async () => {
      const begun = { ...happened(0), event: CHAIN_BEGUN, details: { chain: 'process/1' } };
      await house.audit.append('process/1', [happened(0)]);
      await house.audit.append(CHANGES_CHAIN, [begun, begun]);
      await house.audit.append(
        'process/2',
        days(0, 100).map((day) => happened(day)),
      );
      moveTo(house, 32);
      await house.run();
      expect((await house.audit.heads()).map(({ chain }) => chain)).toContain('process/1');
      for (const day of days(33, 70)) {
        moveTo(house, day);
        await house.run();
        expect(await broken(house)).toEqual([]);
      }
      expect((await house.audit.heads()).map(({ chain }) => chain)).toEqual([CHANGES_CHAIN, 'process/2']);
    });

    it('is no change to somebody who has read the names when a chain is forgotten', async () => {
      // Named again shortly before it was emptied: what speaks of it goes in the run that forgets it.
      const begun = { ...happened(30), event: CHAIN_BEGUN, details: { chain: 'process/1' } };
      await house.audit.append('process/1', [happened(0)]);
      await house.audit.append(CHANGES_CHAIN, [begun]);
      await house.audit.append(
        'process/2',
        days(0, 100).map((day) => happened(day)),
      );
      moveTo(house, 32);
      await house.run();
      moveTo(house, 91);
      for (let hour = 1; hour <= 4; hour++) {
        await house.run();
        house.clock.advance(HOUR_MS);
      }
      const heads = async () => (await house.audit.heads()).map(({ chain }) => chain);
      expect(await heads()).toContain('process/1');
      let reads = 0;
      const readChain: typeof house.audit.readChain = async (chain, ...where) => {
        const page = await house.audit.readChain(chain, ...where);
        if (chain === CHANGES_CHAIN && reads++ === 0) await house.run();
        return page;
      };
      const reports = await verifyChains({ ...house.audit, readChain }, link);
      expect(await heads()).not.toContain('process/1');
      expect(reports.filter(({ ok }) => !ok)).toEqual([]);
    });

    it('moves to another database with what it says was taken', async () => {
      await house.audit.append(
        'process/1',
        days(0, 40).map((day) => happened(day)),
      );
      moveTo(house, 35);
      await house.run();
      const lines: string[] = [];
      const writeLine = async (line: string) => void lines.push(line.trimEnd());
      await writeMove(house.engine.migrationDb, writeLine, { lastingOnly: true, nowMs: 0 });
      const other = await openHouse(await openEngine());
      try {
        await readMove(other.engine.migrationDb, Readable.from(lines), { beforeCommit: async () => {} });
        expect(await verifyChains(other.audit, link)).toEqual(await verifyChains(house.audit, link));
        other.clock.advance(house.clock.nowMs() + DAY_MS - other.clock.nowMs());
        expect(await other.run()).toMatchObject({ records: 1, refused: [] });
        expect(await broken(other)).toEqual([]);
      } finally {
        await other.engine.close();
      }
    });

    describe('shows what somebody did who has the database and not the key:', () => {
      beforeEach(async () => {
        for (const chain of ['process/1', 'process/2']) {
          await house.audit.append(
            chain,
            days(0, 45).map((day) => happened(day)),
          );
        }
        moveTo(house, 35);
        await house.run();
        expect(await row('process/1')).toMatchObject({ sequence: 5 });
      });

      it('history cut further than retention did', async () => {
        await exec("delete from audit_records where chain = 'process/1' and sequence <= 9");
        expect(await broken(house)).toEqual([['process/1', 6]]);
        const [tenth] = await house.audit.readChain('process/1', 0, 1);
        const { rows } = await sql<{ hash: string }>`select hash from audit_records
          where chain = 'process/1' and sequence = 10`.execute(house.engine.db);
        expect(tenth?.hash).toBe(rows[0]?.hash);
        await exec("update audit_chains set pruned_sequence = 9 where chain = 'process/1'");
        expect(await broken(house)).toEqual([['process/1', 1]]);
      });

      it('the checkpoint taken away, or one of its parts', async () => {
        for (const part of ['pruned_hash', 'pruned_at_ms', 'pruned_seal', 'pruned_sequence']) {
          await exec('create table kept as select * from audit_chains');
          await exec(`update audit_chains set ${part} = null where chain = 'process/1'`);
          expect(await broken(house)).toEqual([['process/1', 1]]);
          await exec('delete from audit_chains');
          await exec('insert into audit_chains select * from kept');
          await exec('drop table kept');
          expect(await broken(house)).toEqual([]);
        }
      });

      it('the checkpoint of another chain', async () => {
        const other = await row('process/2');
        await exec(`update audit_chains set pruned_seal = '${other?.seal}', pruned_hash = '${other?.hash}'
          where chain = 'process/1'`);
        expect(await broken(house)).toEqual([['process/1', 1]]);
      });

      it('an older checkpoint put back', async () => {
        await exec('create table kept as select * from audit_chains');
        moveTo(house, 40);
        await house.run();
        await exec("delete from audit_chains where chain = 'process/1'");
        await exec("insert into audit_chains select * from kept where chain = 'process/1'");
        expect(await broken(house)).toEqual([['process/1', 6]]);
      });

      it('a record put before the beginning, one without a chain, one numbered below one', async () => {
        const copy = (chain: string, sequence: number) =>
          exec(`insert into audit_records (chain, sequence, hash, at_ms, event, outcome, actor)
            select '${chain}', ${sequence}, hash, at_ms, event, outcome, actor from audit_records
            where chain = 'process/1' and sequence = 6`);
        await copy('process/1', 2);
        await copy('process/2', -1);
        await copy('process/3', 1);
        expect(await broken(house)).toEqual([
          ['process/1', 6],
          ['process/2', 6],
          ['process/3', 1],
        ]);
        moveTo(house, 36);
        expect((await house.run()).refused).toEqual(['process/1', 'process/2']);
      });

      it('the newest end moved to where it was not', async () => {
        await exec("update audit_chains set sequence = 5 where chain = 'process/1'");
        await exec("update audit_chains set hash = 'other' where chain = 'process/2'");
        expect(await broken(house)).toEqual([
          ['process/1', 5],
          ['process/2', 46],
        ]);
        moveTo(house, 36);
        expect((await house.run()).refused).toEqual(['process/1']);
        for (const day of days(37, 120)) {
          moveTo(house, day);
          await house.run();
        }
        expect(await broken(house)).toEqual([
          ['process/1', 5],
          ['process/2', 46],
        ]);
      });

      it('a checkpoint sealed under another key', async () => {
        const stranger = createAuditLink(createSecretKey(Buffer.alloc(32, 8)));
        const { rows } = await sql<{ hash: string }>`select hash from audit_records
          where chain = 'process/1' and sequence = 9`.execute(house.engine.db);
        const forged = { sequence: 9, hash: rows[0]?.hash as string, prunedAtMs: house.clock.nowMs() };
        const seal = sealCheckpoint(stranger, 'process/1', forged);
        await exec("delete from audit_records where chain = 'process/1' and sequence <= 9");
        await exec(`update audit_chains set pruned_sequence = 9, pruned_hash = '${forged.hash}',
          pruned_seal = '${seal}' where chain = 'process/1'`);
        expect(await broken(house)).toEqual([['process/1', 1]]);
      });
    });

    it('leaves a chain that verifies, whatever was taken, and any change before or after it shows', async () => {
      const plan = fc.record({
        perDay: fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 36, maxLength: 36 }),
        today: fc.integer({ min: 31, max: 36 }),
        tamper: fc.constantFrom('nothing', 'remove', 'alter', 'move', 'end', 'unseal'),
        where: fc.nat(),
      });
      await fc.assert(
        fc.asyncProperty(plan, async ({ perDay, today, tamper, where }) => {
          await exec('delete from audit_records');
          await exec('delete from audit_chains');
          house.clock.advance(START_MS - house.clock.nowMs());
          const records = perDay.flatMap((count, day) => Array.from({ length: count }, () => happened(day)));
          await house.audit.append('process/1', records);
          await house.audit.append(
            'process/0',
            days(0, 36).map((day) => happened(day)),
          );
          moveTo(house, today);
          await house.run();
          const gone = records.filter(({ atMs }) => atMs < START_MS + (today - KEPT_DAYS) * DAY_MS).length;
          expect(await reasons(house, 'process/1')).toHaveLength(records.length - gone);
          expect(await broken(house)).toEqual([]);
          const left = records.length - gone;
          if (tamper === 'nothing' || left === 0) return;
          const at = gone + 1 + (where % left);
          const there = `where chain = 'process/1' and sequence = ${at}`;
          if (tamper === 'remove') await exec(`delete from audit_records ${there}`);
          if (tamper === 'alter') await exec(`update audit_records set at_ms = at_ms + 1 ${there}`);
          if (tamper === 'move') await exec(`update audit_records set sequence = sequence + 1000 ${there}`);
          if (tamper === 'end')
            await exec("update audit_chains set sequence = sequence + 1 where chain = 'process/1'");
          if (tamper === 'unseal')
            await exec(`update audit_chains set pruned_sequence = coalesce(pruned_sequence, 0) + 1
              where chain = 'process/1'`);
          expect((await broken(house)).map(([chain]) => chain)).toEqual(['process/1']);
        }),
        { numRuns: 40 },
      );
    });
  });
}
