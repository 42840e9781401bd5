import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ConfigInput } from '../../../src/config/config.ts';
import { readEnvironment } from '../../../src/config/environment.ts';
import { type LoadedConfig, loadConfig } from '../../../src/config/load.ts';
import { type ConfigProblem, ConfigRefused } from '../../../src/config/problems.ts';

/** The least that serves: everything else has a default. */
export const least: ConfigInput = { public_url: 'http://localhost:8080' };

/** A folder of its own for one test; `using` removes it. */
export function folder(): { path: string; write(name: string, text: string): string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'symbolon-config-'));
  return {
    path,
    write: (name, text) => {
      writeFileSync(join(path, name), text);
      return join(path, name);
    },
    [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }),
  };
}

/** Loads a configuration from text with exactly these variables. */
export function loadText(text: string, variables: Record<string, string> = {}): LoadedConfig {
  using place = folder();
  const file = place.write('symbolon.yaml', text);
  return loadConfig({ file, cwd: place.path, environment: readEnvironment(variables) });
}

/** What the refusal says, or nothing when there was none. */
export function problemsOf(run: () => unknown): { problems: readonly ConfigProblem[]; text: string } {
  try {
    run();
  } catch (error) {
    if (!(error instanceof ConfigRefused)) throw error;
    return { problems: error.problems, text: error.message };
  }
  return { problems: [], text: '' };
}
