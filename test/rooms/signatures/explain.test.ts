import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { explainV1 } from '../../../src/signatures/explain.ts';
import { signingKeyOf } from '../../../src/signatures/signed-request.ts';

const NOW_SECONDS = 1_790_000_000;
const key = signingKeyOf('a secret of the tests').export();

/** What is said of a signature that was made over another text than the body that arrived. */
function saidOf(body: string, signed: string): string | undefined {
  const signature = createHmac('sha256', key).update(`${NOW_SECONDS}.${signed}`).digest('hex');
  const headers: Record<string, string> = {
    'x-timestamp': String(NOW_SECONDS),
    'x-api-signature': signature,
  };
  const request = {
    method: 'POST',
    authority: 'id.test',
    path: '/getprofile',
    query: '',
    body: Buffer.from(body),
    header: (name: string) => headers[name],
  };
  const found = explainV1(request, { signingKeys: [key], publicKeys: [] }, NOW_SECONDS * 1_000);
  return found?.checks.find(({ part }) => part === 'match')?.message;
}

const indented = (body: string) => JSON.stringify(JSON.parse(body), null, 2);
const nested = (depth: number) => `${'['.repeat(depth)}1${']'.repeat(depth)}`;
/** So long that no white space around it makes the body four times as long. */
const LONG_LEAF = `"${'x'.repeat(1_000)}"`;
const listOf = (count: number) => JSON.stringify(Array.from({ length: count }, (_, index) => index));

describe('a body that is written anew to find a mistake', () => {
  it('may be any that people write', () => {
    for (const body of ['{"fields":["plan",{"a":[1,2]}]}', listOf(500), nested(2)])
      expect(saidOf(body, indented(body))).toMatch(/another spelling/);
  });

  it.each([
    ['is nested deep', nested(17)],
    ['is nested deep, although its length would hardly grow', nested(17).replace('1', LONG_LEAF)],
    ['is long', listOf(1_100)],
    ['would be many times as long', nested(15).replace('1', listOf(200))],
  ])('is not one that %s', (_what, body) => {
    expect(saidOf(body, indented(body))).toMatch(/other bytes or with another key/);
  });

  it('may be nested to sixteen levels, whatever stands at the bottom', () => {
    for (const leaf of [LONG_LEAF, `null,${LONG_LEAF}`, `{},[],${LONG_LEAF}`, `${LONG_LEAF},{"a":null}`]) {
      const body = nested(leaf.includes('{') ? 15 : 16).replace('1', leaf);
      expect(saidOf(body, indented(body))).toMatch(/another spelling/);
    }
    const side = `[${nested(17).replace('1', LONG_LEAF)},1]`;
    expect(saidOf(side, indented(side))).toMatch(/other bytes or with another key/);
  });

  it.each([
    ['the body is indented, and the signed one was not', '{\n  "a": [\n    1,\n    2\n  ]\n}', '{"a":[1,2]}'],
    ['Python wrote the signed one', '{"a":[1,{"b":null},[]],"c":{}}', '{"a": [1, {"b": null}, []], "c": {}}'],
    ['a line break was signed that was not sent', '{"a":1}', '{"a":1}\n'],
    ['a line break was sent that was not signed', '{"a":1}\n', '{"a":1}'],
    ['the line break that was sent is that of Windows', 'a\r\n', 'a'],
    ['the text is none of JSON', 'a\nb', 'a\nb\n'],
  ])('is noticed where %s', (_what, sent, signed) => {
    expect(saidOf(sent, signed)).toMatch(/another spelling/);
  });

  it('is no guess: other line breaks and other words are other bytes', () => {
    expect(saidOf('a\nb', 'ab')).toMatch(/other bytes or with another key/);
    expect(saidOf('{"a":1}', '{"a":2}')).toMatch(/other bytes or with another key/);
    expect(saidOf('not JSON', '"not JSON"')).toMatch(/other bytes or with another key/);
  });

  it('costs little whoever wrote it: the deepest that a request may hold is answered', () => {
    const startedMs = performance.now();
    expect(saidOf(nested(32_000), 'x')).toMatch(/other bytes or with another key/);
    expect(saidOf(nested(6_000), 'x')).toMatch(/other bytes or with another key/);
    expect(saidOf(nested(2_000), 'x')).toMatch(/other bytes or with another key/);
    expect(performance.now() - startedMs).toBeLessThan(5_000);
  });

  it('may differ by the line break at its end, however long it is', () => {
    const body = `"${'x'.repeat(60_000)}"`;
    expect(saidOf(body, `${body}\n`)).toMatch(/another spelling/);
    expect(saidOf(`${body}\n`, body)).toMatch(/another spelling/);
  });
});
