import { describe, expect, it } from 'vitest';
import { createLookupAllowance } from '../../../src/customers/lookup-allowance.ts';
import { createLogger } from '../../../src/platform/logger.ts';
import { createTestClock } from '../../support/clock.ts';

describe('looking up who is behind identifiers', () => {
  const by = { actor: 'admin', address: '192.0.2.9' };

  it('is limited by identifiers in an hour, with a warning in the log before the limit', () => {
    const clock = createTestClock();
    const lines: string[] = [];
    const logger = createLogger('info', { write: (line) => lines.push(line) });
    const allowance = createLookupAllowance({ clock, logger, perHour: 10 });
    allowance.take(4, by);
    expect(lines).toEqual([]);
    allowance.take(2, by);
    expect(lines.join('')).toContain('customer.lookups_high');
    let refusal: unknown;
    try {
      allowance.take(5, by);
    } catch (error) {
      refusal = error;
    }
    expect(refusal).toMatchObject({ code: 'RATE_LIMITED', retryAfterSeconds: 3_600 });
    allowance.take(4, by);
    expect(() => allowance.take(1, by)).toThrow('in an hour');
    allowance.take(10, { actor: 'command-line' });
    clock.advance(3_600_000);
    allowance.take(10, by);
    expect(lines).toHaveLength(3);
  });
});
