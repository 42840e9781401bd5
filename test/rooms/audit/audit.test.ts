import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Audit, createAudit } from '../../../src/audit/audit.ts';
import type { AuditRecord, AuditStore } from '../../../src/audit/audit-record.ts';
import { createLogger } from '../../../src/platform/logger.ts';
import { createMetrics } from '../../../src/platform/metrics.ts';
import { createTestClock } from '../../support/clock.ts';

/** As many as the queue holds. */
const ROOM = 100_000;
const FACTS = { outcome: 'success', actor: 'partner' } as const;

let written: (string | undefined)[];
let lines: { event: string; count?: number }[];
/** What the store does before it appends. */
let before: () => Promise<void> | void;
let audit: Audit;
let events: number;

beforeEach(() => {
  events = 0;
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  written = [];
  lines = [];
  before = () => {};
  const store: Pick<AuditStore, 'append'> = {
    append: async (chain: string, records: readonly AuditRecord[]) => {
      await before();
      if (chain !== 'changes') written.push(...records.map(({ requestId }) => requestId));
    },
  };
  const sink = { write: (line: string) => lines.push(JSON.parse(line) as (typeof lines)[number]) };
  audit = createAudit({
    store: store as AuditStore,
    clock: createTestClock(),
    logger: createLogger('error', sink),
    metrics: createMetrics(),
    instance: 'test',
  });
});
afterEach(() => {
  vi.useRealTimers();
});

/** Makes events with the request ids r0, r1, r2 … */
function happen(times: number): void {
  for (let i = 0; i < times; i++) audit.event('profile.read', { ...FACTS, requestId: `r${events++}` });
}

describe('records that wait', () => {
  it('are written in order, those that join a write that is under way too', async () => {
    happen(3);
    before = () => {
      before = () => {};
      happen(2);
    };
    await audit.flush();
    expect(written).toEqual(['r0', 'r1', 'r2']);
    await vi.advanceTimersByTimeAsync(100);
    expect(written).toEqual(['r0', 'r1', 'r2', 'r3', 'r4']);
  });

  it('keep nobody waiting who asks for those that there are, however many more come', async () => {
    happen(1);
    before = () => happen(1);
    await audit.flush();
    expect(written).toEqual(['r0']);
  });

  it('of two who ask at once are written for both', async () => {
    happen(1);
    const first = audit.flush();
    happen(1);
    await audit.flush();
    expect(written).toEqual(['r0', 'r1']);
    await first;
  });

  it('are tried again by themselves after a flush that failed', async () => {
    happen(1);
    before = () => {
      throw new Error('away');
    };
    await expect(audit.flush()).rejects.toThrow('away');
    before = () => {};
    await vi.advanceTimersByTimeAsync(1_000);
    expect(written).toEqual(['r0']);
  });

  it('beyond what there is room for push out the oldest that nobody is writing, and no other', async () => {
    const asked = Promise.withResolvers<void>();
    const answered = Promise.withResolvers<void>();
    before = () => {
      asked.resolve();
      return answered.promise;
    };
    happen(1_500);
    const flushed = audit.flush();
    await asked.promise;
    happen(ROOM - 1_500 + 10);
    answered.resolve();
    await flushed;
    await audit.flush();
    const pushedOut = Array.from({ length: 10 }, (_, i) => `r${100 + i}`);
    const missing = new Set(Array.from({ length: ROOM + 10 }, (_, i) => `r${i}`));
    for (const id of written) missing.delete(id as string);
    expect([...missing]).toEqual(pushedOut);
    expect(written).toHaveLength(ROOM);
    expect(lines.filter(({ event }) => event === 'audit.overflow').map(({ count }) => count)).toEqual([
      1, 10,
    ]);
  });
});

describe('a closed log', () => {
  it('has written what was there', async () => {
    happen(2);
    await audit.close();
    expect(written).toEqual(['r0', 'r1']);
  });

  it('tries nothing again, also when it could not write', async () => {
    happen(1);
    before = () => {
      throw new Error('away');
    };
    await audit.close();
    happen(1);
    expect(vi.getTimerCount()).toBe(0);
    expect(lines.map(({ event }) => event)).toEqual(['audit.write_failed']);
  });
});
