import { createServer } from 'node:http';
import { describe } from 'vitest';
import { httpAuthenticator } from '../../src/authenticators/http.ts';
import { connectionSchema, createConnection } from '../../src/connections/connection.ts';
import { createHttpClient } from '../../src/outbound/http-client.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { createLogger } from '../../src/platform/logger.ts';
import { createMetrics } from '../../src/platform/metrics.ts';
import { listen, shut } from '../support/backend.ts';
import { startSilentServer } from '../support/silent-server.ts';
import { authenticatorSuite, hangingServerSuite } from './authenticator.suite.ts';

const person = { username: 'mira', password: 'correct horse battery staple', reference: '4711' };

/** A log-in API that knows one person. */
function startLoginApi() {
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8');
    request.on('data', (chunk: string) => (body += chunk));
    request.on('end', () => {
      const sent = (body === '' ? {} : JSON.parse(body)) as { username?: string; password?: string };
      const right = sent.username === person.username && sent.password === person.password;
      response.writeHead(right ? 200 : 401, { 'content-type': 'application/json' });
      response.end(JSON.stringify(right ? { id: person.reference } : { error: 'no' }));
    });
  });
  return server;
}

describe('the log-in API of a company', () => {
  const open = async () => {
    const api = startLoginApi();
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
        request: { path: '/login' },
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
