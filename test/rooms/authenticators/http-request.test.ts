import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { httpAuthenticator } from '../../../src/authenticators/http/http.ts';
import { schemaProblems } from '../../../src/config/schema-problems.ts';
import { connectionSchema, createConnection } from '../../../src/connections/connection.ts';
import { createHttpClient } from '../../../src/outbound/http-client.ts';
import type { HttpClient } from '../../../src/outbound/outbound-types.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { createLogger } from '../../../src/platform/logger.ts';
import { createMetrics } from '../../../src/platform/metrics.ts';
import { listen, shut } from '../../support/backend.ts';

interface Call {
  method: string | undefined;
  path: string | undefined;
  headers: IncomingHttpHeaders;
  body: string;
}

let server: Server;
let url: string;
let status: number;
let calls: Call[];
let httpClient: HttpClient;
let logged: string[];

beforeEach(async () => {
  calls = [];
  logged = [];
  status = 200;
  server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8');
    request.on('data', (chunk: string) => (body += chunk));
    request.on('end', () => {
      calls.push({ method: request.method, path: request.url, headers: request.headers, body });
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ id: '4711' }));
    });
  });
  url = await listen(server);
  httpClient = createHttpClient();
});
afterEach(async () => {
  await httpClient.close();
  await shut(server);
});

const optionsFor = (request: Record<string, unknown>) => ({
  name: 'company',
  type: 'http',
  reference_space: 'crm',
  connection: 'login',
  request: { path: '/login', ...request },
  answer: { reference: 'id' },
});

function authenticator(request: Record<string, unknown>, auth: unknown[] = []) {
  const logger = createLogger('debug', { write: (line) => logged.push(line) });
  const connection = createConnection('login', connectionSchema.parse({ base_url: url, auth }), {
    httpClient,
    clock: systemClock,
    metrics: createMetrics(),
    logger,
  });
  return httpAuthenticator.create(httpAuthenticator.optionsSchema.parse(optionsFor(request)), {
    connections: new Map([['login', connection]]),
    reportFailure: () => {},
  });
}

async function signIn(request: Record<string, unknown>, username = 'grace', password = 'hopper-1906') {
  const proof = { kind: 'password', username, password } as const;
  const { outcome } = await authenticator(request).authenticate(proof, { requestId: 'r', channel: 'web' });
  return outcome;
}

const PAIR = { login: '{username}', secret: '{password}' };
const basicOf = (call: Call | undefined) =>
  Buffer.from((call?.headers.authorization ?? '').replace(/^Basic /, ''), 'base64').toString('utf8');

describe('the template of a sign-in', () => {
  it('is sent with its nesting and its types, the customer’s input at each placeholder', async () => {
    const template = {
      data: {
        attributes: { ...PAIR, label: 'shop/{username}/{username}', remember: false, none: null },
        version: 2.5,
        list: ['{username}', 7, { deep: ['{password}'] }],
      },
      query: 'mutation { login(u: {id}) }',
    };
    expect(await signIn({ template })).toBe('authenticated');
    expect(calls[0]?.headers['content-type']).toBe('application/json');
    expect(JSON.parse(calls[0]?.body ?? '')).toEqual({
      data: {
        attributes: {
          login: 'grace',
          secret: 'hopper-1906',
          label: 'shop/grace/grace',
          remember: false,
          none: null,
        },
        version: 2.5,
        list: ['grace', 7, { deep: ['hopper-1906'] }],
      },
      query: 'mutation { login(u: {id}) }',
    });
  });

  it.each([
    ['{password}', '{username}'],
    ['$&', '$1$`$$'],
    ['a","admin":true,"x":"', '\\"}'],
    ['a&secret=known&login=root', 'b=c&d'],
    ['Zoë 😀 +%2B', 'π <>&\u0001'],
  ])('takes the name %s and the password %s as data, in JSON and in a form', async (username, password) => {
    const template = { ...PAIR, both: '{username}|{password}', tenant: 7 };
    const whole = { login: username, secret: password, both: `${username}|${password}` };
    expect(await signIn({ template }, username, password)).toBe('authenticated');
    expect(JSON.parse(calls[0]?.body ?? '')).toEqual({ ...whole, tenant: 7 });
    expect(await signIn({ template, format: 'form' }, username, password)).toBe('authenticated');
    expect(calls[1]?.headers['content-type']).toBe('application/x-www-form-urlencoded');
    expect([...new URLSearchParams(calls[1]?.body)]).toEqual(Object.entries({ ...whole, tenant: '7' }));
  });

  it('leaves the template as it was for the next customer', async () => {
    const way = authenticator({ template: { data: PAIR } });
    for (const username of ['ada', 'grace']) {
      await way.authenticate(
        { kind: 'password', username, password: 'hopper-1906' },
        { requestId: 'r', channel: 'web' },
      );
    }
    expect(calls.map(({ body }) => (JSON.parse(body) as { data: { login: string } }).data.login)).toEqual([
      'ada',
      'grace',
    ]);
  });
});

