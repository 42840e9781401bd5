import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { httpAuthenticator } from '../../../src/authenticators/http/http.ts';
import { connectionSchema, createConnection } from '../../../src/connections/connection.ts';
import { createFailureReport } from '../../../src/outbound/failure-reason.ts';
import { createHttpClient } from '../../../src/outbound/http-client.ts';
import type { HttpClient } from '../../../src/outbound/outbound-types.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { createLogger } from '../../../src/platform/logger.ts';
import { createMetrics } from '../../../src/platform/metrics.ts';
import { connectionSettings, listen, shut, startTestBackend } from '../../support/backend.ts';

interface Call {
  headers: IncomingMessage['headers'];
  body: string;
}

let server: Server;
let url: string;
let calls: Call[];
let answer: (response: ServerResponse, call: Call) => void;
let httpClient: HttpClient;
let logged: string[];

beforeEach(async () => {
  calls = [];
  logged = [];
  answer = () => {};
  server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8');
    request.on('data', (chunk: string) => (body += chunk));
    request.on('end', () => {
      const call = { headers: request.headers, body };
      calls.push(call);
      answer(response, call);
    });
  });
  url = await listen(server);
  httpClient = createHttpClient();
});
afterEach(async () => {
  await httpClient.close();
  await shut(server);
});

function reply(status: number, value?: unknown, headers: Record<string, string> = {}) {
  answer = (response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(value === undefined ? undefined : JSON.stringify(value));
  };
}

interface Changes {
  request?: Record<string, unknown>;
  answer?: Record<string, unknown>;
  connection?: Record<string, unknown>;
}

function authenticator(changes: Changes = {}) {
  const logger = createLogger('debug', { write: (line) => logged.push(line) });
  const connection = createConnection(
    'login',
    connectionSchema.parse({ base_url: url, ...changes.connection }),
    { httpClient, clock: systemClock, metrics: createMetrics(), logger },
  );
  const options = httpAuthenticator.optionsSchema.parse({
    name: 'company',
    type: 'http',
    reference_space: 'crm',
    connection: 'login',
    request: { path: '/login', ...changes.request },
    answer: { reference: 'user.id', ...changes.answer },
  });
  return httpAuthenticator.create(options, {
    connections: new Map([[options.connection, connection]]),
    reportFailure: createFailureReport({ clock: systemClock, logger }),
  });
}

const context = { requestId: 'req-9', channel: 'web' };

function signIn(changes: Changes = {}, password = 'correct horse & = staple') {
  const proof = { kind: 'password', username: 'grace', password } as const;
  return authenticator(changes).authenticate(proof, context);
}

const authenticated = { outcome: 'authenticated', space: 'crm', reference: '4711' };
const refused = { outcome: 'refused', reason: 'credentials' };
const unavailable = (reason: string) => ({
  outcome: 'unavailable',
  busy: false,
  retryAfterSeconds: 5,
  reason,
});

