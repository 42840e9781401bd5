import { describe } from 'vitest';
import { siteSessionAuthenticator } from '../../src/authenticators/site-session/site-session.ts';
import { connectionSchema, createConnection } from '../../src/connections/connection.ts';
import { createFailureReport } from '../../src/outbound/failure-reason.ts';
import { createHttpClient } from '../../src/outbound/http-client.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { createLogger } from '../../src/platform/logger.ts';
import { createMetrics } from '../../src/platform/metrics.ts';
import { startSilentServer } from '../support/silent-server.ts';
import { startTestSite } from '../support/site.ts';
import { hangingServerSuite, presentedProofSuite } from './authenticator.suite.ts';

const carrying = (value: string) =>
  ({ kind: 'site_session', cookies: [['site_sid', value]], headers: {} }) as const;

describe('the site of a company', () => {
  const open = async () => {
    const [site, silent] = await Promise.all([startTestSite(), startSilentServer()]);
    site.sessions.set('canary-sid-1', 'mira-4711');
    const httpClient = createHttpClient();
    const lines: string[] = [];
    const logger = createLogger('debug', { write: (line) => lines.push(line) });
    const make = (base_url: string, total_timeout_ms: number) => {
      const settings = connectionSchema.parse({ base_url, total_timeout_ms });
      const shared = { httpClient, clock: systemClock, metrics: createMetrics(), logger };
      const options = siteSessionAuthenticator.optionsSchema.parse({
        name: 'shop',
        type: 'site_session',
        reference_space: 'crm',
        connection: 'site',
        request: { path: '/me' },
        cookies: ['site_sid'],
        answer: { reference: 'user.id' },
      });
      return siteSessionAuthenticator.create(options, {
        connections: new Map([['site', createConnection('site', settings, shared)]]),
        clock: systemClock,
        endedReferences: { endedSince: () => false },
        reportFailure: createFailureReport({ clock: systemClock, logger }),
      });
    };
    let isThere = true;
    const takeAway = async () => {
      if (isThere) await site.close();
      isThere = false;
    };
    return {
      authenticator: make(site.url, 5_000),
      known: carrying('canary-sid-1'),
      unknown: carrying('canary-nobody'),
      foreign: [
        { kind: 'subject_token' as const, token: 'x', tokenType: 'jwt' as const },
        {
          kind: 'site_session' as const,
          cookies: [['canary-other', 'x']] as [string, string][],
          headers: { 'x-other': 'y' },
        },
      ],
      reference: 'mira-4711',
      proof: carrying('canary-sid-1'),
      hanging: { authenticator: make(`http://127.0.0.1:${silent.port}`, 400), deadlineMs: 400 },
      patient: {
        authenticator: make(`http://127.0.0.1:${silent.port}`, 5_000),
        closeOthers: () => httpClient.close(),
      },
      silent,
      takeAway,
      logged: () => lines.join(''),
      close: async () => {
        await httpClient.close();
        await silent.close();
        await takeAway();
      },
    };
  };
  presentedProofSuite(open);
  hangingServerSuite(open);
});
