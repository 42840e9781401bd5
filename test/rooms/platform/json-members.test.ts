import { describe, expect, it } from 'vitest';
import { repeatsMember } from '../../../src/platform/json-members.ts';

const repeats = (json: string): boolean => repeatsMember(json, JSON.parse(json) as object);

describe('a member that stands twice in the outermost object', () => {
  it.each([
    '{"a":1,"a":1}',
    '{"a":1,"b":{},"a":2}',
    '{ "a" : [1,{"x":2}] , "a" : 3 }',
    String.raw`{"a":1,"\u0061":2}`,
    String.raw`{"\"":1,"\u0022":2}`,
    String.raw`{"a\\":1,"a\\":2}`,
    '{"__proto__":1,"__proto__":2}',
    '{"1":1,"1":2}',
    '{"":1,"":2}',
  ])('%s: found', (json) => {
    expect(repeats(json)).toBe(true);
  });

  it.each([
    '{}',
    '{"a":1}',
    '{"a":{"b":1},"b":{"b":2}}',
    '{"a":[{"b":1},{"b":2}],"b":"a"}',
    '{"a":"\\",\\"a\\":1","b":"a\\\\"}',
    String.raw`{"a":"x\\\"","b":"\\"}`,
    '{"a":"{\\"a\\":1,","b":["[","]"]}',
    '{"__proto__":1,"constructor":2,"2":3,"1":4}',
  ])('%s: none', (json) => {
    expect(repeats(json)).toBe(false);
  });

  it('a long text of quotes and backslashes takes no longer than its length', () => {
    const json = `{"a":"${String.raw`\\`.repeat(200_000)}","b":"${String.raw`\"`.repeat(200_000)}"}`;
    const startedMs = performance.now();
    expect(repeats(json)).toBe(false);
    expect(performance.now() - startedMs).toBeLessThan(5_000);
  });
});
