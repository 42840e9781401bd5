import { deepStrictEqual } from 'node:assert';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import supertest, { type Response, type Test } from 'supertest';
import { parse } from 'yaml';

interface DocumentedResponse {
  $ref?: string;
  content?: Record<string, { examples?: Record<string, unknown> }>;
  headers?: Record<string, unknown>;
}
type Operations = Record<string, { responses: Record<string, DocumentedResponse> }>;

interface Description {
  paths: Record<string, Operations>;
  components: Record<string, Record<string, unknown>>;
}

const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const;
type Method = (typeof METHODS)[number] | 'head' | 'options';

const read = (name: string) =>
  parse(readFileSync(resolve(import.meta.dirname, '../..', name), 'utf8')) as Description;

/** Both committed descriptions as one; a part that both name must be the same in both. */
function merged(first: Description, second: Description): Description {
  const components = { ...first.components };
  for (const [kind, parts] of Object.entries(second.components)) {
    for (const [name, part] of Object.entries(parts)) {
      const known = components[kind]?.[name];
      if (known !== undefined)
        deepStrictEqual(part, known, `${kind}/${name} differs between the descriptions`);
    }
    components[kind] = { ...components[kind], ...parts };
  }
  return { ...first, paths: { ...second.paths, ...first.paths }, components };
}

/** What the three listeners answer. */
export const description = merged(read('openapi.yaml'), read('openapi-admin.yaml'));

export type Listener = 'public' | 'admin' | 'ops';

const publicPaths = new Set(Object.keys(read('openapi.yaml').paths));

/** Whether a listener answers a documented path. */
function serves(listener: Listener, template: string): boolean {
  if (template === '/health/live') return true;
  if (listener === 'public') return publicPaths.has(template);
  return listener === 'admin' ? template.startsWith('/admin/') : /^\/(metrics$|health\/)/.test(template);
}

const ajv = new Ajv2020({ strict: false, allErrors: true });
(addFormats as unknown as (ajv: Ajv2020) => void)(ajv);
ajv.addSchema(description, 'openapi', undefined, false);
const validators = new Map<string, ValidateFunction>();

const pointer = (...steps: string[]) =>
  steps.map((step) => encodeURIComponent(step.replaceAll('~', '~0').replaceAll('/', '~1'))).join('/');

function validatorAt(...steps: string[]): ValidateFunction {
  const $ref = `openapi#/${pointer(...steps)}`;
  const known = validators.get($ref) ?? ajv.compile({ $ref });
  validators.set($ref, known);
  return known;
}

const templates = Object.keys(description.paths).map((template) => ({
  template,
  pattern: new RegExp(
    `^${template
      .replaceAll('.', '\\.')
      .replace(/\{path\}$/, '.+')
      .replaceAll(/\{\w+\}/g, '[^/]+')}$`,
  ),
}));

/**
 * The documented path that an address belongs to. Of several, the one without parameters wins, unless only another
 * one has the method: routes are tried in turn.
 */
function templateOf({ method, path, listener }: Call): string | undefined {
  const fitting = templates.filter(
    ({ pattern, template }) => pattern.test(path) && serves(listener, template),
  );
  const literal = fitting.find(({ template }) => template === path);
  const ranked = literal ? [literal, ...fitting] : fitting;
  const documented = method === 'head' ? 'get' : method;
  const exact = ranked.find(({ template }) => documented in (description.paths[template] as Operations));
  return (exact ?? ranked[0])?.template;
}

class ContractBroken extends Error {}

function must(condition: boolean, what: string): asserts condition {
  if (!condition) throw new ContractBroken(what);
}

const CACHED = new Set([
  '/.well-known/jwks.json',
  '/.well-known/oauth-authorization-server',
  '/.well-known/oauth-protected-resource',
  '/.well-known/openid-configuration',
]);

/** A page of ours loads its style sheet and sends forms; everything else does nothing at all. */
const PAGE_POLICY =
  /^default-src 'none';style-src 'self';img-src data:;form-action 'self'( [^\s;]+)?;base-uri 'none';frame-ancestors 'none'$/;

/** What every answer carries, whatever it says. */
function checkConstantHeaders(res: Response, cached: boolean): void {
  must(/^[A-Za-z0-9_-]{12,32}$/.test(res.headers['x-request-id'] ?? ''), 'no X-Request-Id');
  const caching = res.headers['cache-control'] ?? '';
  must(cached ? /^public, max-age=\d+$/.test(caching) : caching === 'no-store', `Cache-Control: ${caching}`);
  must(res.headers['x-content-type-options'] === 'nosniff', 'no nosniff');
  const policy = res.headers['content-security-policy'] ?? '';
  const isPage = (res.headers['content-type'] ?? '').startsWith('text/html');
  must(
    isPage ? PAGE_POLICY.test(policy) : policy === "default-src 'none';frame-ancestors 'none'",
    `Content-Security-Policy: ${res.headers['content-security-policy']}`,
  );
  must(res.headers['referrer-policy'] === 'no-referrer', 'no Referrer-Policy');
  must(!('x-powered-by' in res.headers) && !('server' in res.headers), 'the server names itself');
  must(res.headers['access-control-allow-origin'] !== '*', 'any origin is allowed');
}

