import { describe, expect, it } from 'vitest';
import { createRevocations } from '../../../src/revocation/revocations.ts';
import { createStandings, type StandingChange, withStandings } from '../../../src/revocation/standings.ts';
import { createTestClock } from '../../support/clock.ts';

const merged = (customerId: string, into: string): StandingChange => ({
  customerId,
  standing: { state: 'merged', into, space: 'crm', sealedReference: 'sealed' },
});

function opened() {
  const changes: StandingChange[] = [];
  const standings = createStandings({
    store: {
      since: async (sequence) => ({ changes: changes.slice(sequence), sequence: changes.length }),
    },
  });
  const clock = createTestClock();
  const store = {
    add: async () => {},
    since: async (sequence: number) => ({ revocations: [], sequence }),
    prune: async () => 0,
  };
  const revocations = withStandings(createRevocations({ store, clock }), standings);
  return { changes, standings, revocations, nowMs: clock.nowMs() };
}

describe('what became of an identifier', () => {
  it('ends whatever an erased or disabled customer was issued, and nothing else, once it is read', async () => {
    const { changes, revocations, nowMs } = opened();
    changes.push({ customerId: 'gone', standing: { state: 'erased' } });
    changes.push({ customerId: 'shut', standing: { state: 'disabled' } });
    expect(revocations.isRevoked('customer', 'gone', nowMs)).toBe(false);
    await revocations.refresh();
    const revoked = (id: string, at = nowMs + 1e6) => revocations.isRevoked('customer', id, at);
    expect(['gone', 'shut', 'other'].map((id) => revoked(id))).toEqual([true, true, false]);
    expect(revocations.isRevoked('session', 'gone', nowMs)).toBe(false);
    changes.push({ customerId: 'shut', standing: undefined });
    await revocations.refresh();
    expect(revoked('shut')).toBe(false);
  });

  it('ends with a survivor what was issued under its other names', async () => {
    const { changes, standings, revocations, nowMs } = opened();
    changes.push(merged('old', 'new'), merged('older', 'new'));
    await revocations.refresh();
    expect([standings.present('old'), [...standings.aliasesOf('new')].sort()]).toEqual([
      'new',
      ['old', 'older'],
    ]);
    const id = 'new';
    await revocations.revoke([{ kind: 'customer', id, cutoffMs: nowMs, expiresAtMs: nowMs + 1_000 }]);
    expect(revocations.isRevoked('customer', 'old', nowMs)).toBe(true);
    expect(revocations.isRevoked('customer', 'old', nowMs + 1)).toBe(false);
    changes.push({ customerId: 'new', standing: { state: 'disabled' } });
    await revocations.refresh();
    expect([standings.present('old'), revocations.isRevoked('customer', 'old', nowMs + 1)]).toEqual([
      undefined,
      true,
    ]);
  });

  it('moves a name to another survivor, and off the list of the first', async () => {
    const { changes, standings } = opened();
    changes.push(merged('old', 'one'));
    await standings.refresh();
    changes.push(merged('old', 'two'));
    await standings.refresh();
    expect([standings.aliasesOf('one'), standings.aliasesOf('two')]).toEqual([[], ['old']]);
  });
});
