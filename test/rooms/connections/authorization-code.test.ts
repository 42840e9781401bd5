import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ConnectGrant, createConnectGrant } from '../../../src/connections/connect-grant.ts';
import { type Connection, connectionSchema, createConnection } from '../../../src/connections/connection.ts';
import { createHttpClient } from '../../../src/outbound/http-client.ts';
import type { OutboundGrantStore, StoredGrant } from '../../../src/outbound/outbound-grant.ts';
import type { HttpClient } from '../../../src/outbound/outbound-types.ts';
import type { OutboundVault, TokenShare } from '../../../src/outbound/token-share.ts';
import { BridgeError } from '../../../src/errors.ts';
import { silentLogger } from '../../../src/platform/logger.ts';
import { ADMIN, openRooms, type Rooms } from '../fixture.ts';
import { startTokenServer, type TokenServer } from '../../support/token-server.ts';

const PUBLIC_URL = 'https://id.example.com/bridge';

let server: TokenServer;
let rooms: Rooms;
let httpClient: HttpClient;
let vault: OutboundVault;
let grants: OutboundGrantStore;
let used: Set<string>;

beforeEach(async () => {
  server = await startTokenServer();
  rooms = await openRooms();
  httpClient = createHttpClient({ clock: rooms.clock });
  const { keyring } = rooms;
  vault = {
    seal: (text, context) => keyring.seal('outbound', Buffer.from(text), context),
    open: (sealed, context) => keyring.open('outbound', sealed, context)?.toString(),
  };
  grants = rooms.stores.outboundGrants;
  used = new Set();
});
afterEach(async () => {
  await httpClient.close();
  await rooms.close();
  await server.close();
});

/** What Redis is to a fleet, for the turn alone: a grant is never published there. */
function turnsOnly(): TokenShare {
  let holder = 0;
  let fences = 0;
  return {
    read: () => Promise.resolve(undefined),
    acquire: () => Promise.resolve(holder === 0 ? (holder = fences += 1) : undefined),
    renew: () => Promise.resolve(true),
    publish: (key) => Promise.reject(new Error(`${key} was published`)),
    release: () => {
      holder = 0;
      return Promise.resolve();
    },
  };
}

function connect(entry: Record<string, unknown> = {}, tokenShare?: TokenShare): Connection {
  const auth = {
    type: 'authorization_code',
    authorization_url: 'https://partner.example/authorize?tenant=7',
    authorization_parameters: { access_type: 'offline' },
    token_url: `${server.url}/token`,
    client_id: 'bridge',
    client_secret: 'a-secret-of-ours-91',
    scope: 'messages',
    ...entry,
  };
  const options = connectionSchema.parse({ base_url: server.url, auth: [auth] });
  const { clock, metrics } = rooms;
  return createConnection('messenger', options, {
    httpClient,
    clock,
    metrics,
    logger: silentLogger,
    vault,
    grants,
    tokenShare,
  });
}

function connecting(...connections: Connection[]): ConnectGrant {
  return createConnectGrant({
    connections: new Map(connections.map((one) => [one.name, one])),
    vault,
    replays: {
      consume: (_space, id) => {
        const use = used.has(id) ? ('replayed' as const) : ('fresh' as const);
        used.add(id);
        return Promise.resolve(use);
      },
    },
    clock: rooms.clock,
    audit: rooms.audit,
    publicUrl: PUBLIC_URL,
  });
}

const FROM = { requestId: 'req-9', address: '192.0.2.9' };
const question = { method: 'GET', path: '/api', headers: {} } as const;

/** Begins, as an operator does, and gives the parameters of the address that the browser is sent to. */
function begin(grant: ConnectGrant): { state: string; confirmation: string } {
  const { address, confirmation } = grant.begin('messenger', ADMIN);
  return { state: new URL(address).searchParams.get('state') as string, confirmation };
}
async function connectAll(connection: Connection): Promise<void> {
  const grant = connecting(connection);
  await grant.finish({ connection: 'messenger', ...begin(grant), code: 'a-code' }, FROM);
}
const answerWith = (refresh: string | undefined) => () => ({
  access_token: `access-${server.requests.length}`,
  token_type: 'bearer',
  expires_in: 600,
  refresh_token: refresh,
});

