import { describe, expect, it } from 'vitest';
import { checkConsistency } from '../../../src/config/consistency.ts';
import { parseConfig } from '../../../src/config/load.ts';
import { least, problemsOf } from './settings.ts';

const kept = (days: number) => parseConfig({ ...least, audit: { retention_days: days } });
const warnings = (days: number) =>
  checkConsistency(kept(days), { production: true })
    .filter(({ path }) => path === 'audit.retention_days')
    .map(({ severity }) => severity);

describe('how long the audit log is kept', () => {
  it('is four hundred days unless somebody says otherwise', () => {
    expect(parseConfig(least).audit.retention_days).toBe(400);
  });

  it('is never less than thirty days, nor a century', () => {
    for (const days of [0, 29, -1, 36_526]) {
      const { problems } = problemsOf(() => kept(days));
      expect(problems.map(({ path }) => path)).toEqual(['audit.retention_days']);
    }
  });

  it('makes the doctor warn when it is less than a year or more than ten', () => {
    for (const days of [30, 364, 3_661, 36_525]) expect(warnings(days)).toEqual(['warning']);
    for (const days of [365, 400, 1_830, 3_660]) expect(warnings(days)).toEqual([]);
  });
});