describe('a sign-in at the company’s own interface', () => {
  it('is authenticated when the answer holds a reference', async () => {
    reply(200, { user: { id: '4711' } });
    expect(await signIn()).toEqual(authenticated);
    reply(200, { user: { id: 4711 } });
    expect(await signIn()).toEqual(authenticated);
    expect(calls[0]?.headers).toMatchObject({ 'content-type': 'application/json', 'x-request-id': 'req-9' });
    expect(JSON.parse(calls[0]?.body ?? '')).toEqual({
      username: 'grace',
      password: 'correct horse & = staple',
    });
  });

  it('is sent as a form with the configured names and constants', async () => {
    reply(200, { user: { id: '4711' } });
    const request = { format: 'form', username_field: 'login', password_field: 'pin', extra: { tenant: 7 } };
    expect(await signIn({ request })).toEqual(authenticated);
    expect(calls[0]?.headers['content-type']).toBe('application/x-www-form-urlencoded');
    expect(Object.fromEntries(new URLSearchParams(calls[0]?.body))).toEqual({
      tenant: '7',
      login: 'grace',
      pin: 'correct horse & = staple',
    });
  });

  it.each([401, 403, 404, 422])('is refused by the status %i', async (status) => {
    reply(status, { error: 'no' });
    expect(await signIn()).toEqual(refused);
    reply(status);
    expect(await signIn()).toEqual(refused);
  });

  it.each<[string, string, () => void]>([
    ['400, which is our mistake', 'status_400', () => reply(400, {})],
    ['200 without a reference', 'reference_missing', () => reply(200, { ok: true })],
    ['200 with null as reference', 'reference_unusable', () => reply(200, { user: { id: null } })],
    ['200 with an object as reference', 'reference_unusable', () => reply(200, { user: { id: { a: 1 } } })],
    ['200 with an empty reference', 'reference_unusable', () => reply(200, { user: { id: '' } })],
    ['200 with a control character in it', 'reference_unusable', () => reply(200, { user: { id: 'a\nb' } })],
    [
      '200 with a reference that is too long',
      'reference_unusable',
      () => reply(200, { user: { id: 'x'.repeat(256) } }),
    ],
    ['200 with a fraction as reference', 'reference_unusable', () => reply(200, { user: { id: 1.5 } })],
    ['200 with an array', 'not_object', () => reply(200, [{ user: { id: '4711' } }])],
    ['a page for people with 200', 'html', () => reply(200, '<html>', { 'content-type': 'text/html' })],
    [
      'a page for people with 403, as firewalls send it',
      'html',
      () => reply(403, '<html>', { 'content-type': 'text/html' }),
    ],
    ['a redirect to a sign-in page', 'redirect', () => reply(302, undefined, { location: '/sso' })],
    ['204', 'status_204', () => reply(204)],
    ['500', 'status_500', () => reply(500, { user: { id: '4711' } })],
    ['a dropped connection', 'unreachable', () => (answer = (response) => response.destroy())],
    ['silence', 'timeout', () => (answer = () => {})],
  ])(
    'could not be told from %s, and is not called wrong; the log says %s',
    async (_what, reason, arrange) => {
      arrange();
      expect(await signIn({ connection: { total_timeout_ms: 150 } })).toEqual(unavailable(reason));
      const lines = logged.filter((line) => line.includes('authenticator.failed'));
      expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
        expect.objectContaining({ level: 'warn', authenticator: 'company', reason, request_id: 'req-9' }),
      ]);
      expect(calls).toHaveLength(1);
    },
  );

  it('says when to come back, within reason', async () => {
    reply(429, undefined, { 'retry-after': '7' });
    expect(await signIn()).toMatchObject({ outcome: 'unavailable', busy: true, retryAfterSeconds: 7 });
    reply(503, undefined, { 'retry-after': '86400' });
    expect(await signIn()).toMatchObject({ outcome: 'unavailable', busy: false, retryAfterSeconds: 60 });
    // A date counts from the answer's own, whatever our clock says.
    const date = 'Thu, 01 Jan 2026 00:00:00 GMT';
    reply(503, undefined, { date, 'retry-after': 'Thu, 01 Jan 2026 00:00:09 GMT' });
    expect(await signIn()).toMatchObject({ outcome: 'unavailable', retryAfterSeconds: 9 });
    reply(503, undefined, { date, 'retry-after': 'Thu, 01 Jan 2026 00:59:00 GMT' });
    expect(await signIn()).toMatchObject({ outcome: 'unavailable', retryAfterSeconds: 60 });
    reply(503, undefined, { 'retry-after': 'tomorrow' });
    expect(await signIn()).toEqual(unavailable('status_503'));
  });

  it('is unavailable when the interface is down', async () => {
    expect(await signIn({ connection: { base_url: 'http://127.0.0.1:9' } })).toEqual(
      unavailable('unreachable'),
    );
  });

  it('tells a locked account and a password to be changed by their markers', async () => {
    const markers = {
      locked: { path: 'state', value: 'LOCKED' },
      password_change_required: { status: 409, path: 'state', value: 'EXPIRED' },
    };
    reply(200, { user: { id: '4711' }, state: 'LOCKED' });
    expect(await signIn({ answer: markers })).toEqual({ outcome: 'refused', reason: 'locked' });
    reply(403, { state: 'LOCKED' });
    expect(await signIn({ answer: markers })).toEqual({ outcome: 'refused', reason: 'locked' });
    reply(409, { state: 'EXPIRED' });
    expect(await signIn({ answer: markers })).toEqual({
      outcome: 'refused',
      reason: 'password_change_required',
    });
    reply(409, { state: 'OTHER' });
    expect(await signIn({ answer: markers })).toEqual(unavailable('status_409'));
    reply(423);
    expect(await signIn({ answer: { locked: { status: 423 } } })).toEqual({
      outcome: 'refused',
      reason: 'locked',
    });
  });

  it('by an interface that always answers 200 needs its success marker; only its refusal marker refuses', async () => {
    const markers = {
      success: { equals: { path: 'ok', value: true } },
      refused: { path: 'error', value: 'bad_credentials' },
    };
    reply(200, { ok: true, user: { id: '4711' } });
    expect(await signIn({ answer: markers })).toEqual(authenticated);
    reply(200, { ok: false, user: { id: '4711' } });
    expect(await signIn({ answer: markers })).toEqual(unavailable('success_missing'));
    reply(200, { ok: false, error: 'bad_credentials' });
    expect(await signIn({ answer: markers })).toEqual(refused);
    reply(200, { ok: false, error: 'database_down' });
    expect(await signIn({ answer: markers })).toEqual(unavailable('success_missing'));
  });

  it('without a name or a password is refused without a call', async () => {
    reply(200, { user: { id: '4711' } });
    expect(await signIn({}, '')).toEqual(refused);
    expect(calls).toEqual([]);
  });

  it('sends a password once, unless the answer says that our own token is bad', async () => {
    const backend = await startTestBackend();
    try {
      const { auth } = connectionSettings(backend);
      reply(401, { error: 'no' }, { 'www-authenticate': 'Bearer realm="login"' });
      expect(await signIn({ connection: { auth } })).toEqual(refused);
      expect(calls).toHaveLength(1);
      reply(401, { error: 'no' }, { 'www-authenticate': 'Bearer error="invalid_token"' });
      expect(await signIn({ connection: { auth } })).toEqual(unavailable('no_credentials'));
      expect(calls).toHaveLength(3);
      expect(calls[1]?.headers.authorization).not.toBe(calls[2]?.headers.authorization);
    } finally {
      await backend.close();
    }
  });

  it('leaves neither name nor password in the log', async () => {
    for (const status of [200, 401, 500]) {
      reply(status, { user: { id: '4711' } });
      await signIn();
    }
    expect(logged.join('')).not.toMatch(/grace|staple|\b4711\b/);
  });

  it('is probed without anybody’s credentials', async () => {
    reply(405);
    expect(await authenticator().probe()).toEqual({ ok: true, message: expect.stringContaining('405') });
    expect(calls[0]?.body).toBe('');
    for (const status of [401, 403, 404, 422]) {
      reply(status);
      expect(await authenticator().probe()).toEqual({
        ok: true,
        message: `${url} answered ${status} to a request without anybody's credentials: reached; it refuses an empty sign-in.`,
      });
    }
    reply(401);
    const keyed = {
      connection: { base_url: url, auth: [{ type: 'api_key', header: 'x-key', value: 'key-of-ours-77' }] },
    };
    expect(await authenticator(keyed).probe()).toEqual({
      ok: true,
      warning: true,
      message: `${url} answered 401 to a request without anybody's credentials: reached; it may be refusing our own credentials: check the connection's auth.`,
    });
    expect(await authenticator({ ...keyed, answer: { refused_statuses: [401] } }).probe()).toEqual({
      ok: true,
      message: `${url} answered 401 to a request without anybody's credentials: reached; it refuses an empty sign-in, as configured.`,
    });
    reply(403);
    const told = await authenticator({ ...keyed, answer: { refused_statuses: [401] } }).probe();
    expect(told).toMatchObject({ warning: true, message: expect.stringContaining('our own credentials') });
    reply(302);
    expect(await authenticator().probe()).toMatchObject({
      ok: false,
      message: expect.stringContaining('redirects are not followed'),
    });
    answer = (response) => void response.writeHead(200, { 'content-type': 'text/html' }).end('<p>');
    expect(await authenticator().probe()).toMatchObject({
      ok: false,
      message: expect.stringContaining('a page for people'),
    });
    reply(502);
    expect(await authenticator().probe()).toMatchObject({ ok: false });
    reply(200, { user: { id: '4711' } });
    expect(await authenticator().probe()).toMatchObject({
      ok: false,
      message: expect.stringContaining('everybody would be that customer'),
    });
    const down = authenticator({ connection: { base_url: 'http://127.0.0.1:9' } });
    expect(await down.probe()).toEqual({
      ok: false,
      message: 'http://127.0.0.1:9 cannot be reached (connection refused).',
    });
  });
});

