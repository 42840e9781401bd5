import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ldapAuthenticator } from '../../../src/authenticators/ldap/ldap.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { createFailureReport } from '../../../src/outbound/failure-reason.ts';
import { createLogger } from '../../../src/platform/logger.ts';
import { createTestCertificate } from '../../support/certificate.ts';
import {
  LDAP_PASSWORD,
  PEOPLE,
  SERVICE_ACCOUNT,
  type SlapdServer,
  slapdMissing,
  startSlapd,
} from '../../support/slapd.ts';

const CONTEXT = { requestId: 'req-1', channel: 'web' };
const REFUSED = { outcome: 'refused', reason: 'credentials' };
const signedIn = (reference: string) => ({ outcome: 'authenticated', space: 'crm', reference });
const unavailable = {
  outcome: 'unavailable',
  busy: false,
  retryAfterSeconds: 5,
  reason: expect.any(String) as string,
};
const lines: string[] = [];
const logger = createLogger('debug', { write: (line) => lines.push(line) });

const missing = slapdMissing();

describe.skipIf(missing !== undefined)(`LDAP${missing ? ` (skipped: ${missing})` : ''}`, () => {
  let server: SlapdServer;
  beforeAll(async () => {
    server = await startSlapd();
  });
  afterAll(() => server?.stop());

  const settings = (changes: Record<string, unknown> = {}) => ({
    name: 'company',
    type: 'ldap',
    reference_space: 'crm',
    url: server.secureUrl,
    ca: server.ca,
    service_account: SERVICE_ACCOUNT,
    search_base: PEOPLE,
    reference_attribute: 'departmentNumber',
    must_have: { objectClass: 'inetOrgPerson' },
    ...changes,
  });
  const authenticator = (changes: Record<string, unknown> = {}) =>
    ldapAuthenticator.create(ldapAuthenticator.optionsSchema.parse(settings(changes)), {
      reportFailure: createFailureReport({ clock: systemClock, logger }),
    });
  const signIn = (username: string, password = LDAP_PASSWORD, changes: Record<string, unknown> = {}) =>
    authenticator(changes).authenticate({ kind: 'password', username, password }, CONTEXT);
  const byDn = { service_account: undefined, bind_as: `uid={username},${PEOPLE}` };

  describe.each<[string, () => Record<string, unknown>]>([
    ['LDAPS and a search', () => ({})],
    ['StartTLS and a search', () => ({ url: server.url })],
    ['LDAPS and a direct bind', () => byDn],
    ['StartTLS and a direct bind', () => ({ ...byDn, url: server.url })],
  ])('by %s', (_what, ways) => {
    it('the right password gives the reference', async () => {
      expect(await signIn('mira', LDAP_PASSWORD, ways())).toEqual(signedIn('4711'));
      expect(await signIn('MIRA', LDAP_PASSWORD, ways())).toEqual(signedIn('4711'));
    });

    it.each([
      ['a wrong password', 'mira', 'wrong'],
      ['an unknown name', 'nobody', LDAP_PASSWORD],
      ['no password', 'mira', ''],
      ['a NUL in the password', 'mira', `${LDAP_PASSWORD}\0`],
      ['no name', '', LDAP_PASSWORD],
      ['a wildcard', '*', LDAP_PASSWORD],
      ['the beginning of a name and a wildcard', 'mir*', LDAP_PASSWORD],
      ['a filter', 'mira)(uid=*', LDAP_PASSWORD],
      ['a filter that is always true', '*)(|(objectClass=*', LDAP_PASSWORD],
      ['an escaped wildcard', '\\2a', LDAP_PASSWORD],
      ['a second part of a name', `mira,${PEOPLE}`, LDAP_PASSWORD],
      ['another spelling: a space behind', 'mira ', LDAP_PASSWORD],
      ['another spelling: full width', '\uff4d\uff49\uff52\uff41', LDAP_PASSWORD],
      ['another spelling: a soft hyphen', 'mi\u00adra', LDAP_PASSWORD],
      ['a name with a NUL', 'mira\0', LDAP_PASSWORD],
      ['a lone surrogate', 'mira\ud800', LDAP_PASSWORD],
      ['a name that is too long', 'x'.repeat(256), LDAP_PASSWORD],
    ])('%s is refused in the same words', async (_why, username, password) => {
      expect(await signIn(username, password, ways())).toEqual(REFUSED);
    });

    it('a name of special characters is only a name, in every Unicode form', async () => {
      const name = 'jörg, o=x+(*)';
      for (const form of ['NFC', 'NFD'] as const)
        expect(await signIn(name.normalize(form), LDAP_PASSWORD, ways())).toEqual(signedIn('4712'));
    });

    it('a locked account and a password to be changed are told, by the password policy of the server', async () => {
      expect(await signIn('locked', LDAP_PASSWORD, ways())).toEqual({ outcome: 'refused', reason: 'locked' });
      expect(await signIn('reset', LDAP_PASSWORD, ways())).toMatchObject({ outcome: 'refused' });
    });
  });

  it('a password that an administrator has set must be changed first', async () => {
    const refusal = { outcome: 'refused', reason: 'password_change_required' };
    expect(await signIn('reset')).toEqual(refusal);
    expect(await signIn('reset', 'wrong')).toEqual(REFUSED);
  });

  it('that an entry is marked as locked is told only to whoever knows its password, with and without a search', async () => {
    const locked = { locked: { attribute: 'employeeType', value: 'closed' } };
    for (const way of [locked, { ...locked, ...byDn }]) {
      expect(await signIn('closed', 'wrong', way)).toEqual(REFUSED);
      expect(await signIn('closed', LDAP_PASSWORD, way)).toEqual({ outcome: 'refused', reason: 'locked' });
    }
  });

  it.each<[string, string, Record<string, unknown>]>([
    ['no_single_reference', 'nameless', {}],
    ['no_single_reference', 'double', {}],
    ['several_entries', 'twins@example.test', { username_attribute: 'mail' }],
    ['account_refused', 'mira', { service_account: { ...SERVICE_ACCOUNT, password: 'not-the-one-7f' } }],
    ['base_missing', 'mira', { search_base: `ou=nowhere,${PEOPLE}` }],
    ['unreachable', 'mira', { url: 'ldap://localhost:9' }],
  ])(
    'what could not be told has its reason in the log, with the request: %s of %s',
    async (reason, username, changes) => {
      const before = lines.length;
      expect(await signIn(username, LDAP_PASSWORD, changes)).toMatchObject({
        outcome: 'unavailable',
        reason,
      });
      expect(JSON.parse(lines.slice(before).join(''))).toMatchObject({
        event: 'authenticator.failed',
        authenticator: 'company',
        reason,
        request_id: CONTEXT.requestId,
      });
    },
  );

  it('attributes can say that an account is locked or must change its password', async () => {
    const markers = {
      locked: { attribute: 'employeeType', value: 'closed' },
      password_change_required: { attribute: 'employeeType', value: 'must-change' },
    };
    expect(await signIn('closed', LDAP_PASSWORD, markers)).toEqual({ outcome: 'refused', reason: 'locked' });
    expect(await signIn('stale', LDAP_PASSWORD, markers)).toEqual({
      outcome: 'refused',
      reason: 'password_change_required',
    });
    expect(await signIn('stale', 'wrong', markers)).toEqual(REFUSED);
    expect(await signIn('mira', LDAP_PASSWORD, markers)).toEqual(signedIn('4711'));
  });

  it.each<[string, string, Record<string, unknown>]>([
    ['an entry without a reference', 'nameless', {}],
    ['an entry with two references', 'double', {}],
    ['two entries of one name', 'twins@example.test', { username_attribute: 'mail' }],
    [
      'a service account with a wrong password',
      'mira',
      { service_account: { ...SERVICE_ACCOUNT, password: 'not-the-one-7f' } },
    ],
    ['a search base that is not there', 'mira', { search_base: `ou=nowhere,${PEOPLE}` }],
  ])('%s is "could not tell", never "wrong"', async (_what, username, changes) => {
    expect(await signIn(username, LDAP_PASSWORD, changes)).toEqual(unavailable);
  });

  it('binary references are written as GUID or hex', async () => {
    const attribute = { reference_attribute: 'departmentNumber', reference_format: 'hex' };
    expect(await signIn('mira', LDAP_PASSWORD, attribute)).toEqual(signedIn('34373131'));
  });

  it('a certificate of another authority or for another name is not talked to, by either way of TLS', async () => {
    const other = createTestCertificate('localhost').cert;
    for (const url of [server.url, server.secureUrl]) {
      for (const changes of [{ ca: other }, { ca: undefined }, { server_name: 'ldap.example.test' }]) {
        expect(await signIn('mira', LDAP_PASSWORD, { url, ...changes })).toEqual(unavailable);
        expect(await authenticator({ url, ...changes }).probe()).toEqual({
          ok: false,
          message: expect.stringContaining('not trusted'),
        });
      }
    }
  });

  it('a server that is away is "could not tell", and works again when it is back', async () => {
    const own = authenticator();
    const proof = { kind: 'password', username: 'mira', password: LDAP_PASSWORD } as const;
    await server.kill();
    try {
      expect(await own.authenticate(proof, CONTEXT)).toEqual(unavailable);
      expect(await own.probe()).toMatchObject({
        ok: false,
        message: expect.stringContaining('cannot be reached'),
      });
    } finally {
      await server.start();
    }
    expect(await own.authenticate(proof, CONTEXT)).toEqual(signedIn('4711'));
  });

  it('more attempts than connections are turned away as busy', async () => {
    const own = authenticator({ max_connections: 2 });
    const proof = { kind: 'password', username: 'mira', password: LDAP_PASSWORD } as const;
    const outcomes = await Promise.all(Array.from({ length: 6 }, () => own.authenticate(proof, CONTEXT)));
    expect(outcomes.filter(({ outcome }) => outcome === 'authenticated')).toHaveLength(2);
    expect(outcomes.at(-1)).toEqual({ outcome: 'unavailable', busy: true, retryAfterSeconds: 1 });
  });

  it('the probe says in a sentence what is wrong', async () => {
    expect(await authenticator().probe()).toMatchObject({ ok: true });
    expect(await authenticator(byDn).probe()).toMatchObject({ ok: true });
    const message = async (changes: Record<string, unknown>) =>
      (await authenticator(changes).probe()).message;
    expect(await message({ service_account: { ...SERVICE_ACCOUNT, password: 'not-the-one-7f' } })).toContain(
      'refuses the service account',
    );
    expect(await message({ search_base: `ou=nowhere,${PEOPLE}` })).toContain('no search_base');
    expect(await message({ reference_attribute: 'carLicense' })).toContain('carLicense');
    expect(await message({ service_account: undefined })).toContain('code 50: the search may not read');
  });

  it('keeps names, passwords and references out of the log', () => {
    expect(lines.join('')).toContain('authenticator.failed');
    expect(lines.join('')).not.toMatch(/mira|horse|\b4711\b|not-the-one/);
  });

  describe('a server that misbehaves', () => {
    const sockets = new Set<Socket>();
    let impostor: Server;
    let answer: (socket: Socket) => void;
    let url: string;
    beforeAll(async () => {
      impostor = createServer((socket) => {
        sockets.add(socket);
        socket.on('error', () => {});
        socket.once('data', () => answer(socket));
      });
      await once(impostor.listen(0, '127.0.0.1'), 'listening');
      url = `ldap://127.0.0.1:${(impostor.address() as AddressInfo).port}`;
    });
    afterAll(() => {
      for (const socket of sockets) socket.destroy();
      impostor.close();
    });
    const accepted = [0x30, 0x0c, 0x02, 0x01, 0x01, 0x78, 0x07, 0x0a, 0x01, 0x00, 0x04, 0x00, 0x04, 0x00];

    it.each<[string, (socket: Socket) => void]>([
      ['says nothing', () => {}],
      ['closes', (socket) => socket.end()],
      ['drips', (socket) => socket.write(Buffer.from(accepted.slice(0, 5)))],
      ['answers HTML', (socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n<html>')],
      ['refuses StartTLS', (socket) => socket.write(Buffer.from(accepted.with(9, 2)))],
      ['slips in bytes behind its answer', (socket) => socket.write(Buffer.from([...accepted, 0x30]))],
      ['accepts StartTLS and goes on in clear', (socket) => socket.write(Buffer.from(accepted))],
      ['sends without an end', (socket) => socket.write(Buffer.alloc(100_000, 0x30))],
    ])('and %s is "could not tell", and got no password', async (_what, act) => {
      let received = '';
      answer = (socket) => {
        socket.on('data', (chunk: Buffer) => (received += chunk.toString('latin1')));
        act(socket);
      };
      expect(await signIn('mira', LDAP_PASSWORD, { url, timeout_ms: 300 })).toEqual(unavailable);
      expect(received).not.toContain('password');
    });

    it('gets no TLS handshake when bytes came behind its answer in clear', async () => {
      let handshake = '';
      answer = (socket) => {
        socket.on('data', (chunk: Buffer) => (handshake += chunk.toString('latin1')));
        socket.write(Buffer.from([...accepted, 0x30]));
      };
      expect(await signIn('mira', LDAP_PASSWORD, { url, timeout_ms: 300 })).toEqual(unavailable);
      expect(handshake).toBe('');
    });

    it('does not hold up the end of the service', async () => {
      answer = () => {};
      const own = authenticator({ url, timeout_ms: 30_000 });
      const proof = { kind: 'password', username: 'mira', password: LDAP_PASSWORD } as const;
      const underWay = own.authenticate(proof, CONTEXT);
      await own.close();
      expect(await underWay).toEqual(unavailable);
    });
  });
});

describe('settings that would send passwords in clear or open a hole', () => {
  const base = {
    name: 'company',
    type: 'ldap',
    reference_space: 'crm',
    url: 'ldap://ldap.example.com',
    search_base: 'dc=example,dc=com',
    reference_attribute: 'entryUUID',
  };
  it.each<[string, Record<string, unknown>]>([
    ['StartTLS off for another machine', { start_tls: 'off' }],
    ['an unknown way to switch checks off', { reject_unauthorized: false }],
    ['a password in the address', { url: 'ldaps://cn=a:secret@ldap.example.com' }],
    ['another scheme', { url: 'http://ldap.example.com' }],
    ['a bind name without the user name', { bind_as: 'cn=admin,dc=example,dc=com' }],
    ['a bind name that is the user name', { bind_as: '{username}' }],
    ['no place to search', { search_base: undefined }],
  ])('are refused: %s', (_what, changes) => {
    const { success } = ldapAuthenticator.optionsSchema.safeParse({ ...base, ...changes });
    expect(success).toBe(false);
  });

  it('are the only ones: what is safe is taken', () => {
    const taken = (changes: Record<string, unknown>) =>
      ldapAuthenticator.optionsSchema.safeParse({ ...base, ...changes }).success;
    expect(taken({})).toBe(true);
    expect(taken({ url: 'ldap://127.0.0.1:3389', start_tls: 'off' })).toBe(true);
  });
});
