import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { Proof } from '../../sdk-web/src/index.ts';

interface Schema {
  $ref?: string;
  type?: string;
  enum?: string[];
  properties?: Record<string, Schema>;
  required?: string[];
}
interface Operation {
  responses: Record<string, { content?: Record<string, { schema: Schema }> }>;
}
interface Document {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Schema> };
}

const document = parse(readFileSync(resolve(import.meta.dirname, '../../openapi.yaml'), 'utf8')) as Document;

function answerOf(path: string, method: string): Schema {
  const schema =
    document.paths[path]?.[method]?.responses['200']?.content?.['application/json']?.schema ?? {};
  return schema.$ref ? (document.components.schemas[schema.$ref.split('/').at(-1) ?? ''] ?? {}) : schema;
}

describe('what the browser SDK reads', () => {
  it.each([
    ['/channels/{channel}/token', 'post', ['token', 'kind', 'expires_in', 'customer_id', 'web']],
    ['/customer_session/token', 'post', ['JWT', 'expires_in', 'customer_id']],
    ['/customer_session', 'get', ['customer_id']],
  ])('of the answer of %s is promised by the contract', (path, method, members) => {
    const { properties = {}, required = [] } = answerOf(path, method);
    expect(required).toEqual(expect.arrayContaining(members));
    const texts = members.filter((name) => name !== 'web');
    expect(texts.map((name) => properties[name]?.type)).toEqual(texts.map(() => 'string'));
  });

  it('knows every kind of proof that the contract has', () => {
    const known: Record<Proof['kind'], true> = { jwt: true, hmac: true, opaque: true };
    const kinds = answerOf('/channels/{channel}/token', 'post').properties?.['kind']?.enum ?? [];
    expect([...kinds].sort()).toEqual(Object.keys(known).sort());
  });
});
