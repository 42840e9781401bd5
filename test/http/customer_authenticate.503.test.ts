import { createServer, type RequestListener, type Server } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { listen, shut } from '../support/backend.ts';
import { PASSWORD, startService, type TestService } from '../support/service.ts';

let t: TestService;
let login: Server;
let answer: RequestListener;

/** The company's own log-in API: says yes to the right password and holds one of the ways to fail. */
const accept: RequestListener = (request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const { username, password } = JSON.parse(Buffer.concat(chunks).toString()) as Record<string, string>;
    const right = password === PASSWORD && username === 'mira';
    response.writeHead(right ? 200 : 401, { 'content-type': 'application/json' });
    response.end(JSON.stringify(right ? { id: 4711, name: 'Mira' } : { reason: 'internal words' }));
  });
};

const start = async (totalTimeoutMs = 5_000) => {
  answer = accept;
  login = createServer((request, response) => answer(request, response));
  const url = await listen(login);
  t = await startService({
    settings: (all) => ({
      ...all,
      connections: { ...all.connections, login: { base_url: url, total_timeout_ms: totalTimeoutMs } },
      authenticators: [
        {
          name: 'company',
          type: 'http',
          reference_space: 'customers',
          connection: 'login',
          request: { path: '/login' },
          answer: { reference: 'id' },
        },
        { name: 'directory', type: 'directory', reference_space: 'directory' },
      ],
      channels: (all.channels ?? []).map((channel) => ({ ...channel, authenticators: ['company'] })),
    }),
  });
};
const stop = async () => {
  await t.dispose();
  if (login.listening) await shut(login);
};
beforeEach(() => start());
afterEach(stop);

const attempt = (password = PASSWORD) =>
  t.api.post('/customer_authenticate').send({ username: 'mira', password, channel: 'ios' });

async function expectUnavailable() {
  const { body, headers, text } = await attempt().expect(503);
  expect(body.error.code).toBe('AUTHENTICATOR_UNAVAILABLE');
  expect(Number(headers['retry-after'])).toBeGreaterThan(0);
  expect(text).not.toMatch(/internal|127\.0\.0\.1|ECONN|login/);
}

describe('a log-in API that cannot tell is 503, never a wrong password', () => {
  it.each<[string, RequestListener]>([
    ['answers 500', (_request, response) => void response.writeHead(500).end('internal words')],
    ['is not HTTP', (request) => void request.socket.end('220 internal ESMTP\r\n')],
    ['hangs up', (request) => void request.socket.destroy()],
    [
      'redirects',
      (_request, response) => void response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(),
    ],
    [
      'says yes without saying who',
      (_request, response) => void response.writeHead(200, { 'content-type': 'application/json' }).end('{}'),
    ],
    [
      'says yes in HTML',
      (_request, response) =>
        void response.writeHead(200, { 'content-type': 'text/html' }).end('<p>internal'),
    ],
  ])('%s', async (_what, listener) => {
    answer = listener;
    await expectUnavailable();
  });

  it('never answers', async () => {
    await stop();
    await start(400);
    answer = () => {};
    await expectUnavailable();
  });

  it('is not there at all', async () => {
    await shut(login);
    await expectUnavailable();
  });

  it('and comes back', async () => {
    answer = (_request, response) => void response.writeHead(503).end();
    await expectUnavailable();
    answer = accept;
    const { body } = await attempt().expect(200);
    expect(body.customer_id).toMatch(/^c1/);
    await attempt('wrong').expect(401);
  });

  it('and being away counts as no failed guess', async () => {
    answer = (_request, response) => void response.writeHead(500).end();
    for (let i = 0; i < 25; i++) await attempt('wrong').expect(503);
    answer = accept;
    await attempt().expect(200);
  });
});

it('more sign-ins at once than may wait for a password hash are 503 with a time to wait, not a growing queue', async () => {
  await t.dispose();
  t = await startService({ settings: (all) => ({ ...all, passwords: { lanes: 1, max_waiting: 1 } }) });
  const answers = await Promise.all(
    Array.from({ length: 10 }, (_, i) =>
      t.api.post('/customer_authenticate').send({ username: `user-${i}`, password: 'x', channel: 'ios' }),
    ),
  );
  const busy = answers.filter(({ status }) => status === 503);
  expect(busy.length).toBeGreaterThan(0);
  expect(answers.filter(({ status }) => status === 401).length).toBeGreaterThan(0);
  expect(answers.every(({ status }) => status === 503 || status === 401)).toBe(true);
  for (const { body } of busy) expect(body.error).toMatchObject({ code: 'SIGN_IN_BUSY', retry_after: 1 });
});
