import { createServer, type IncomingHttpHeaders } from 'node:http';
import { describe } from 'vitest';
import { httpAuthenticator } from '../../src/authenticators/http/http.ts';
import { connectionSchema, createConnection } from '../../src/connections/connection.ts';
import { createHttpClient } from '../../src/outbound/http-client.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { createLogger } from '../../src/platform/logger.ts';
import { createMetrics } from '../../src/platform/metrics.ts';
import { listen, shut } from '../support/backend.ts';
import { startSilentServer } from '../support/silent-server.ts';
import { authenticatorSuite, hangingServerSuite } from './authenticator.suite.ts';

const person = { username: 'mira', password: 'correct horse battery staple', reference: '4711' };

/** Ways to write the request, and how their API reads name and password. */
const WAYS: {
  way: string;
  request: Record<string, unknown>;
  read: (body: string, headers: IncomingHttpHeaders) => readonly [string | undefined, string | undefined];
}[] = [
  {
    way: 'two fields',
    request: {},
    read: (body) => {
      const sent = JSON.parse(body) as Record<string, string>;
      return [sent['username'], sent['password']];
    },
  },
  {
    way: 'a template',
    request: { template: { data: { who: ['{username}'], pin: '{password}' }, version: 2 } },
    read: (body) => {
      const { data } = JSON.parse(body) as { data: { who: string[]; pin: string } };
      return [data.who[0], data.pin];
    },
  },
  {
    way: 'a form by template',
    request: { format: 'form', template: { u: '{username}', p: '{password}' } },
    read: (body) => {
      const sent = new URLSearchParams(body);
      return [sent.get('u') ?? undefined, sent.get('p') ?? undefined];
    },
  },
  {
    way: 'HTTP Basic by GET',
    request: { method: 'GET', basic: true },
    read: (_body, { authorization = '' }) => {
      const pair = Buffer.from(authorization.replace('Basic ', ''), 'base64').toString('utf8');
      return [pair.slice(0, pair.indexOf(':')), pair.slice(pair.indexOf(':') + 1)];
    },
  },
];

/** A log-in API that knows one person. */
function startLoginApi(read: (typeof WAYS)[number]['read']) {
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8');
    request.on('data', (chunk: string) => (body += chunk));
    request.on('end', () => {
      const probed = body === '' && request.headers.authorization === undefined;
      const [username, password] = probed ? [] : read(body, request.headers);
      const right = username === person.username && password === person.password;
      response.writeHead(right ? 200 : 401, { 'content-type': 'application/json' });
      response.end(JSON.stringify(right ? { id: person.reference } : { error: 'no' }));
    });
  });
  return server;
}

describe.each(WAYS)('the log-in API of a company, asked by $way', ({ request, read }) => {
  const open = async () => {
    const api = startLoginApi(read);
    const [url, silent] = await Promise.all([listen(api), startSilentServer()]);
    const httpClient = createHttpClient();
    const lines: string[] = [];
    const logger = createLogger('debug', { write: (line) => lines.push(line) });
    const make = (base_url: string, total_timeout_ms: number) => {
      const settings = connectionSchema.parse({ base_url, total_timeout_ms });
      const shared = { httpClient, clock: systemClock, metrics: createMetrics(), logger };
      const connections = new Map([['login', createConnection('login', settings, shared)]]);
      const options = httpAuthenticator.optionsSchema.parse({
        name: 'company',
        type: 'http',
        reference_space: 'crm',
        connection: 'login',
        request: { path: '/login', ...request },
        answer: { reference: 'id' },
      });
      return httpAuthenticator.create(options, { connections, reportFailure: () => {} });
    };
    return {
      authenticator: make(url, 5_000),
      person,
      hanging: { authenticator: make(`http://127.0.0.1:${silent.port}`, 400), deadlineMs: 400 },
      patient: {
        authenticator: make(`http://127.0.0.1:${silent.port}`, 5_000),
        closeOthers: () => httpClient.close(),
      },
      silent,
      takeAway: () => shut(api),
      logged: () => lines.join(''),
      close: async () => {
        await httpClient.close();
        await silent.close();
        if (api.listening) await shut(api);
      },
    };
  };
  authenticatorSuite(open);
  hangingServerSuite(open);
});
