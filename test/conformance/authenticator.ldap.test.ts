import { describe } from 'vitest';
import { ldapAuthenticator } from '../../src/authenticators/ldap/ldap.ts';
import { createFailureReport } from '../../src/outbound/failure-reason.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { createLogger } from '../../src/platform/logger.ts';
import { startSilentServer } from '../support/silent-server.ts';
import { LDAP_PASSWORD, PEOPLE, SERVICE_ACCOUNT, slapdMissing, startSlapd } from '../support/slapd.ts';
import { authenticatorSuite, hangingServerSuite } from './authenticator.suite.ts';

const missing = slapdMissing();

describe.skipIf(missing !== undefined)(`LDAP${missing ? ` (skipped: ${missing})` : ''}`, () => {
  const open = async () => {
    const [server, silent] = await Promise.all([startSlapd(), startSilentServer()]);
    const lines: string[] = [];
    const logger = createLogger('debug', { write: (line) => lines.push(line) });
    const make = (url: string, timeoutMs: number) =>
      ldapAuthenticator.create(
        ldapAuthenticator.optionsSchema.parse({
          name: 'company',
          type: 'ldap',
          reference_space: 'crm',
          url,
          ca: server.ca,
          service_account: SERVICE_ACCOUNT,
          search_base: PEOPLE,
          reference_attribute: 'departmentNumber',
          timeout_ms: timeoutMs,
        }),
        { reportFailure: createFailureReport({ clock: systemClock, logger }) },
      );
    return {
      authenticator: make(server.url, 5_000),
      person: { username: 'mira', password: LDAP_PASSWORD, reference: '4711' },
      hanging: { authenticator: make(`ldap://127.0.0.1:${silent.port}`, 400), deadlineMs: 400 },
      patient: { authenticator: make(`ldap://127.0.0.1:${silent.port}`, 5_000) },
      silent,
      takeAway: () => server.kill(),
      logged: () => lines.join(''),
      close: async () => {
        await silent.close();
        await server.stop();
      },
    };
  };
  authenticatorSuite(open);
  hangingServerSuite(open);
});
