import type { OpenPath } from './presets/preset.ts';

/** What a segment of a passed-on path is made of: nothing that any server decodes, resolves or splits. */
const SEGMENT = /^[A-Za-z0-9._~-]{1,128}$/;
const MARK = /^\{[A-Za-z][A-Za-z0-9]*\}$/;

const isDots = (segment: string): boolean => segment === '.' || segment === '..';

/** Whether a text can be the `path` of an `OpenPath`: plain segments and `{name}` marks. */
export function isPathPattern(text: string): boolean {
  const [first, ...segments] = text.split('/');
  return (
    first === '' &&
    segments.length > 0 &&
    segments.every((segment) => MARK.test(segment) || (SEGMENT.test(segment) && !isDots(segment)))
  );
}

function fits(pattern: OpenPath, segments: readonly string[]): boolean {
  const wanted = pattern.path.split('/').slice(1);
  return (
    wanted.length === segments.length &&
    wanted.every((part, i) => {
      const segment = segments[i] as string;
      return MARK.test(part) ? (pattern.segment?.test(segment) ?? true) : part === segment;
    })
  );
}

/**
 * The open path that a path as sent belongs to. Percent-encoding, dot segments, empty segments, backslashes and
 * parameters are never decoded or resolved: a path that holds any of them fits nothing.
 */
export function findOpenPath(open: readonly OpenPath[], path: string): OpenPath | undefined {
  if (!path.startsWith('/') || path.length > 1_024) return undefined;
  const segments = path.slice(1).split('/');
  if (!segments.every((segment) => SEGMENT.test(segment) && !isDots(segment))) return undefined;
  return open.find((pattern) => fits(pattern, segments));
}
