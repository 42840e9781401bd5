import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createFleetTokens } from '../../src/outbound/fleet-tokens.ts';
import type { GrantedToken, TokenShare } from '../../src/outbound/token-share.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { createRedis, type RedisConnection } from '../../src/stores/redis.ts';
import { createRedisTokenShare } from '../../src/stores/redis-token-share.ts';
import { redisMissing, type RedisServer, startRedis } from '../support/redis.ts';

const missing = redisMissing();

describe.skipIf(missing !== undefined)(
  `tokens that are shared in Redis${missing ? ` (skipped: ${missing})` : ''}`,
  () => {
    let server: RedisServer;
    let connection: RedisConnection;
    let share: TokenShare;
    let key = '';
    let tests = 0;
    beforeAll(async () => {
      server = await startRedis();
      connection = await createRedis({ url: server.url, onError: () => {} });
      share = createRedisTokenShare(connection);
    });
    afterAll(async () => {
      await connection?.close();
      await server?.stop();
    });
    beforeEach(() => {
      key = `crm:${(tests += 1)}`;
    });

    const value = (fence: number, text: string) => ({ fence, text, ttlMs: 60_000 });

    it('are fetched by one holder at a time, under numbers that only grow', async () => {
      const taken = await Promise.all(Array.from({ length: 20 }, () => share.acquire(key, 60_000)));
      const fences = taken.filter((fence) => fence !== undefined);
      expect(fences).toHaveLength(1);
      const [first] = fences as [number];
      await share.release(key, first);
      expect(await share.acquire(key, 60_000)).toBeGreaterThan(first);
    });

    it('are fetched by the next one where a lease has longer to go than any: the server’s clock was set back', async () => {
      const stuck = (await share.acquire(key, 86_400_000)) as number;
      expect(await share.acquire(key, 86_400_000)).toBeUndefined();
      const next = (await share.acquire(key, 4_000)) as number;
      expect(next).toBeGreaterThan(stuck);
      expect(await share.acquire(key, 4_000)).toBeUndefined();
      expect(await share.renew(key, stuck, 4_000)).toBe(false);
    });

    it('are held on to by their holder alone', async () => {
      const fence = (await share.acquire(key, 60_000)) as number;
      expect(await share.renew(key, fence, 60_000)).toBe(true);
      expect(await share.renew(key, fence - 1, 60_000)).toBe(false);
      await share.release(key, fence - 1);
      expect(await share.acquire(key, 60_000)).toBeUndefined();
      await share.release(key, fence);
      expect(await share.renew(key, fence, 60_000)).toBe(false);
    });

    it('of a holder that lost its turn do not replace what came later', async () => {
      const late = (await share.acquire(key, 60_000)) as number;
      await share.release(key, late);
      const next = (await share.acquire(key, 60_000)) as number;
      expect(await share.publish(key, value(next, 'newer'))).toBe(true);
      expect(await share.publish(key, value(late, 'older'))).toBe(false);
      expect(await share.read(key)).toBe('newer');
    });

    it('are gone at their end, and so is the turn of a holder that died', async () => {
      const fence = (await share.acquire(key, 1)) as number;
      await expect.poll(() => share.acquire(key, 60_000)).toBeGreaterThan(fence);
      await share.publish(key, { fence: 9, text: 'short', ttlMs: 1 });
      await expect.poll(() => share.read(key)).toBeUndefined();
    });

    it('are never readable there, and what was sealed for another connection is not taken', async () => {
      const vault = {
        seal: (text: string, context: string) => Buffer.from(`${context}|${text}`).toString('base64'),
        open: (sealed: string, context: string) => {
          const text = Buffer.from(sealed, 'base64').toString();
          return text.startsWith(`${context}|`) ? text.slice(context.length + 1) : undefined;
        },
      };
      const deps = { share, vault, clock: systemClock, origin: 'https://crm.example' };
      const nowMs = systemClock.nowMs();
      const token = (name: string): GrantedToken => ({
        token: name,
        grantedAtMs: nowMs,
        endsAtMs: nowMs + 60_000,
      });
      const own = createFleetTokens({ ...deps, key });
      const always = () => true;
      await own.obtain(always, () => Promise.resolve(token('of-ours')), 1_000);
      expect(await share.read(key)).not.toContain('of-ours');
      expect(await own.obtain(always, () => Promise.reject(new Error('asked again')), 1_000)).toEqual(
        token('of-ours'),
      );
      const other = createFleetTokens({ ...deps, key: `${key}-other` });
      const fence = (await share.acquire(`${key}-other`, 60_000)) as number;
      await share.publish(`${key}-other`, value(fence, (await share.read(key)) as string));
      await share.release(`${key}-other`, fence);
      expect(await other.obtain(always, () => Promise.resolve(token('of-theirs')), 1_000)).toEqual(
        token('of-theirs'),
      );
    });

    it('are fetched by each process for itself while Redis is away', async () => {
      const away = await createRedis({ url: 'redis://127.0.0.1:1', onError: () => {} });
      const alone = createFleetTokens({
        share: createRedisTokenShare(away),
        vault: { seal: (text) => text, open: (text) => text },
        clock: systemClock,
        origin: 'https://crm.example',
        key,
      });
      const token = { token: 'alone', grantedAtMs: 0, endsAtMs: 1 };
      expect(
        await alone.obtain(
          () => true,
          () => Promise.resolve(token),
          1_000,
        ),
      ).toBe(token);
      await away.close();
    });
  },
);
