import { execFileSync } from 'node:child_process';
import { globSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTestCertificate } from './certificate.ts';
import { type ChildServer, findProgram, freePort, startChild, untilReady } from './child-server.ts';

const FOLDERS = ['/usr/sbin', '/usr/local/sbin', '/usr/libexec'];
const SCHEMAS = '/etc/ldap/schema';

export const SUFFIX = 'dc=example,dc=test';
export const PEOPLE = `ou=people,${SUFFIX}`;
export const SERVICE_ACCOUNT = { dn: `cn=reader,${SUFFIX}`, password: 'reader-password-5d1' };
export const LDAP_PASSWORD = 'correct horse battery staple';

export interface SlapdServer {
  /** `ldap://`, with StartTLS. */
  readonly url: string;
  /** `ldaps://`. */
  readonly secureUrl: string;
  /** PEM of the certificate, for `localhost`. */
  readonly ca: string;
  kill(): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** Why no server can be started here, or `undefined` when it can. */
export function slapdMissing(): string | undefined {
  return findProgram('slapd', FOLDERS) && globSync(`${SCHEMAS}/core.schema`).length > 0
    ? undefined
    : 'no slapd found';
}

function configuration(folder: string): string {
  const modules = globSync('/usr/lib/ldap/ppolicy.la').length > 0 ? '/usr/lib/ldap' : '/usr/libexec/openldap';
  return `
${['core', 'cosine', 'inetorgperson'].map((name) => `include ${SCHEMAS}/${name}.schema`).join('\n')}
modulepath ${modules}
moduleload back_mdb
moduleload ppolicy
pidfile ${folder}/pid
TLSCertificateFile ${folder}/cert.pem
TLSCertificateKeyFile ${folder}/key.pem
database mdb
suffix "${SUFFIX}"
rootdn "cn=root,${SUFFIX}"
directory ${folder}/data
access to attrs=userPassword by anonymous auth by * none
access to dn.subtree="${PEOPLE}" by dn.exact="${SERVICE_ACCOUNT.dn}" read by self read by anonymous auth by * none
access to * by dn.exact="${SERVICE_ACCOUNT.dn}" read by anonymous auth by * none
overlay ppolicy
ppolicy_default "cn=policy,${SUFFIX}"
ppolicy_use_lockout
`;
}

interface Person {
  uid: string;
  attributes: Record<string, string | string[]>;
}

const PERSONS: readonly Person[] = [
  { uid: 'mira', attributes: { departmentNumber: '4711', mail: 'mira@example.test' } },
  { uid: 'jörg, o=x+(*)', attributes: { departmentNumber: '4712' } },
  { uid: 'locked', attributes: { departmentNumber: '4713', pwdAccountLockedTime: '000001010000Z' } },
  { uid: 'reset', attributes: { departmentNumber: '4714', pwdReset: 'TRUE' } },
  { uid: 'closed', attributes: { departmentNumber: '4715', employeeType: 'closed' } },
  { uid: 'stale', attributes: { departmentNumber: '4716', employeeType: 'must-change' } },
  { uid: 'nameless', attributes: {} },
  { uid: 'double', attributes: { departmentNumber: ['1', '2'] } },
  { uid: 'twin-a', attributes: { departmentNumber: '21', mail: 'twins@example.test' } },
  { uid: 'twin-b', attributes: { departmentNumber: '22', mail: 'twins@example.test' } },
];

function ldif(dn: string, attributes: Record<string, string | string[]>): string {
  const line = (name: string, value: string) => `${name}:: ${Buffer.from(value, 'utf8').toString('base64')}`;
  const lines = Object.entries(attributes).flatMap(([name, value]) =>
    [value].flat().map((one) => line(name, one)),
  );
  return [line('dn', dn), ...lines, ''].join('\n');
}

function entries(): string {
  return [
    ldif(SUFFIX, { objectClass: ['dcObject', 'organization'], o: 'Example', dc: 'example' }),
    ldif(PEOPLE, { objectClass: 'organizationalUnit', ou: 'people' }),
    ldif(SERVICE_ACCOUNT.dn, {
      objectClass: ['organizationalRole', 'simpleSecurityObject'],
      cn: 'reader',
      userPassword: SERVICE_ACCOUNT.password,
    }),
    ldif(`cn=policy,${SUFFIX}`, {
      objectClass: ['pwdPolicy', 'device'],
      cn: 'policy',
      pwdAttribute: 'userPassword',
      pwdLockout: 'TRUE',
      pwdMaxFailure: '0',
      pwdMustChange: 'TRUE',
    }),
    ...PERSONS.map(({ uid, attributes }) =>
      ldif(`uid=${uid.replaceAll(/[,+=*()]/g, (mark) => `\\${mark.charCodeAt(0).toString(16)}`)},${PEOPLE}`, {
        objectClass: 'inetOrgPerson',
        uid,
        cn: uid,
        sn: uid,
        userPassword: LDAP_PASSWORD,
        ...attributes,
      }),
    ),
  ].join('\n');
}

function accepts(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve();
    });
    socket.once('error', reject);
  });
}

/** Starts a directory of our own on free loopback ports, with a handful of people and a password policy. */
export async function startSlapd(): Promise<SlapdServer> {
  const folder = mkdtempSync(join(tmpdir(), 'symbolon-slapd-'));
  const { cert, key } = createTestCertificate('localhost');
  mkdirSync(join(folder, 'data'));
  writeFileSync(join(folder, 'cert.pem'), cert);
  writeFileSync(join(folder, 'key.pem'), key);
  writeFileSync(join(folder, 'slapd.conf'), configuration(folder));
  writeFileSync(join(folder, 'people.ldif'), entries());
  const program = findProgram('slapd', FOLDERS) as string;
  const conf = ['-f', join(folder, 'slapd.conf')];
  execFileSync(findProgram('slapadd', FOLDERS) as string, [...conf, '-l', join(folder, 'people.ldif')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const [port, securePort] = [await freePort(), await freePort()];
  let child: ChildServer;
  const start = async () => {
    child = startChild(program, [
      ...conf,
      '-d',
      '0',
      '-h',
      `ldap://127.0.0.1:${port} ldaps://127.0.0.1:${securePort}`,
    ]);
    await untilReady(child.process, () => accepts(securePort));
  };
  await start();
  return {
    url: `ldap://localhost:${port}`,
    secureUrl: `ldaps://localhost:${securePort}`,
    ca: cert,
    start,
    kill: () => child.stop('SIGKILL'),
    async stop() {
      await child.stop('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
