import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createMetrics } from '../../../src/platform/metrics.ts';
import { openAuditRetention } from '../../../src/service/audit-retention.ts';
import { closeAll, type Closer } from '../../../src/service/open-stores.ts';
import type { SqlStores } from '../../../src/stores/sql/sql-stores.ts';
import { linkAudit, openRooms, type Rooms } from '../fixture.ts';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;

describe('retention of the audit log in a process', () => {
  let rooms: Rooms;
  beforeEach(async () => {
    rooms = await openRooms();
    const startMs = rooms.clock.nowMs();
    const days = Array.from({ length: 60 }, (_, day) => startMs + day * DAY_MS);
    await rooms.stores.audit.append(
      'process/1',
      days.map((atMs) => ({ atMs, event: 'profile.read', outcome: 'success', actor: 'partner' })),
    );
    rooms.clock.advance(60 * DAY_MS);
  });
  afterEach(() => rooms.close());

  /** A process of its own; `look` is what its timer does. */
  function start(stores: Pick<SqlStores, 'audit' | 'auditRetention'> = rooms.stores) {
    const opened: Closer[] = [];
    const config = { audit: { retention_days: 30, refusals_per_address: 120 } };
    const { every } = openAuditRetention(
      { ...rooms, stores, config, linkAudit, metrics: createMetrics() },
      opened,
    );
    return { look: async () => every[0]?.run(), close: () => closeAll(opened) };
  }
  const kept = async () => (await rooms.stores.audit.readChain('process/1', 0, 100)).length;

  it('takes seven days in each hour through every restart, and goes on as soon as the hour is over', async () => {
    await start().look();
    expect(await kept()).toBe(53);
    rooms.clock.advance(HOUR_MS / 2);
    const restarted = start();
    await restarted.look();
    expect(await kept()).toBe(53);
    rooms.clock.advance(HOUR_MS / 2 - MINUTE_MS);
    await restarted.look();
    expect(await kept()).toBe(53);
    rooms.clock.advance(MINUTE_MS);
    await restarted.look();
    expect(await kept()).toBe(46);
  });

  it('is closed when the run under way has ended, which does not fail', async () => {
    const gate = Promise.withResolvers<void>();
    const { auditRetention } = rooms.stores;
    let open = true;
    const { look, close } = start({
      ...rooms.stores,
      auditRetention: {
        ...auditRetention,
        firstRecords: async () => {
          if (!open) throw new Error('the database is closed');
          await gate.promise;
          return auditRetention.firstRecords();
        },
      },
    });
    const looking = look();
    const closing = close().then(() => {
      open = false;
    });
    gate.resolve();
    await closing;
    await expect(looking).resolves.toBeUndefined();
  });
});