describe('connecting in a browser', () => {
  it('sends the person to the address with PKCE, and exchanges what comes back', async () => {
    const messenger = connect({ request_format: 'json', client_authentication: 'body' });
    server.answer = answerWith('refresh-1');
    const grant = connecting(messenger);
    const begun = grant.begin('messenger', ADMIN);
    const url = new URL(begun.address);
    expect(`${url.origin}${url.pathname}`).toBe('https://partner.example/authorize');
    const { state, code_challenge: challenge, ...parameters } = Object.fromEntries(url.searchParams);
    const redirectUri = `${PUBLIC_URL}/connections/messenger/callback`;
    expect(begun).toMatchObject({ redirectUri, expiresAtMs: rooms.clock.nowMs() + 600_000 });
    expect(parameters).toEqual({
      tenant: '7',
      access_type: 'offline',
      response_type: 'code',
      client_id: 'bridge',
      redirect_uri: redirectUri,
      scope: 'messages',
      code_challenge_method: 'S256',
    });
    const { confirmation } = begun;
    await grant.finish(
      { connection: 'messenger', state: state as string, code: 'a-code', confirmation },
      FROM,
    );
    const [asked] = server.requests;
    const { code_verifier: verifier, ...members } = asked?.members ?? {};
    expect(members).toEqual({
      grant_type: 'authorization_code',
      code: 'a-code',
      redirect_uri: redirectUri,
      client_id: 'bridge',
      client_secret: 'a-secret-of-ours-91',
    });
    const { hash } = await import('node:crypto');
    expect(hash('sha256', verifier as string, 'base64url')).toBe(challenge);
    expect(await messenger.send(question)).toMatchObject({ status: 200 });
    expect(server.calls[0]?.authorization).toBe('Bearer access-1');
    expect(server.requests).toHaveLength(1);
    const events = (await rooms.audited()).filter(({ event }) => event.startsWith('connection.'));
    expect(events.map(({ event, outcome }) => [event, outcome])).toEqual([
      ['connection.connect_started', 'success'],
      ['connection.connected', 'success'],
    ]);
  });

  it('tells nothing in `state` that could be read, and takes it once, in time, for its own connection', async () => {
    const grant = connecting(connect());
    server.answer = answerWith('refresh-1');
    const { state, confirmation } = begin(grant);
    expect(Buffer.from(state, 'base64url').toString('latin1')).not.toContain('messenger');
    const answer = { connection: 'messenger', state, code: 'a-code', confirmation };
    const refused = { code: 'INVALID_REQUEST' };
    await expect(grant.finish({ ...answer, connection: 'other' }, FROM)).rejects.toMatchObject(refused);
    await expect(grant.finish({ ...answer, state: `${state}x` }, FROM)).rejects.toMatchObject(refused);
    await grant.finish(answer, FROM);
    await expect(grant.finish(answer, FROM)).rejects.toMatchObject(refused);
    const late = { ...answer, ...begin(grant) };
    rooms.clock.advance(600_000);
    await expect(grant.finish(late, FROM)).rejects.toMatchObject(refused);
    expect(server.requests).toHaveLength(1);
  });

  it('that the person declines, or whose code is refused, leaves everything as it was', async () => {
    const messenger = connect();
    const grant = connecting(messenger);
    const declined = { connection: 'messenger', state: begin(grant).state };
    expect(() => grant.check(declined)).toThrow('The other side did not agree');
    expect(() => grant.check({ ...declined, code: 'a-code' })).not.toThrow();
    server.answer = () => [400, { error: 'invalid_grant' }];
    const refused = { connection: 'messenger', ...begin(grant), code: 'bad' };
    await expect(grant.finish(refused, FROM)).rejects.toMatchObject({
      code: 'BACKEND_UNAVAILABLE',
      message: 'Not connected: the token endpoint answered 400 (invalid_grant).',
    });
    expect(await grants.find('messenger')).toBeUndefined();
  });

  it('needs the code that the operator reads, in any spelling, and tells the audit of a wrong one', async () => {
    const grant = connecting(connect());
    server.answer = answerWith('refresh-1');
    const { state, confirmation } = begin(grant);
    const answer = { connection: 'messenger', state, code: 'a-code' };
    const wrong = grant.finish({ ...answer, confirmation: begin(grant).confirmation }, FROM);
    await expect(wrong).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
    expect(server.requests).toHaveLength(0);
    const [last] = (await rooms.audited()).filter(({ event }) => event === 'connection.connected').slice(-1);
    expect(last).toMatchObject({ outcome: 'failed', reason: 'confirmation' });
    await grant.finish({ ...answer, confirmation: ` ${confirmation.toLowerCase()} ` }, FROM);
    expect(server.requests).toHaveLength(1);
  });

  it('is for connections that have something to connect', () => {
    const plain = createConnection('plain', connectionSchema.parse({ base_url: server.url }), {
      httpClient,
      clock: rooms.clock,
      metrics: rooms.metrics,
      logger: silentLogger,
    });
    const grant = connecting(plain);
    expect(() => grant.begin('plain', ADMIN)).toThrow(BridgeError);
    expect(() => grant.begin('nobody', ADMIN)).toThrow('No connection has this name.');
  });
});

