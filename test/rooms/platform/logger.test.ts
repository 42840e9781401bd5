import { describe, expect, it } from 'vitest';
import { createLogger, describeError } from '../../../src/platform/logger.ts';

function recorder() {
  const lines: string[] = [];
  return { lines, logger: createLogger('debug', { write: (line) => lines.push(line) }) };
}

describe('the log', () => {
  it('drops every field that is not on its list', () => {
    const { lines, logger } = recorder();
    const fields = { event: 'x', password: 'p-4711', authorization: 'Bearer t', channel: 'web' };
    logger.log('info', fields);
    expect(Object.keys(JSON.parse(lines[0] as string) as object).sort()).toEqual([
      'channel',
      'event',
      'level',
      'time',
    ]);
  });

  it('writes one line per event: control characters of a value cannot start another', () => {
    const { lines, logger } = recorder();
    logger.log('warn', { event: 'x', reason: 'a\n{"level":"info","event":"forged"}\r\u2028\u0000b' });
    expect(lines).toHaveLength(1);
    expect((lines[0] as string).trimEnd()).not.toMatch(/[\n\r\0]/);
    expect((JSON.parse(lines[0] as string) as { event: string }).event).toBe('x');
  });

  it('cuts long values', () => {
    const { lines, logger } = recorder();
    logger.log('info', { event: 'x', reason: 'r'.repeat(100_000) });
    expect((lines[0] as string).length).toBeLessThan(500);
  });

  it('writes time in UTC', () => {
    const { lines, logger } = recorder();
    logger.log('info', { event: 'x' });
    expect((JSON.parse(lines[0] as string) as { time: string }).time).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  });

  it('tells of an unexpected error by its type, code and place, never by its message', () => {
    const { lines, logger } = recorder();
    const error = Object.assign(new TypeError('cannot read Bearer sk_live_secret'), { code: 'E_X' });
    logger.unexpected('x.failed', error);
    expect(lines[0]).toContain('TypeError E_X');
    expect(lines[0]).not.toContain('sk_live_secret');
    expect(describeError('sk_live_secret')).toBe('non-error string');
  });
});
