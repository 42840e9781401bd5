/**
 * Every way in which a system of the company can fail, as profile backend, as log-in API and as token endpoint: each has
 * its documented answer, in time, while sign-in and another partner notice nothing; and it is used again within ten
 * seconds of being well.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ConfigInput } from '../../src/config/config.ts';
import { freePort } from '../support/child-server.ts';
import { type Fault, FAULTS, type FaultyServer, startFaultyServer } from '../support/faulty-server.ts';
import { PASSWORD, startService, type TestService } from '../support/service.ts';
import { startSilentServer } from '../support/silent-server.ts';

type Destination = Fault | 'down' | 'black_hole' | 'moved_inside';
type Role = 'profile' | 'login' | 'token';

const PROFILE: Record<Destination, [number, string]> = {
  down: [503, 'BACKEND_UNAVAILABLE'],
  black_hole: [503, 'BACKEND_UNAVAILABLE'],
  moved_inside: [502, 'BACKEND_ERROR'],
  refusing: [502, 'BACKEND_ERROR'],
  slow: [504, 'BACKEND_TIMEOUT'],
  drip: [504, 'BACKEND_TIMEOUT'],
  huge: [502, 'BACKEND_ERROR'],
  gzip_bomb: [502, 'BACKEND_ERROR'],
  invalid_json: [502, 'BACKEND_ERROR'],
  wrong_type: [502, 'BACKEND_ERROR'],
  html_with_200: [502, 'BACKEND_ERROR'],
  redirect_inside: [502, 'BACKEND_ERROR'],
  wrong_customer: [502, 'BACKEND_ERROR'],
  too_many: [503, 'BACKEND_UNAVAILABLE'],
  unauthorized: [502, 'BACKEND_ERROR'],
  failing: [503, 'BACKEND_UNAVAILABLE'],
  cut_off: [502, 'BACKEND_ERROR'],
  // Every other call is answered, and a question may be asked twice.
  flapping: [200, ''],
};
const UNTOLD: [number, string] = [503, 'AUTHENTICATOR_UNAVAILABLE'];
const LOGIN: Partial<Record<Destination, [number, string]>> = {
  // By default these mean a wrong name or password.
  refusing: [401, 'INVALID_CREDENTIALS'],
  unauthorized: [401, 'INVALID_CREDENTIALS'],
  too_many: [503, 'SIGN_IN_BUSY'],
};
const NO_CREDENTIALS: [number, string] = [503, 'BACKEND_UNAVAILABLE'];

const DESTINATIONS: Destination[] = ['down', 'black_hole', 'moved_inside', ...FAULTS];
/** What a fault cannot be: a token endpoint speaks of no customer. */
const SENSELESS = new Set(['wrong_customer token']);
const CASES = (['profile', 'login', 'token'] as const).flatMap((role) =>
  DESTINATIONS.filter((one) => !SENSELESS.has(`${one} ${role}`)).map((one) => [role, one] as const),
);

function documented(role: Role, one: Destination): [number, string] {
  if (role === 'profile') return PROFILE[one];
  return role === 'login' ? (LOGIN[one] ?? UNTOLD) : NO_CREDENTIALS;
}

const name = (role: Role, one: Destination) => `${role}-${one}`;
const LIMITS = { connect_timeout_ms: 100, total_timeout_ms: 300 };

let t: TestService;
let faulty: FaultyServer;
let silent: Awaited<ReturnType<typeof startSilentServer>>;
/** Names that were looked up once: from then on they lead to this machine. */
const resolved = new Set<string>();
let proof: string;
/** How long sign-in and the other partner took while something else was failing. */
const unaffectedMs: number[] = [];

function baseOf(role: Role, one: Destination, downPort: number): string {
  if (one === 'down') return `http://127.0.0.1:${downPort}`;
  if (one === 'black_hole') return `https://127.0.0.1:${silent.port}`;
  if (one === 'moved_inside') return `http://${role}.test:${new URL(faulty.url).port}/moved`;
  return `${faulty.url}/${one}`;
}

function connectionFor(role: Role, base: string) {
  const insecure = { ...LIMITS, allow_insecure_http: true };
  if (role !== 'token') return { ...insecure, base_url: base };
  const auth = {
    type: 'client_credentials' as const,
    token_url: `${base}/token`,
    client_id: 'bridge',
    client_secret: 'a-secret-of-ours-91',
  };
  return { ...insecure, base_url: `${faulty.url}/none`, auth: [auth] };
}

