import { readFileSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';
import type { SettingsTree } from './config-file.ts';
import { type ConfigProblem, pathText } from './problems.ts';

const REFERENCE = /\$\{([^}]*)\}/g;
const NAME = /^([A-Za-z_][A-Za-z0-9_]*)(?::-([\s\S]*))?$/;

/** Settings that hold a secret, by the end of their path. */
const SECRET = /(secret|token|password|private_key|\.auth\[\d+\]\.value|encryption_keys\[\d+\])$/;

/** Where `file:` is the beginning of a database address, not a file to read the value from. */
const LITERAL_FILE_PATHS = new Set(['storage.database_url']);
const MAX_SECRET_FILE_BYTES = 65_536;

export interface ReferenceContext {
  /** A variable's value, or `undefined` when it is not set. */
  lookup: (name: string) => string | undefined;
  /** Folder that `file:` paths are relative to: the configuration file's own. */
  baseDir: string;
}

function fromFile(path: string, baseDir: string): string | undefined {
  try {
    const bytes = readFileSync(isAbsolute(path) ? path : resolve(baseDir, path));
    if (bytes.length > MAX_SECRET_FILE_BYTES) return undefined;
    return bytes.toString('utf8').replace(/\r?\n$/, '');
  } catch {
    return undefined;
  }
}

/**
 * Replaces `${NAME}` and `${NAME:-default}` inside strings, and whole values of the form `file:path` by that file's
 * content without its last line break. What cannot be resolved becomes `undefined` and is reported by name.
 */
export function resolveReferences(
  tree: SettingsTree,
  context: ReferenceContext,
): { tree: SettingsTree; problems: ConfigProblem[] } {
  const problems: ConfigProblem[] = [];

  function text(value: string, path: string): string | undefined {
    let whole = true;
    const replaced = value.replaceAll(REFERENCE, (_match, inner: string) => {
      const parts = NAME.exec(inner);
      if (!parts) {
        problems.push({
          path,
          problem: 'holds ${…} that is not the name of a variable',
          fix: 'Write ${NAME} or ${NAME:-default}.',
        });
        whole = false;
        return '';
      }
      const name = parts[1] as string;
      const found = context.lookup(name) ?? parts[2];
      if (found === undefined) {
        problems.push({
          path,
          problem: `needs the environment variable ${name}, which is not set`,
          // A secret with a default in the file would be a secret in the file.
          fix: SECRET.test(path) ? `Set ${name}.` : `Set ${name}, or write \${${name}:-default}.`,
        });
        whole = false;
      }
      return found ?? '';
    });
    if (!whole) return undefined;
    // Only what the file itself says is a reference; the value of a variable is never read as one.
    if (!value.startsWith('file:') || LITERAL_FILE_PATHS.has(path)) return replaced;
    const content = fromFile(replaced.slice('file:'.length), context.baseDir);
    if (content === undefined) {
      problems.push({
        path,
        problem: 'names a file that cannot be read',
        fix: 'Check that it exists, is at most 64 KiB and may be read by this user (paths start at the configuration file).',
      });
    }
    return content;
  }

  function walk(value: unknown, path: (string | number)[]): unknown {
    if (typeof value === 'string') return text(value, pathText(path));
    if (Array.isArray(value)) return value.map((item, index) => walk(item, [...path, index]));
    if (value !== null && typeof value === 'object') {
      return Object.fromEntries(
        Object.entries(value).map(([key, item]) => [key, walk(item, [...path, key])]),
      );
    }
    return value;
  }

  return { tree: walk(tree, []) as SettingsTree, problems };
}
