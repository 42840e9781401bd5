/**
 * A plug-in of Stryker: leaves sentences for people alone. What a message says is decided by reading it; a test that
 * compares it word for word would only stand in the way of a better wording. Names, header values, codes, formats and
 * templates that decide anything are changed like all other code.
 */

/** What Stryker hands over of Babel's path; no more of it is needed here. */
interface NodePath {
  node: {
    type: string;
    value?: unknown;
    quasis?: { value: { cooked?: string | null } }[];
    expressions?: { type: string }[];
  };
}

/** Three words or more from a capital letter (or the name of a thing) to a full stop. */
const SENTENCE = /^[\p{Lu}@][^\n]* [^\n]+ [^\n]+[.!?]$/u;
/** What a sentence may quote without deciding anything. */
const PLAIN = new Set(['Identifier', 'MemberExpression']);

/** The text of a string, with a word in each gap of a template; `undefined` for anything else. */
function textOf({ node }: NodePath): string | undefined {
  if (node.type === 'StringLiteral') return String(node.value);
  if (node.type !== 'TemplateLiteral') return undefined;
  if (node.expressions?.some(({ type }) => !PLAIN.has(type))) return undefined;
  return node.quasis?.map(({ value }) => value.cooked ?? '').join('X');
}

export const strykerPlugins = [
  {
    kind: 'Ignore',
    name: 'sentences',
    value: {
      shouldIgnore: (path: NodePath): string | undefined =>
        SENTENCE.test(textOf(path) ?? '') ? 'a sentence for people' : undefined,
    },
  },
];
