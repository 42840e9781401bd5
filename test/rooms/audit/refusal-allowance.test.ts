import { describe, expect, it } from 'vitest';
import type { AuditRecord } from '../../../src/audit/audit-record.ts';
import { createRefusalAllowance } from '../../../src/audit/refusal-allowance.ts';
import { callerNetwork } from '../../../src/limits/caller-network.ts';
import { createTestClock } from '../../support/clock.ts';

function setUp(perMinute = 3) {
  const clock = createTestClock();
  return { clock, by: createRefusalAllowance({ perMinute, clock, networkOf: callerNetwork }) };
}

const refusal = (facts: Partial<AuditRecord> = {}): AuditRecord => ({
  atMs: 0,
  event: 'access.denied',
  outcome: 'refused',
  actor: 'customer',
  address: '192.0.2.1',
  reason: 'NOT_SIGNED_IN',
  ...facts,
});

describe('refusals that get records of their own', () => {
  it('are the first of a network in a minute, whatever addresses of it they come from', () => {
    const { by } = setUp();
    const admitted = Array.from({ length: 6 }, (_, n) =>
      by.admits(refusal({ address: `2001:db8:1:2::${n}` })),
    );
    expect(admitted).toEqual([true, true, true, false, false, false]);
    expect(by.admits(refusal({ address: '2001:db8:1:3::1' }))).toBe(true);
  });

  it('are as many again in the next minute', () => {
    const { by, clock } = setUp();
    for (let n = 0; n < 5; n++) by.admits(refusal());
    clock.advance(59_999);
    expect(by.admits(refusal())).toBe(false);
    clock.advance(1);
    expect(by.admits(refusal())).toBe(true);
  });

  it('are ten times as many for all networks together', () => {
    const { by, clock } = setUp();
    const from = (n: number) => by.admits(refusal({ address: `10.0.${n >> 8}.${n & 255}` }));
    const admitted = Array.from({ length: 5_000 }, (_, n) => from(n)).filter(Boolean);
    expect(admitted).toHaveLength(30);
    clock.advance(60_000);
    const told = by.summaries();
    // A thousand are told apart, the others in one.
    expect(told.length).toBeLessThanOrEqual(1_001);
    const counts = told.map(({ details }) => Number(details?.['count']));
    expect(counts.reduce((sum, one) => sum + one, 0)).toBe(5_000 - 30);
    expect(told.filter(({ address }) => address === undefined)).toHaveLength(1);
  });

  it('are all that succeed, that name no address, and all that an administrator does', () => {
    const { by } = setUp();
    for (let n = 0; n < 20; n++) {
      expect(by.admits(refusal({ outcome: 'success' }))).toBe(true);
      expect(by.admits(refusal({ address: undefined }))).toBe(true);
      expect(by.admits(refusal({ event: 'customer.login_tried', actor: 'admin:cli' }))).toBe(true);
    }
    for (let n = 0; n < 3; n++) expect(by.admits(refusal())).toBe(true);
    expect(by.admits(refusal({ actor: 'admin', reason: 'INVALID_ADMIN_TOKEN' }))).toBe(false);
  });
});

describe('the record of further refusals', () => {
  it('says how many of each kind came from where, once the minute is over', () => {
    const { by, clock } = setUp();
    for (let n = 0; n < 5; n++) by.admits(refusal());
    for (let n = 0; n < 4; n++)
      by.admits(refusal({ event: 'customer.authenticated', outcome: 'failed', reason: 'SIGN_IN_BUSY' }));
    expect(by.summaries()).toEqual([]);
    clock.advance(60_000);
    expect(by.summaries()).toEqual([
      {
        outcome: 'refused',
        actor: 'unknown',
        address: '192.0.2.1',
        details: { count: 6, seconds: 60, NOT_SIGNED_IN: 2, SIGN_IN_BUSY: 4 },
      },
    ]);
    expect(by.summaries()).toEqual([]);
  });

  it('is made for an unfinished minute when the service stops, and for none without further ones', () => {
    const { by } = setUp();
    for (let n = 0; n < 4; n++) by.admits(refusal());
    by.admits(refusal({ address: '192.0.2.2' }));
    expect(by.summaries(true)).toMatchObject([{ address: '192.0.2.1', details: { count: 1 } }]);
    expect(by.summaries(true)).toEqual([]);
  });
});
