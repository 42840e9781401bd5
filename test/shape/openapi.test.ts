import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Express } from 'express';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { errorCatalogue, oauthErrorCatalogue } from '../../src/errors.ts';
import { endpointContracts, openapiText } from '../../src/http/openapi.ts';
import { description } from '../support/contract.ts';
import { startService, type TestService } from '../support/service.ts';

const read = (name: string) => readFileSync(resolve(import.meta.dirname, '../..', name), 'utf8');

let t: TestService;
beforeAll(async () => {
  t = await startService();
});
afterAll(() => t.dispose());

interface Layer {
  route?: { path: string; methods: Record<string, boolean> };
}

/**
 * `method /path` of everything that an application really answers, as OpenAPI writes it. A route for every method is
 * the one that answers 405, a route for OPTIONS the one that answers browsers.
 */
function routesOf(app: Express): string[] {
  const layers = (app as unknown as { router: { stack: Layer[] } }).router.stack;
  return layers
    .flatMap(({ route }) => (route ? [route] : []))
    .filter(({ methods }) => Object.keys(methods).length === 1 && !methods['options'])
    .map(({ path, methods }) => `${Object.keys(methods)[0]} ${path.replaceAll(/[:*](\w+)/g, '{$1}')}`);
}

/** Further paths of an endpoint are a matter of configuration; the pages that show the description are no part of it. */
const ALIASES = ['/auth/customer_authenticate', '/oauth/access_token', '/account/getprofile'];
const PAGES = /^\/docs(\/|$)/;
const isDocumented = (path: string) => !ALIASES.includes(path) && !PAGES.test(path);

const documented = Object.entries(description.paths).flatMap(([path, item]) =>
  Object.keys(item)
    .filter((method) => method !== 'servers')
    .map((method) => `${method} ${path}`),
);

describe('the committed description', () => {
  it.each([
    ['openapi.yaml', 'public'],
    ['openapi-admin.yaml', 'admin'],
  ] as const)('%s is what the contracts say', async (file, name) => {
    expect(read(file) === (await openapiText(name))).toBe(true);
  });

  it('names exactly what the three listeners answer', () => {
    const { app, adminApp, opsApp } = t.service;
    const answered = [app, adminApp, opsApp].flatMap(routesOf);
    const own = answered.filter((route) => isDocumented(route.split(' ')[1] as string));
    expect(own.length).toBeLessThan(answered.length);
    expect([...new Set(own)].sort()).toEqual([...documented].sort());
  });

  it('keeps the admin API out of what partners get to see', () => {
    const paths = Object.keys((parse(read('openapi.yaml')) as { paths: object }).paths);
    expect(paths.length).toBeGreaterThan(5);
    expect(paths.filter((path) => path.startsWith('/admin') || path === '/metrics')).toEqual([]);
  });

  it('has one operation id for each operation', () => {
    const ids = endpointContracts().map(({ operationId }) => operationId);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('has a sentence for every operation, and a description for every answer', () => {
    for (const item of Object.values(description.paths)) {
      for (const operation of Object.values(item) as { summary?: string; responses?: object }[]) {
        if (!operation.responses) continue;
        expect(operation.summary?.length).toBeGreaterThan(5);
        for (const [status, answer] of Object.entries(operation.responses)) {
          expect([status, '$ref' in answer || answer.description.length > 2]).toEqual([status, true]);
        }
      }
    }
  });

  it('knows the codes of the catalogue and no others', () => {
    const schemas = description.components['schemas'] as {
      Error: { properties: { error: { properties: { code: { enum: string[] } } } } };
      OAuthError: { properties: { error: { enum: string[] } } };
    };
    const { code } = schemas.Error.properties.error.properties;
    expect([...code.enum].sort()).toEqual(Object.keys(errorCatalogue).sort());
    expect([...schemas.OAuthError.properties.error.enum].sort()).toEqual(
      Object.keys(oauthErrorCatalogue).sort(),
    );
  });

  it('is in the order of reading: a sign-in before what needs one, pages for customers near the end', () => {
    const paths = Object.keys(description.paths);
    const inOrder = ['/customer_authenticate', '/customer_session', '/getprofile', '/oauth/authorize'];
    expect(paths.filter((path) => inOrder.includes(path))).toEqual(inOrder);
    expect(paths.indexOf('/access_token')).toBeLessThan(paths.indexOf('/oauth/authorize'));
  });

  it('gives only examples that satisfy their own schemas', async () => {
    const { Ajv2020 } = await import('ajv/dist/2020.js');
    const { default: addFormats } = await import('ajv-formats');
    const ajv = new Ajv2020({ strict: false });
    (addFormats as unknown as (ajv: object) => void)(ajv);
    ajv.addSchema(description, 'openapi', undefined, false);
    let looked = 0;
    for (const [name, schema] of Object.entries(description.components['schemas'] ?? {})) {
      const validate = ajv.compile({ $ref: `openapi#/components/schemas/${name}` });
      for (const example of (schema as { examples?: unknown[] }).examples ?? []) {
        looked++;
        expect([name, validate(example), validate.errors]).toEqual([name, true, null]);
      }
    }
    for (const [name, { value }] of Object.entries(
      description.components['examples'] as Record<string, { value: unknown }>,
    )) {
      const schema = name === name.toLowerCase() ? 'OAuthError' : 'Error';
      const validate = ajv.compile({ $ref: `openapi#/components/schemas/${schema}` });
      looked++;
      expect([name, validate(value)]).toEqual([name, true]);
    }
    expect(looked).toBeGreaterThan(30);
  });
});