describe('a connection that nobody has connected', () => {
  it('says what to do, asks nobody, and works at once when it is connected', async () => {
    const messenger = connect();
    const detail = 'nobody has connected it yet; run: symbolon connections connect messenger';
    await expect(messenger.send(question)).rejects.toMatchObject({ failure: 'no_credentials', detail });
    expect(messenger.status().tokens).toMatchObject([{ grant: 'missing', lastFailure: detail }]);
    expect(server.requests).toHaveLength(0);
    server.answer = answerWith('refresh-1');
    await connectAll(messenger);
    expect(await messenger.send(question)).toMatchObject({ status: 200 });
    expect(messenger.status().tokens).toMatchObject([{ grant: 'connected', held: true }]);
  });
});

describe('a grant', () => {
  const stored = async () => (await grants.find('messenger')) as StoredGrant;
  const refreshTokens = () => server.requests.flatMap(({ members }) => members['refresh_token'] ?? []);

  it('is sealed at rest, and serves after a restart without being renewed', async () => {
    server.answer = answerWith('refresh-1');
    await connectAll(connect());
    const { sealed } = await stored();
    expect(sealed).not.toContain('refresh-1');
    expect(Buffer.from(sealed.split('.')[1] as string, 'base64url').toString('latin1')).not.toContain(
      'access',
    );
    expect(await connect().send(question)).toMatchObject({ status: 200 });
    expect(server.requests).toHaveLength(1);
  });

  it('is renewed by its refresh token, which is replaced or kept as the answer says', async () => {
    const messenger = connect();
    server.answer = answerWith('refresh-1');
    await connectAll(messenger);
    for (const next of [undefined, 'refresh-2', undefined, 'refresh-3']) {
      server.answer = answerWith(next);
      rooms.clock.advance(571_000);
      expect(await messenger.send(question)).toMatchObject({ status: 200 });
    }
    expect(refreshTokens()).toEqual(['refresh-1', 'refresh-1', 'refresh-2', 'refresh-2']);
    rooms.clock.advance(571_000);
    await connect().send(question);
    expect(refreshTokens().at(-1)).toBe('refresh-3');
  });

  it('whose token is refused is renewed, and the call repeated', async () => {
    const messenger = connect();
    server.answer = answerWith('refresh-1');
    await connectAll(messenger);
    server.judge = (authorization) => (authorization === 'Bearer access-1' ? 401 : 200);
    expect(await messenger.send(question)).toMatchObject({ status: 200 });
    expect(refreshTokens()).toEqual(['refresh-1']);
  });

  it('that the other side has ended says so, asks no more, and is replaced by connecting again', async () => {
    const messenger = connect();
    server.answer = answerWith('refresh-1');
    await connectAll(messenger);
    server.answer = () => [400, { error: 'invalid_grant' }];
    rooms.clock.advance(571_000);
    const detail = 'its grant has ended; run: symbolon connections connect messenger';
    for (let i = 0; i < 4; i++) {
      await expect(messenger.send(question)).rejects.toMatchObject({ failure: 'no_credentials', detail });
      rooms.clock.advance(10_000);
    }
    expect(refreshTokens()).toHaveLength(1);
    expect(messenger.status().tokens).toMatchObject([{ grant: 'dead' }]);
    server.answer = answerWith('refresh-9');
    await connectAll(messenger);
    expect(await messenger.send(question)).toMatchObject({ status: 200 });
  });

  it('that the endpoint only fails to renew is not taken for dead', async () => {
    const messenger = connect();
    server.answer = answerWith('refresh-1');
    await connectAll(messenger);
    server.answer = () => [500, {}];
    rooms.clock.advance(571_000);
    await expect(messenger.send(question)).rejects.toMatchObject({ failure: 'no_credentials' });
    server.answer = answerWith('refresh-2');
    rooms.clock.advance(1_001);
    expect(await messenger.send(question)).toMatchObject({ status: 200 });
  });

  it('that another process renewed meanwhile is taken over, although its old refresh token is refused here', async () => {
    const [one, other] = [connect(), connect()];
    server.answer = answerWith('refresh-1');
    await connectAll(one);
    rooms.clock.advance(571_000);
    server.answer = async ({ members }) => {
      expect(members['refresh_token']).toBe('refresh-1');
      server.answer = answerWith('refresh-2');
      await other.send(question);
      return [400, { error: 'invalid_grant' }];
    };
    expect(await one.send(question)).toMatchObject({ status: 200 });
    expect(server.calls.at(-1)?.authorization).toBe('Bearer access-3');
  });

  it('is renewed by one process of a fleet, and taken from the database by the others', async () => {
    const share = turnsOnly();
    const fleet = [connect({}, share), connect({}, share), connect({}, share)];
    server.answer = answerWith('refresh-1');
    await connectAll(fleet[0] as Connection);
    rooms.clock.advance(571_000);
    server.answer = answerWith('refresh-2');
    const calls = fleet.flatMap((one) => Array.from({ length: 20 }, () => one.send(question)));
    for (const { status } of await Promise.all(calls)) expect(status).toBe(200);
    expect(refreshTokens()).toEqual(['refresh-1']);
    expect(new Set(server.calls.map(({ authorization }) => authorization))).toEqual(
      new Set(['Bearer access-2']),
    );
  });

  it('that was renewed while the database is away is not lost', async () => {
    const messenger = connect();
    server.answer = answerWith('refresh-1');
    await connectAll(messenger);
    const { store } = grants;
    grants.store = () => Promise.reject(new BridgeError('STORE_UNAVAILABLE'));
    server.answer = answerWith('refresh-2');
    rooms.clock.advance(571_000);
    expect(await messenger.send(question)).toMatchObject({ status: 200 });
    grants.store = store;
    server.answer = answerWith('refresh-3');
    rooms.clock.advance(571_000);
    expect(await messenger.send(question)).toMatchObject({ status: 200 });
    expect(refreshTokens()).toEqual(['refresh-1', 'refresh-2']);
    rooms.clock.advance(571_000);
    await connect().send(question);
    expect(refreshTokens().at(-1)).toBe('refresh-3');
  });

  it('cannot be read while the database is away: the call is refused, with the reason', async () => {
    grants = { ...grants, find: () => Promise.reject(new BridgeError('STORE_UNAVAILABLE')) };
    await expect(connect().send(question)).rejects.toMatchObject({
      failure: 'no_credentials',
      detail: 'the database that keeps its grant cannot be reached',
    });
  });
});
