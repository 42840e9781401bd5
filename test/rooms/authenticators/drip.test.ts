import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { oidcAuthenticator } from '../../../src/authenticators/oidc/oidc.ts';
import { createPasswordHasher } from '../../../src/authenticators/passwords/password-hasher.ts';
import { sqlAuthenticator } from '../../../src/authenticators/sql/sql.ts';
import { createHttpClient } from '../../../src/outbound/http-client.ts';
import { createLogger } from '../../../src/platform/logger.ts';
import { createMetrics } from '../../../src/platform/metrics.ts';
import { HASH, SQL_PASSWORD } from '../../support/people-table.ts';
import { startScriptedProvider } from '../../support/scripted-provider.ts';
import { openRooms } from '../fixture.ts';
import { openSubjectTokens, unavailable } from './subject-tokens.ts';

const CONTEXT = { requestId: 'req-1', channel: 'web' };
const logger = createLogger('debug', { write: () => {} });

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** One byte a second. */
function dripBytes(to: Socket | ServerResponse, bytes: Buffer): void {
  let at = 0;
  const next = () => void to.write(bytes.subarray(at, ++at));
  const timer = setInterval(() => (at < bytes.length ? next() : clearInterval(timer)), 1_000);
  next();
  to.on('close', () => clearInterval(timer));
}

function dripJson(response: ServerResponse, value: unknown): void {
  const bytes = Buffer.from(JSON.stringify(value));
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': bytes.length });
  dripBytes(response, bytes);
}

async function timed<T>(work: () => Promise<T>): Promise<{ outcome: T; tookMs: number }> {
  const startedMs = performance.now();
  return { outcome: await work(), tookMs: performance.now() - startedMs };
}

describe('an identity provider that sends a byte a second', () => {
  it('of its key set leaves a token undecided within the five seconds of a fetch', async () => {
    const w = await openSubjectTokens();
    closers.push(w.close);
    w.provider.misbehave = (response) => dripJson(response, { keys: w.provider.keys });
    const token = await w.signer.sign(w.claims());
    const { outcome, tookMs } = await timed(() => w.offer(token));
    expect(outcome).toEqual(unavailable);
    expect(tookMs).toBeLessThan(7_000);
  }, 15_000);

  it('of its token endpoint’s answer leaves a sign-in undecided within timeout_ms', async () => {
    const [rooms, provider] = await Promise.all([openRooms(), startScriptedProvider()]);
    const httpClient = createHttpClient();
    closers.push(rooms.close, provider.close, () => httpClient.close());
    provider.token = (_call, response) =>
      dripJson(response, { id_token: 'x'.repeat(64), token_type: 'Bearer' });
    const login = oidcAuthenticator.create(
      oidcAuthenticator.optionsSchema.parse({
        name: 'login',
        type: 'oidc',
        reference_space: 'crm',
        issuer: provider.url,
        client_id: 'chat',
        client_secret: 'Zk3vX9pQ7rT1wY5bN8mL',
        timeout_ms: 400,
      }),
      {
        httpClient,
        logger,
        clock: rooms.clock,
        replays: rooms.stores.replays,
        reportFailure: () => {},
        publicUrl: 'https://id.example.com',
      },
    );
    closers.push(() => login.close());
    const begun = await login.redirect?.begin({ state: 's' }, CONTEXT);
    if (begun?.outcome !== 'redirect') throw new Error('it did not begin');
    const { outcome, tookMs } = await timed(() =>
      login.authenticate(
        {
          kind: 'redirect_answer',
          authenticator: 'login',
          parameters: { state: 's', code: 'c' },
          memory: begun.memory,
        },
        CONTEXT,
      ),
    );
    expect(outcome).toMatchObject({ outcome: 'unavailable' });
    expect(provider.calls).toHaveLength(1);
    expect(tookMs).toBeLessThan(2_400);
  });
});