describe('the settings of the interface', () => {
  const parse = (changes: Changes) =>
    httpAuthenticator.optionsSchema.safeParse({
      name: 'company',
      type: 'http',
      reference_space: 'crm',
      connection: 'login',
      request: { path: '/login', ...changes.request },
      answer: { reference: 'user.id', ...changes.answer },
    }).success;

  it.each<[string, Changes]>([
    ['GET, which would put the password into logs', { request: { method: 'GET' } }],
    ['an absolute URL', { request: { path: 'https://elsewhere.example/login' } }],
    ['an empty marker', { answer: { locked: {} } }],
    ['a marker with a path and no value', { answer: { locked: { path: 'a' } } }],
    ['a refusal by 500', { answer: { refused_statuses: [500] } }],
    ['a success by 401', { answer: { success: { status: [401] } } }],
    ['an unknown key', { answer: { email: 'user.mail' } }],
  ])('refuse %s', (_what, changes) => {
    expect(parse({})).toBe(true);
    expect(parse(changes)).toBe(false);
  });
});

describe('the steps of a sign-in on trial', () => {
  it('say what the interface answered and what is wrong with it, and repeat nothing of it', async () => {
    const steps: string[] = [];
    const attempt = (password = 'canary-password-9') =>
      authenticator().authenticate(
        { kind: 'password', username: 'canary-name', password },
        { ...context, note: (step) => void steps.push(step) },
      );
    reply(200, { user: { id: 'canary-4711' } });
    await attempt();
    reply(200, { user: { name: 'canary-x' } });
    await attempt();
    await attempt('');
    expect(steps).toEqual([
      `${url} answered 200.`,
      `${url} answered 200.`,
      'It gives no customer id where `answer.reference` looks for it.',
      'An empty name or password is never sent.',
    ]);
  });
});
