import { sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sealCheckpoint } from '../../src/audit/audit-chain.ts';
import type { SqlEngine } from '../../src/stores/sql/sql-engine.ts';
import {
  broken,
  DAY_MS,
  days,
  happened,
  HOUR_MS,
  type House,
  link,
  moveTo,
  openHouse,
  reasons,
} from './audit-retention-fixture.ts';

/** How much of the log goes at a time, and when the next goes. */
export function auditRetentionPaceSuite(openEngine: () => Promise<SqlEngine>): void {
  describe('the pace of audit retention', () => {
    let house: House;
    const exec = (text: string) => sql.raw(text).execute(house.engine.db);

    beforeEach(async () => {
      house = await openHouse(await openEngine());
    });
    afterEach(() => house.engine.close());

    it('takes batch after batch, at most seven days of the log in one run', async () => {
      const many = days(0, 60).flatMap((day) => days(1, 100).map((n) => happened(day, `${day}.${n}`)));
      await house.audit.append('process/1', many);
      moveTo(house, 60);
      expect(await house.run()).toMatchObject({ records: 700 });
      expect((await reasons(house, 'process/1'))[0]).toBe('7.1');
      expect(await house.audit.list({ event: 'audit.pruned', limit: 50 })).toHaveLength(1);
      for (const left of [1600, 900, 200, 0]) {
        house.clock.advance(HOUR_MS);
        expect((await house.run()).records).toBe(Math.min(700, left + 700));
        expect(await broken(house)).toEqual([]);
        if (left === 200) break;
      }
      house.clock.advance(HOUR_MS);
      expect(await house.run()).toMatchObject({ records: 200, more: false });
      expect((await reasons(house, 'process/1'))[0]).toBe('30.1');
    });

    it('takes at most seven days in an hour, however many processes look and however often they start', async () => {
      for (const chain of ['process/1', 'process/2']) {
        await house.audit.append(
          chain,
          days(0, 90).map((day) => happened(day)),
        );
      }
      moveTo(house, 90);
      const afresh = () => house.process(async (first) => first).run();
      for (let hour = 1; hour <= 3; hour++) {
        const runs = await Promise.all([house.run(), house.otherRun(), afresh(), afresh()]);
        runs.push(await house.run(), await afresh());
        expect(runs.reduce((sum, { records }) => sum + records, 0)).toBe(14);
        expect(runs.at(-1)).toMatchObject({
          more: true,
          waitsUntilMs: house.clock.nowMs() + HOUR_MS,
          held: false,
          refused: [],
        });
        expect((await reasons(house, 'process/1'))[0]).toBe(`day ${hour * 7}`);
        house.clock.advance(HOUR_MS - 1);
        expect(await afresh()).toMatchObject({ records: 0 });
        house.clock.advance(1);
      }
      expect(await broken(house)).toEqual([]);
    });

    it('takes no second helping on the word of chains as they stood before another process took its own', async () => {
      await house.audit.append(
        'process/1',
        days(0, 90).map((day) => happened(day)),
      );
      await house.audit.append(
        'process/2',
        days(6, 90).map((day) => happened(day)),
      );
      moveTo(house, 90);
      let looks = 0;
      const late = house.process(async (first) => {
        if (looks++ === 0) await house.run();
        return first;
      });
      expect(await late.run()).toMatchObject({ records: 0, more: true });
      expect((await reasons(house, 'process/2'))[0]).toBe('day 7');
    });

    it('takes more at once when a person asks, and by itself an hour after that', async () => {
      await house.audit.append(
        'process/1',
        days(0, 90).map((day) => happened(day)),
      );
      moveTo(house, 90);
      await house.run();
      expect(await house.runNow()).toMatchObject({ records: 7, more: true, waitsUntilMs: undefined });
      house.clock.advance(HOUR_MS / 2);
      expect(await house.runNow()).toMatchObject({ records: 7 });
      house.clock.advance(HOUR_MS / 2);
      expect(await house.run()).toMatchObject({ records: 0 });
      house.clock.advance(HOUR_MS / 2);
      expect(await house.otherRun()).toMatchObject({ records: 7 });
    });

    it('does not wait for a moment that nobody sealed, nor for one of a clock that ran far ahead', async () => {
      await house.audit.append(
        'process/1',
        days(0, 90).map((day) => happened(day)),
      );
      await house.audit.append('process/2', [happened(0), happened(90)]);
      moveTo(house, 90);
      await house.run();
      const { checkpoint } = (await house.audit.heads()).find(({ chain }) => chain === 'process/2') ?? {};
      house.clock.advance(HOUR_MS);
      const nowMs = house.clock.nowMs();
      await exec(`update audit_chains set pruned_at_ms = ${nowMs} where chain = 'process/2'`);
      expect(await house.run()).toMatchObject({ records: 7 });
      const ahead = {
        ...checkpoint,
        sequence: 1,
        hash: checkpoint?.hash ?? '',
        prunedAtMs: nowMs + 8 * DAY_MS,
      };
      await exec(`update audit_chains set pruned_at_ms = ${ahead.prunedAtMs},
        pruned_seal = '${sealCheckpoint(link, 'process/2', ahead)}' where chain = 'process/2'`);
      house.clock.advance(HOUR_MS);
      expect(await house.run()).toMatchObject({ records: 7 });
      house.clock.advance(2 * DAY_MS);
      expect(await house.run()).toMatchObject({ records: 0, waitsUntilMs: ahead.prunedAtMs + HOUR_MS });
    });

    it('is stopped once the run under way has ended after its batch, and begins no other', async () => {
      await house.audit.append(
        'process/1',
        days(0, 4).flatMap((day) => days(1, 100).map((n) => happened(day, `${day}.${n}`))),
      );
      await house.audit.append(
        'process/2',
        days(0, 40).map((day) => happened(day)),
      );
      moveTo(house, 35);
      const order: string[] = [];
      let looks = 0;
      const stopping = house.process(async (first) => {
        if (looks++ === 0) void stopping.stop().then(() => order.push('stopped'));
        return first;
      });
      await stopping.run().then(() => order.push('ended'));
      await stopping.stop();
      expect(order).toEqual(['ended', 'stopped']);
      expect(await reasons(house, 'process/1')).toHaveLength(500);
      const looksBefore = looks;
      expect(await stopping.run()).toMatchObject({ records: 0 });
      expect(looks).toBe(looksBefore);
    });
  });
}