function withFaults(all: ConfigInput, downPort: number): ConfigInput {
  const backends = CASES.filter(([role]) => role !== 'login').map(([role, one]) => ({
    name: name(role, one),
    connection: name(role, one),
    path: '/profile',
    identifier: { as: 'opaque' as const, in: 'header' as const, name: 'X-Customer' },
    subject: 'customer',
    fields: { [name(role, one)]: 'plan' },
  }));
  const logins = CASES.filter(([role]) => role === 'login').map(([role, one]) => ({
    name: name(role, one),
    type: 'http' as const,
    reference_space: name(role, one),
    connection: name(role, one),
    request: { path: '/login' },
    answer: { reference: 'id' },
  }));
  return {
    ...all,
    connections: {
      ...all.connections,
      ...Object.fromEntries(
        CASES.map(([role, one]) => [name(role, one), connectionFor(role, baseOf(role, one, downPort))]),
      ),
    },
    backends: [...(all.backends ?? []), ...backends],
    authenticators: [{ name: 'directory', type: 'directory', reference_space: 'directory' }, ...logins],
    channels: [
      ...(all.channels ?? []).map((channel) => ({ ...channel, authenticators: ['directory'] })),
      ...logins.map((login) => ({
        id: login.name,
        group: 'north',
        delivery: 'token' as const,
        authenticators: [login.name],
      })),
    ],
    sign_in: { max_failures_per_account: 100, max_failures_per_address: 100_000 },
  };
}

beforeAll(async () => {
  faulty = await startFaultyServer();
  silent = await startSilentServer();
  const downPort = await freePort();
  t = await startService({
    settings: (all) => withFaults(all, downPort),
    // Public at first, and nobody answers there.
    resolveHost: (hostname) => {
      const address = resolved.has(hostname) ? '127.0.0.1' : '2001:db8::7';
      resolved.add(hostname);
      return Promise.resolve([{ address, family: address.includes(':') ? 6 : 4 }]);
    },
  });
  const fields = CASES.map(([role, one]) => name(role, one));
  await t.admin.patch('/admin/partners/north').send({ visible_fields: fields }).expect(200);
  proof = (await t.signIn('ios')).JWT;
});
afterAll(async () => {
  await t.dispose();
  await faulty.close();
  await silent.close();
});

/** One call at the door that rests on the destination. */
async function knock(role: Role, one: Destination): Promise<[number, string]> {
  const { status, body } =
    role === 'login'
      ? await t.api
          .post('/customer_authenticate')
          .send({ username: 'mira', password: PASSWORD, channel: name(role, one), delivery: 'token' })
      : await t.api
          .post('/getprofile')
          .set({ authorization: `Bearer ${t.north.key.secret}`, 'customer-auth': `JWT ${proof}` })
          .send({ fields: [name(role, one)] });
  return [status, (body as { error?: { code: string } }).error?.code ?? ''];
}

/** What has nothing to do with the destination, and how long it took. */
async function everythingElse(): Promise<void> {
  const timed = async (work: () => Promise<unknown>) => {
    const startedMs = performance.now();
    await work();
    unaffectedMs.push(performance.now() - startedMs);
  };
  let southern = '';
  await timed(async () => {
    southern = (await t.signIn('south')).JWT;
  });
  for (let i = 0; i < 3; i++) {
    await timed(() =>
      t.api
        .post('/getprofile')
        .set({ authorization: `Bearer ${t.south.key.secret}`, 'customer-auth': `JWT ${southern}` })
        .send({ fields: ['plan'] })
        .expect(200),
    );
  }
}

describe('a destination that misbehaves', () => {
  it.each(CASES)('as %s, %s: its documented answer, in time, and nothing else suffers', async (role, one) => {
    const expected = documented(role, one);
    // The first look-up gave an address where nobody is.
    if (one === 'moved_inside') await knock(role, one);
    const startedMs = performance.now();
    expect(await knock(role, one)).toEqual(expected);
    expect(performance.now() - startedMs).toBeLessThan(3_000);

    const storm = Array.from({ length: 20 }, () => knock(role, one));
    await everythingElse();
    // Once the circuit is open or a pause was asked for, nobody waits any more; until then a call may wait its time out.
    const statuses = new Set([expected[0], 503, 504, ...(one === 'flapping' ? [200] : [])]);
    for (const [status] of await Promise.all(storm)) expect(statuses).toContain(status);
  });

  it('is never asked at the address that its name moved to, nor at one that it redirects to', () => {
    const strays = ['moved', 'strayed'].flatMap((fault) =>
      ['profile', 'login', 'token'].map((role) => faulty.calls(`${fault}/${role}`)),
    );
    expect(strays).toEqual([0, 0, 0, 0, 0, 0]);
    expect(resolved).toEqual(new Set(['profile.test', 'login.test', 'token.test']));
  });

  it('is used again within ten seconds of being well', async () => {
    for (const fault of FAULTS) faulty.mended.add(fault);
    t.clock.advance(10_000);
    const outcomes = await Promise.all(
      CASES.filter(([, one]) => (FAULTS as readonly string[]).includes(one))
        // A request for a token that is on its way may take its thirty seconds.
        .filter(([role, one]) => role !== 'token' || !['slow', 'drip'].includes(one))
        .map(async ([role, one]) => [name(role, one), (await knock(role, one))[0]]),
    );
    expect(outcomes).toEqual(outcomes.map(([what]) => [what, 200]));
  });

  it('cost sign-in and the other partner nothing that anybody would notice', () => {
    const sorted = unaffectedMs.toSorted((a, b) => a - b);
    expect(sorted.length).toBe(CASES.length * 4);
    expect(sorted[Math.floor(sorted.length * 0.95)]).toBeLessThan(1_000);
  });
});