/** A message of PostgreSQL's protocol 3.0: type, length, body. */
function message(type: string, ...parts: Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  const length = Buffer.alloc(4);
  length.writeInt32BE(body.length + 4);
  return Buffer.concat([Buffer.from(type, 'latin1'), length, body]);
}
const int16 = (value: number) => Buffer.from([(value >> 8) & 0xff, value & 0xff]);
const int32 = (value: number) => Buffer.concat([int16(value >> 16), int16(value & 0xffff)]);
const text = (value: string) => Buffer.from(`${value}\0`, 'utf8');

const READY = message('Z', Buffer.from('I'));
const WELCOME = Buffer.concat([message('R', int32(0)), READY]);
/** Type 25 is text, of any size, without a modifier, in text format. */
const column = (name: string) =>
  Buffer.concat([text(name), int32(0), int16(0), int32(25), int16(-1), int32(-1), int16(0)]);
const field = (value: string) => Buffer.concat([int32(Buffer.byteLength(value)), Buffer.from(value)]);
/** What the server says to the question for one person: parsed, bound, described, one row, done. */
const ROW = Buffer.concat([
  message('1'),
  message('2'),
  message('T', int16(2), column('reference'), column('password_hash')),
  message('D', int16(2), field('4711'), field(HASH.bcrypt)),
  message('C', text('SELECT 1')),
  READY,
]);

type Stage = 'greeting' | 'answer' | 'none';

/** A server that speaks just enough of PostgreSQL's protocol, and drips at the stage that a test wants. */
async function startDrippingPostgres() {
  const state = { drips: 'none' as Stage, connections: 0 };
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    state.connections += 1;
    sockets.add(socket);
    let greeted = false;
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    socket.on('data', (data) => {
      const stage: Stage = greeted ? 'answer' : 'greeting';
      // Questions end in Sync; whoever says goodbye waits for nothing.
      if (greeted && data.at(-5) !== 'S'.charCodeAt(0)) return;
      const bytes = greeted ? ROW : WELCOME;
      greeted = true;
      if (state.drips === stage) dripBytes(socket, bytes);
      else socket.write(bytes);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { state, url: `postgres://shop@127.0.0.1:${(server.address() as AddressInfo).port}/shop` };
}

describe('a PostgreSQL that sends a byte a second', () => {
  const open = async () => {
    const server = await startDrippingPostgres();
    const hasher = createPasswordHasher({ lanes: 1, maxWaiting: 16, metrics: createMetrics() });
    const shop = sqlAuthenticator.create(
      sqlAuthenticator.optionsSchema.parse({
        name: 'shop',
        type: 'sql',
        reference_space: 'crm',
        postgres_url: server.url,
        query: 'select id as reference, hash as password_hash from people where name = $1',
        timeout_ms: 400,
        max_connections: 1,
      }),
      { hasher, logger, reportFailure: () => {} },
    );
    closers.push(
      () => hasher.close(),
      () => shop.close(),
    );
    const ask = () =>
      timed(() => shop.authenticate({ kind: 'password', username: 'mira', password: SQL_PASSWORD }, CONTEXT));
    return { ...server, ask };
  };
  const down = { outcome: 'unavailable', busy: false, retryAfterSeconds: 5, reason: 'timeout' };

  it.each(['greeting', 'answer'] as const)(
    'in its %s leaves a sign-in undecided within timeout_ms, and the next one does not wait behind it',
    async (stage) => {
      const { state, ask } = await open();
      expect((await ask()).outcome).toMatchObject({ outcome: 'authenticated', reference: '4711' });
      // The greeting is for a new connection, so the old one has to go.
      if (stage === 'greeting') {
        state.drips = 'answer';
        await ask();
      }
      state.drips = stage;
      const { outcome, tookMs } = await ask();
      expect(outcome).toEqual(down);
      expect(tookMs).toBeLessThan(2_400);
      state.drips = 'none';
      expect((await ask()).outcome).toMatchObject({ outcome: 'authenticated', reference: '4711' });
    },
  );
});
