import type { z } from 'zod';
import { type ConfigProblem, nearest, pathText } from './problems.ts';
import { knownSettings } from './schema-walk.ts';

type Issue = z.core.$ZodIssue;

function valueAt(tree: unknown, path: readonly PropertyKey[]): unknown {
  let at = tree;
  for (const step of path) {
    if (at === null || typeof at !== 'object' || !Object.hasOwn(at, step)) return undefined;
    at = (at as Record<PropertyKey, unknown>)[step];
  }
  return at;
}

const listed = (values: readonly unknown[]) => values.map((value) => String(value)).join(', ');

function choice(path: string, options: readonly unknown[], written: unknown): ConfigProblem {
  const meant = typeof written === 'string' ? nearest(written, options.map(String)) : undefined;
  const problem = written === undefined ? 'is missing' : 'is not one of the possible values';
  return { path, problem, fix: `${meant ? `Did you mean "${meant}"? ` : ''}Possible: ${listed(options)}.` };
}

const UNITS: Record<string, string> = { string: ' characters', array: ' entries', set: ' entries' };

function bound(issue: Issue & { code: 'too_small' | 'too_big' }, path: string): ConfigProblem {
  const limit = issue.code === 'too_small' ? issue.minimum : issue.maximum;
  const word = issue.code === 'too_small' ? 'at least' : 'at most';
  // A rule with its own sentence says more than the bound.
  const own = issue.message.startsWith('Too ') ? undefined : issue.message;
  return {
    path,
    problem:
      own ?? `must ${UNITS[issue.origin] ? 'have' : 'be'} ${word} ${limit}${UNITS[issue.origin] ?? ''}`,
    fix: 'Change it to a value within the limit.',
  };
}

function wrongType(issue: Issue & { code: 'invalid_type' }, path: string, written: unknown): ConfigProblem {
  const kinds: Record<string, string> = {
    object: 'a group of settings',
    array: 'a list',
    int: 'a whole number',
    boolean: 'true or false',
    string: 'text',
    record: 'a group of settings',
  };
  const kind = kinds[issue.expected] ?? `a ${issue.expected}`;
  if (written === undefined) return { path, problem: 'is missing', fix: `Set it to ${kind}.` };
  const quote = issue.expected === 'string' ? ' Put it in quotes if it looks like a number.' : '';
  return { path, problem: `must be ${kind}`, fix: `Write ${kind} here.${quote}` };
}

/** A rule's own sentence is `what is wrong` or `what is wrong; what to do`. */
function ownSentence(issue: Issue, path: string, written: unknown): ConfigProblem {
  const fix = 'See docs/configuration.md.';
  if (written === undefined) return { path, problem: 'is missing', fix };
  const [problem, ...advice] = issue.message.replace(/^Invalid/, 'has an invalid').split('; ');
  const text = advice.join('; ');
  return {
    path,
    problem: problem as string,
    fix: text === '' ? fix : `${text[0]?.toUpperCase()}${text.slice(1)}.`,
  };
}

/** What is wrong with the form that was meant: the only one of which the value has the outermost type. */
function meantForm({ errors }: Issue & { code: 'invalid_union' }): readonly Issue[] | undefined {
  const meant = errors.filter(
    (issues) => !issues.some(({ code, path }) => code === 'invalid_type' && path.length === 0),
  );
  return meant.length === 1 ? meant[0] : undefined;
}

function describe(issue: Issue, schema: z.ZodType, tree: unknown): ConfigProblem[] {
  const path = pathText(issue.path);
  const written = valueAt(tree, issue.path);
  switch (issue.code) {
    case 'unrecognized_keys': {
      const known = knownSettings(schema, tree, issue.path);
      return issue.keys.map((key) => {
        const meant = nearest(key, known);
        const fix = meant ? `Did you mean "${meant}"?` : `Known here: ${listed(known)}.`;
        return { path: pathText([...issue.path, key]), problem: 'is not a known setting', fix };
      });
    }
    case 'invalid_type':
      return [wrongType(issue, path, written)];
    case 'too_small':
    case 'too_big':
      return [bound(issue, path)];
    case 'invalid_value':
      return [choice(path, issue.values, written)];
    case 'invalid_union':
      if ('options' in issue && Array.isArray(issue.options)) return [choice(path, issue.options, written)];
      return (
        meantForm(issue)?.flatMap((one) =>
          describe({ ...one, path: [...issue.path, ...one.path] }, schema, tree),
        ) ?? [{ path, problem: 'has none of the possible forms', fix: 'See docs/configuration.md.' }]
      );
    case 'invalid_key':
      return [
        {
          path,
          problem: `has a name that cannot be used: it ${issue.issues[0]?.message ?? 'is not valid'}`,
          fix: 'Rename it.',
        },
      ];
    default:
      return [ownSentence(issue, path, written)];
  }
}

/** Says every issue that a schema raised as a problem with a path and a fix. Quotes no configured value. */
export function schemaProblems(issues: readonly Issue[], schema: z.ZodType, tree: unknown): ConfigProblem[] {
  return issues.flatMap((issue) => describe(issue, schema, tree));
}