describe('a name in the address', () => {
  it('is one segment, whatever it holds, and can be a parameter', async () => {
    const request = {
      path: '/t/7/users/{username}/login?for={username}',
      template: { secret: '{password}' },
    };
    expect(await signIn(request, '../a/b?c#d&e=f%2F ë')).toBe('authenticated');
    const name = '..%2Fa%2Fb%3Fc%23d%26e%3Df%252F%20%C3%AB';
    expect(calls[0]?.path).toBe(`/t/7/users/${name}/login?for=${name}`);
    expect(calls[0]?.body).toBe('{"secret":"hopper-1906"}');
  });

  it.each(['.', '..', 'a\nb', '\ud800'])('is refused without a call where it is %j', async (username) => {
    const request = { path: '/users/{username}', template: { secret: '{password}' } };
    expect(await signIn(request, username)).toBe('refused');
    expect(calls).toEqual([]);
  });
});

describe('a name in a header', () => {
  const headers = { 'X-Tenant': 'shop', 'x-login': 'user="{username}"' };

  it('is sent so that it ends neither the value nor a quoted string', async () => {
    expect(await signIn({ headers }, 'pat+chat@example.com')).toBe('authenticated');
    expect(calls[0]?.headers).toMatchObject({ 'x-tenant': 'shop', 'x-login': 'user="pat+chat@example.com"' });
    await signIn({ headers }, '", role="admin; ë %40 $&');
    const sent = /^user="([^" ,;]+)"$/.exec(calls[1]?.headers['x-login'] as string)?.[1] ?? '';
    expect(decodeURIComponent(sent)).toBe('", role="admin; ë %40 $&');
  });

  it.each(['a\r\nx-admin: 1', 'a\u0085b', '\udfff'])(
    'is refused without a call where it is %j',
    async (name) => {
      expect(await signIn({ headers }, name)).toBe('refused');
      expect(calls).toEqual([]);
    },
  );
});

describe('name and password as HTTP Basic', () => {
  it('are sent in UTF-8, form C, without a body, by POST and by GET', async () => {
    expect(await signIn({ basic: true }, 'zoe\u0308', 'pass:wörd{username}')).toBe('authenticated');
    expect(basicOf(calls[0])).toBe('zo\u00eb:pass:wörd{username}');
    expect(calls[0]).toMatchObject({ method: 'POST', body: '' });
    expect(await signIn({ basic: true, method: 'GET' })).toBe('authenticated');
    expect(calls[1]).toMatchObject({ method: 'GET', path: '/login', body: '' });
    expect(basicOf(calls[1])).toBe('grace:hopper-1906');
  });

  it('go with a body of constants, or of a template that holds the name', async () => {
    await signIn({ basic: true, extra: { client: 'chat' } });
    await signIn({ basic: true, template: { who: ['{username}'] } });
    expect(calls.map(({ body }) => body)).toEqual(['{"client":"chat"}', '{"who":["grace"]}']);
  });

  it.each([
    ['grace:x', 'hopper-1906'],
    ['gra\u0000ce', 'hopper-1906'],
    ['grace', 'hopper\n1906'],
    ['grace', 'hopper\ud83d'],
  ])('are refused without a call where they cannot be told apart again: %j, %j', async (name, password) => {
    expect(await signIn({ basic: true }, name, password)).toBe('refused');
    expect(calls).toEqual([]);
  });

  it('are sent once, also by GET, when the answer is "not now" or nothing', async () => {
    status = 503;
    expect(await signIn({ basic: true, method: 'GET' })).toBe('unavailable');
    expect(calls).toHaveLength(1);
  });

  it('are probed without either, and a 401 is what the probe hopes for', async () => {
    status = 401;
    const way = authenticator({
      basic: true,
      path: '/u/{username}',
      headers: { 'x-tenant': 'shop', 'x-l': '{username}' },
    });
    expect(await way.probe()).toEqual({
      ok: true,
      message: expect.stringContaining('asks for a name and a password'),
    });
    expect(calls[0]).toMatchObject({ method: 'GET', path: '/u/nobody', body: '' });
    expect(calls[0]?.headers).toMatchObject({ 'x-tenant': 'shop' });
    expect(calls[0]?.headers).not.toHaveProperty('x-l');
    expect(calls[0]?.headers).not.toHaveProperty('authorization');
  });
});

