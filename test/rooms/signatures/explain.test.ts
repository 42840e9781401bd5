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
const listOf = (count: number) => JSON.stringify(Array.from({ length: count }, (_, index) => index));

describe('a body that is written anew to find a mistake', () => {
  it('may be any that people write', () => {
    for (const body of ['{"fields":["plan",{"a":[1,2]}]}', listOf(500), nested(2)])
      expect(saidOf(body, indented(body))).toMatch(/another spelling/);
  });

  it.each([
    ['is nested deep', nested(17)],
    ['is long', listOf(1_100)],
    ['would be many times as long', nested(15).replace('1', listOf(200))],
  ])('is not one that %s', (_what, body) => {
    expect(saidOf(body, indented(body))).toMatch(/other bytes or with another key/);
  });

  it('costs little whoever wrote it: the deepest that a request may hold is answered', () => {
    const startedMs = performance.now();
    expect(saidOf(nested(32_000), 'x')).toMatch(/other bytes or with another key/);
    expect(saidOf(nested(6_000), 'x')).toMatch(/other bytes or with another key/);
    expect(saidOf(nested(2_000), 'x')).toMatch(/other bytes or with another key/);
    expect(performance.now() - startedMs).toBeLessThan(250);
  });

  it('may differ by the line break at its end, however long it is', () => {
    const body = `"${'x'.repeat(60_000)}"`;
    expect(saidOf(body, `${body}\n`)).toMatch(/another spelling/);
    expect(saidOf(`${body}\n`, body)).toMatch(/another spelling/);
  });
});