function checkError(res: Response, codes: readonly string[] | undefined): void {
  const body = res.body as { error?: { code?: string; retry_after?: number; request_id?: string } | string };
  const code = typeof body.error === 'string' ? body.error : body.error?.code;
  if (codes) must(codes.includes(String(code)), `${res.status} ${code} is not documented`);
  if (res.status === 401) must('www-authenticate' in res.headers, '401 without WWW-Authenticate');
  const stated = res.headers['retry-after'];
  if (res.status === 429) must(stated !== undefined, '429 without Retry-After');
  if (stated !== undefined) must(/^\d+$/.test(stated), `Retry-After: ${stated}`);
  if (typeof body.error !== 'object') return;
  must(body.error.request_id === res.headers['x-request-id'], 'two request ids');
  must(body.error.retry_after === (stated === undefined ? undefined : Number(stated)), 'two times to wait');
}

function checkBody(res: Response, location: string[], content: DocumentedResponse['content']): void {
  if (!content) {
    must(res.text === '' || res.text === undefined, 'a body where none is documented');
    return;
  }
  const type = (res.headers['content-type'] ?? '').split(';')[0] as string;
  must(type in content, `content type ${type} is not documented`);
  if (type !== 'application/json') return;
  must(res.headers['content-type'] === 'application/json; charset=utf-8', 'JSON without its charset');
  const validate = validatorAt(...location, 'content', type, 'schema');
  must(validate(res.body), `body: ${ajv.errorsText(validate.errors).slice(0, 400)}`);
}

interface Call {
  method: Method;
  /** Without query. */
  path: string;
  listener: Listener;
}

/** A GET that gives codes: HEAD must not. */
const HEADLESS = new Set([
  '/oauth/authorize',
  '/customer_sign_in',
  '/customer_sign_in/callback/{authenticator}',
  '/connections/{connection}/callback',
]);

/** Throws when an answer is not one that the descriptions have for this call. */
function checkAnswer(call: Call, res: Response): void {
  const { method } = call;
  const template = templateOf(call);
  checkConstantHeaders(res, res.status === 200 && template !== undefined && CACHED.has(template));
  if (method === 'options' && res.status === 204) return;
  if (template === undefined) {
    must([400, 401, 404].includes(res.status), `${res.status} for an unknown path`);
    must(validatorAt('components', 'schemas', 'Error')(res.body), 'not the error envelope');
    return checkError(res, ['NOT_FOUND', 'INVALID_ADMIN_TOKEN', 'INVALID_REQUEST']);
  }
  const operations = description.paths[template] as Operations;
  const refusesHead = HEADLESS.has(template);
  const operation =
    method === 'head' && refusesHead ? undefined : operations[method === 'head' ? 'get' : method];
  if (!operation) {
    must(res.status === 405 || res.status === 401, `${res.status} for an undocumented method`);
    if (res.status === 401) return checkError(res, ['INVALID_ADMIN_TOKEN']);
    const methods = METHODS.filter((name) => name in operations).map((name) => name.toUpperCase());
    const allowed = methods.includes('GET') && !refusesHead ? [...methods, 'HEAD'] : methods;
    must(res.headers['allow'] === allowed.sort().join(', '), `Allow: ${res.headers['allow']}`);
    return;
  }
  const status = String(res.status);
  let documented = operation.responses[status];
  must(documented !== undefined, `${method.toUpperCase()} ${template} documents no ${status}`);
  let location = ['paths', template, method === 'head' ? 'get' : method, 'responses', status];
  if (documented.$ref !== undefined) {
    location = documented.$ref.slice(2).split('/');
    documented = description.components[location[1] as string]?.[location[2] as string] as DocumentedResponse;
  }
  if (method === 'head') return;
  checkBody(res, location, documented.content);
  if (res.status >= 400) {
    const { examples } = documented.content?.['application/json'] ?? {};
    checkError(res, examples && Object.keys(examples));
  }
}

/** Makes calls whose answers are checked against the description before the test looks at them. */
export type ContractClient = Record<Method, (path: string) => Test>;

export interface ContractClientOptions {
  /** Default `public`. */
  listener?: Listener;
  /** Sent with every call. */
  headers?: Readonly<Record<string, string>>;
  /** Undocumented path → the documented one that it stands for. */
  aliases?: Readonly<Record<string, string>>;
  /** Stands in front of every documented path. */
  basePath?: string;
}

/** A supertest client of a listening server. */
export function contractClient(url: string, options: ContractClientOptions = {}): ContractClient {
  const { listener = 'public', headers = {}, aliases = {}, basePath = '' } = options;
  const call = (method: Method) => (path: string) => {
    const plain = (path.split('?')[0] as string).replace(new RegExp(`^${basePath}(?=/)`), '');
    const test = supertest(url)[method](path);
    return test
      .set(headers)
      .redirects(0)
      .expect((res: Response) => checkAnswer({ method, path: aliases[plain] ?? plain, listener }, res));
  };
  const names: Method[] = [...METHODS, 'head', 'options'];
  return Object.fromEntries(names.map((name) => [name, call(name)])) as ContractClient;
}
