import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createRedis, type RedisConnection } from '../../../src/stores/redis.ts';
import { redisMissing, type RedisServer, startRedis } from '../../support/redis.ts';

const missing = redisMissing();
const away = { name: 'BridgeError', code: 'STORE_UNAVAILABLE' };

/** The client of the `redis` package takes longer than this to find out by itself that a server is silent. */
const SILENCE_MS = 4_000;

async function elapsedMs(work: Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work;
  return performance.now() - start;
}

/** Waits for a call that must fail because the store is away; gives how long that took. */
async function failureMs(call: Promise<unknown>): Promise<number> {
  const start = performance.now();
  await expect(call).rejects.toMatchObject(away);
  return performance.now() - start;
}

/** Asks again until the answer comes; the back-off of the client sets the pace. */
async function untilAnswered(connection: RedisConnection, timeoutMs = 10_000): Promise<void> {
  const giveUpAt = performance.now() + timeoutMs;
  for (;;) {
    try {
      await connection.ping();
      return;
    } catch (error) {
      if (performance.now() > giveUpAt) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

describe.skipIf(missing !== undefined)(`Redis${missing ? ` (skipped: ${missing})` : ''}`, () => {
  let server: RedisServer;
  const connections: RedisConnection[] = [];
  const connect = async (onError: (error: unknown) => void = () => {}) => {
    const connection = await createRedis({ url: server.url, onError });
    connections.push(connection);
    return connection;
  };
  beforeAll(async () => {
    server = await startRedis();
  });
  afterEach(async () => {
    await Promise.all(connections.splice(0).map((connection) => connection.close()));
  });
  afterAll(() => server?.stop());

  it('takes the commands that sessions and scripts use', async () => {
    const connection = await connect();
    const { client } = connection;
    await connection.ping();
    await client.set('key', 'value', { expiration: { type: 'EX', value: 60 } });
    expect(await client.get('key')).toBe('value');
    expect(await client.ttl('key')).toBeGreaterThan(50);
    expect(await client.eval('return redis.call("incr", KEYS[1])', { keys: ['count'] })).toBe(1);
    const keys: string[] = [];
    for await (const found of client.scanIterator({ MATCH: 'k*' })) keys.push(...found);
    expect(keys).toEqual(['key']);
    expect(await client.del(['key'])).toBe(1);
    await expect(client.evalSha('0'.repeat(40))).rejects.toThrow('NOSCRIPT');
  });

  it('fails at once while the server is away, and is back by itself when the server is', async () => {
    const errors: unknown[] = [];
    const connection = await connect((error) => errors.push(error));
    await server.kill();
    await expect(connection.client.get('key')).rejects.toMatchObject(away);
    expect(await failureMs(connection.ping())).toBeLessThan(SILENCE_MS);
    expect(errors.length).toBeGreaterThan(0);
    await server.start();
    await untilAnswered(connection);
  });

  it('answers nobody later than the deadline when the server hangs, and takes a new connection after', async () => {
    const connection = await connect();
    await connection.ping();
    const pause = (signal: 'SIGSTOP' | 'SIGCONT') => process.kill(server.pid(), signal);
    pause('SIGSTOP');
    try {
      const many = Promise.allSettled(Array.from({ length: 20 }, () => connection.client.get('key')));
      expect(await elapsedMs(many)).toBeLessThan(SILENCE_MS);
      expect((await many).every((result) => result.status === 'rejected')).toBe(true);
      const giveUpAt = performance.now() + 5_000;
      while (connection.client.isReady && performance.now() < giveUpAt) {
        await expect(connection.ping()).rejects.toMatchObject(away);
      }
      expect(connection.client.isReady).toBe(false);
      expect(await failureMs(connection.ping())).toBeLessThan(SILENCE_MS);
    } finally {
      pause('SIGCONT');
    }
    await untilAnswered(connection);
  });

  it('lets commands under way finish when it is closed', async () => {
    const connection = await connect();
    const answer = connection.client.set('last', 'word');
    await connection.close();
    expect(await answer).toBe('OK');
    await connection.close();
    await expect(connection.ping()).rejects.toMatchObject(away);
  });

  it('lets the service start without it, and is used once it is there', async () => {
    await server.kill();
    let connection: RedisConnection | undefined;
    expect(
      await elapsedMs(
        connect().then((made) => {
          connection = made;
          return made;
        }),
      ),
    ).toBeLessThan(4_000);
    await server.start();
    await untilAnswered(connection as RedisConnection);
  });
});

describe('a Redis address', () => {
  it('where somebody accepts and says nothing holds up the start for two seconds at most', async () => {
    const silent = createServer(() => {}).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    const opening = createRedis({ url: `redis://127.0.0.1:${port}`, onError: () => {} });
    expect(await elapsedMs(opening)).toBeLessThan(4_000);
    const connection = await opening;
    await expect(connection.ping()).rejects.toMatchObject(away);
    await connection.close();
    silent.close();
  });

  it('that cannot be read refuses the start without quoting it', async () => {
    const error = await createRedis({ url: 'http://:hidden-word@127.0.0.1', onError: () => {} }).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toMatchObject({ name: 'StartRefused' });
    expect(String(error)).not.toContain('hidden-word');
  });
});
