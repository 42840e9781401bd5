import { array, assert, constantFrom, dictionary, letrec, oneof, property } from 'fast-check';
import { expect, it } from 'vitest';
import { sectionSchemas } from '../../../src/config/config.ts';
import { loadText, problemsOf } from './settings.ts';

const sections = Object.keys(sectionSchemas);
const member = constantFrom(
  'name',
  'type',
  'id',
  'auth',
  'path',
  'fields',
  'http',
  'directory',
  '__proto__',
  'x',
);
const { tree } = letrec<{ tree: unknown }>((tie) => ({
  tree: oneof(
    { maxDepth: 5 },
    constantFrom(
      null,
      true,
      0,
      -1,
      1.5,
      1e300,
      '',
      'x',
      'http',
      '${X}',
      '${',
      'file:',
      'https://a:b@c',
      '\u0000',
    ),
    array(tie('tree'), { maxLength: 3 }),
    dictionary(member, tie('tree'), { maxKeys: 3 }),
  ),
}));

/** A file with one setting; JSON is YAML, and `__proto__` is written as a member like any other. */
const written = (section: string, value: unknown) =>
  JSON.stringify({ public_url: 'http://localhost', [section]: value });

it('whatever a file says, it is accepted or refused with problems, and nothing else happens', () => {
  assert(
    property(constantFrom(...sections, 'nonsense', '__proto__'), tree, (section, value) => {
      // `problemsOf` lets nothing but a refusal with problems pass.
      const { problems } = problemsOf(() => loadText(written(section, value)));
      expect(problems.filter((one) => one.problem === '' || one.fix === '')).toEqual([]);
      expect(Object.keys(Object.prototype)).toEqual([]);
    }),
    { numRuns: 1_500 },
  );
});
