import { describe, expect, it } from 'vitest';
import { resolveReferences } from '../../../src/config/references.ts';
import { folder } from './settings.ts';

const context = (variables: Record<string, string>, baseDir = '/') => ({
  lookup: (name: string) => (Object.hasOwn(variables, name) ? variables[name] : undefined),
  baseDir,
});

describe('references in the configuration', () => {
  it('take values from variables, also within a text and in lists', () => {
    const { tree, problems } = resolveReferences(
      { a: '${ONE}', b: ['x-${ONE}-${TWO}'], c: { d: '${NONE:-fallback}', e: '${NONE:-}' }, n: 5, t: true },
      context({ ONE: '1', TWO: '2' }),
    );
    expect(problems).toEqual([]);
    expect(tree).toEqual({ a: '1', b: ['x-1-2'], c: { d: 'fallback', e: '' }, n: 5, t: true });
  });

  it('take a value from a file next to the configuration, without its last line break', () => {
    using place = folder();
    place.write('secret', 'two\nlines\n');
    const { tree } = resolveReferences(
      { a: 'file:secret', b: `file:${place.path}/secret` },
      context({}, place.path),
    );
    expect(tree).toEqual({ a: 'two\nlines', b: 'two\nlines' });
  });

  it('name a file by a variable', () => {
    using place = folder();
    place.write('secret', 'value');
    expect(resolveReferences({ a: 'file:${WHERE}' }, context({ WHERE: 'secret' }, place.path)).tree).toEqual({
      a: 'value',
    });
  });

  it('are not looked for in the value of a variable', () => {
    using place = folder();
    place.write('secret', 'value');
    const variables = { ONE: '${TWO}', TWO: 'file:secret' };
    expect(resolveReferences({ a: '${ONE}', b: '${TWO}' }, context(variables, place.path)).tree).toEqual({
      a: '${TWO}',
      b: 'file:secret',
    });
  });

  it('leave the address of an embedded database alone', () => {
    const tree = { storage: { database_url: 'file:data/symbolon.db' } };
    expect(resolveReferences(tree, context({}))).toEqual({ tree, problems: [] });
  });

  it('that cannot be resolved are problems with path and name', () => {
    const { problems } = resolveReferences(
      { a: [{ b: '${NOT_THERE}' }], c: 'file:not-there', d: '${1+1}' },
      context({}),
    );
    expect(problems.map((one) => one.path)).toEqual(['a[0].b', 'c', 'd']);
    expect(problems[0]?.problem).toContain('NOT_THERE');
  });

  it('that are missing for a secret are never answered with the advice to write a default into the file', () => {
    const secret = '${NOT_THERE}';
    const { problems } = resolveReferences(
      {
        connections: { api: { auth: [{ value: secret, client_secret: secret }] } },
        keys: { encryption_keys: [secret] },
        admin: { token: secret },
        public_url: secret,
      },
      context({}),
    );
    expect(problems.map(({ fix }) => fix)).toEqual([
      ...Array.from({ length: 4 }, () => 'Set NOT_THERE.'),
      'Set NOT_THERE, or write ${NOT_THERE:-default}.',
    ]);
  });

  it('cannot reach the prototype of the tree', () => {
    const { tree } = resolveReferences(
      JSON.parse('{"__proto__":{"x":"1"}}') as Record<string, unknown>,
      context({}),
    );
    expect(Object.hasOwn(tree, '__proto__')).toBe(true);
    expect('x' in {}).toBe(false);
  });
});
