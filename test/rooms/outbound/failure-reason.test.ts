import { expect, it } from 'vitest';
import { reasonSentence } from '../../../src/connections/failure-sentence.ts';
import { createFailureReport } from '../../../src/outbound/failure-reason.ts';
import { createLogger } from '../../../src/platform/logger.ts';
import { createTestClock } from '../../support/clock.ts';

it('an outage writes one line a second for each destination and reason', () => {
  const clock = createTestClock();
  const lines: string[] = [];
  const logger = createLogger('warn', { write: (line) => lines.push(line) });
  const report = createFailureReport({ clock, logger });
  const failure = { event: 'backend.failed', name: 'crm', reason: 'timeout', requestId: 'req-1' } as const;
  for (let i = 0; i < 100; i++) report(failure);
  expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
    { level: 'warn', event: 'backend.failed', backend: 'crm', reason: 'timeout', request_id: 'req-1' },
  ]);
  report({ ...failure, reason: 'status_404', status: 404 });
  report({ ...failure, name: 'billing' });
  report({ ...failure, event: 'authenticator.failed' });
  expect(lines).toHaveLength(4);
  clock.advance(1_000);
  report(failure);
  expect(lines).toHaveLength(5);
});

it('a reason is said in a sentence, and one that is not in the list names nothing', () => {
  expect(reasonSentence('status_404')).toContain('a wrong path answers the same');
  expect(reasonSentence('unreachable')).toBe('cannot be reached');
  expect(reasonSentence('constructor')).toBe('failed');
});
