import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { buildService } from '../../bench/built.ts';

/**
 * Builds the service once, away from the sources, and has every process of a run started from there: as an image starts
 * it, in half the time, and the same one from the first kill to the last.
 */
export default function buildOnce(): () => void {
  const home = buildService();
  process.env['SYMBOLON_PROGRAM'] = join(home, 'bin/symbolon.mjs');
  return () => rmSync(home, { recursive: true, force: true });
}