describe('the settings of a request', () => {
  /** What is wrong, in the sentences of the configuration. */
  const problems = (request: Record<string, unknown>) => {
    const tree = optionsFor(request);
    const { optionsSchema } = httpAuthenticator;
    const issues = optionsSchema.safeParse(tree).error?.issues ?? [];
    return schemaProblems(issues, optionsSchema, tree).map(
      ({ path, problem, fix }) => `${path} ${problem}. ${fix}`,
    );
  };

  it.each<[string, Record<string, unknown>, RegExp]>([
    [
      'a template beside fields',
      { template: PAIR, username_field: 'u' },
      /template is the whole body.*username_field/,
    ],
    ['a template beside constants', { template: PAIR, extra: { a: 1 } }, /template is the whole body.*extra/],
    ['a template without the password', { template: { login: '{username}' } }, /must hold \{password\}/],
    ['a template without the name', { template: { secret: '{password}' } }, /must hold \{username\}/],
    ['a misspelt placeholder', { template: { ...PAIR, login: '{user}' } }, /must hold \{username\}/],
    [
      'a placeholder as a member’s name',
      { template: { ...PAIR, a: [{ '{username}': 1 }] } },
      /put it into a value/i,
    ],
    ['a nested form', { format: 'form', template: { ...PAIR, a: [1] } }, /list or an object in a form/],
    ['GET with the password in the address', { method: 'GET' }, /GET only with basic/],
    [
      'GET with a body',
      { method: 'GET', basic: true, template: { a: 1 } },
      /GET, which has no body. Leave out/,
    ],
    ['Basic beside fields', { basic: true, password_field: 'p' }, /basic sends name and password/],
    ['Basic and the password once more', { basic: true, template: { p: '{password}' } }, /already/],
    ['a password in the address', { path: '/login/{password}' }, /Send the password in the body/],
    ['an unknown placeholder in the address', { path: '/login/{user}' }, /knows only/],
    ['a password in a header', { headers: { 'x-p': '{password}' } }, /knows only/],
    ['a header of two lines', { headers: { 'x-p': 'a\r\nb: c' } }, /visible ASCII/],
    ['a header of HTTP itself', { headers: { 'Content-Length': '1' } }, /sets itself/],
    ['credentials of ours in a header', { headers: { Authorization: 'Bearer x' } }, /carries credentials/],
    ['a cookie in a header', { headers: { cookie: 'a=b' } }, /carries credentials/],
  ])('refuse %s in a sentence', (_what, request, sentence) => {
    expect(problems({ template: PAIR })).toEqual([]);
    expect(problems(request).join('\n')).toMatch(sentence);
  });

  it('refuse the start when the connection sets one of the headers itself', () => {
    const key = { type: 'api_key', header: 'X-Api-Key', value: 'Zk3vX9pQ7rT1wY5b' };
    expect(() => authenticator({ headers: { 'X-API-Key': 'a' } }, [key])).toThrow(
      'authenticators.company.request sends the header x-api-key, which connections.login sets itself.',
    );
    const pair = { type: 'basic', username: 'us', password: 'Zk3vX9pQ7rT1wY5b' };
    expect(() => authenticator({ basic: true }, [pair])).toThrow('the header authorization');
    expect(() => authenticator({ headers: { 'x-tenant': 'a' } }, [pair, key])).not.toThrow();
  });
});

it('nothing of name and password comes into the log, wherever they stand', async () => {
  for (status of [200, 401, 500]) {
    await signIn({ basic: true, path: '/u/{username}', headers: { 'x-l': '{username}' } });
    await signIn({ template: { data: PAIR } });
  }
  expect(calls).toHaveLength(6);
  expect(logged.join('')).not.toMatch(/grace|hopper|\b4711\b/);
});
