import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ConfigInput } from '../../src/config/config.ts';
import { redisMissing, type RedisServer, startRedis } from '../support/redis.ts';
import { PASSWORD, startService, type TestService } from '../support/service.ts';

const missing = redisMissing();

describe.skipIf(missing !== undefined)(
  `limits of several processes${missing ? ` (skipped: ${missing})` : ''}`,
  () => {
    let server: RedisServer;
    const services: TestService[] = [];
    beforeAll(async () => {
      server = await startRedis();
    });
    afterAll(() => server.stop());
    beforeEach(async () => {
      await server.kill();
      await server.start();
    });
    afterEach(async () => {
      await Promise.all(services.splice(0).map((service) => service.dispose()));
    });

    const start = async (changes: Partial<ConfigInput> = {}) => {
      const service = await startService({
        settings: (all) => ({
          ...all,
          storage: { ...all.storage, redis_url: server.url },
          ...changes,
        }),
      });
      services.push(service);
      return service;
    };
    const whoami = (t: TestService) =>
      t.api.get('/whoami').set('authorization', `Bearer ${t.north.key.secret}`);
    /** A key that may ask who it is. */
    const allow = async (t: TestService) => {
      Object.assign(t.north.key, await t.createKey(t.north, { scopes: ['whoami'] }));
      await t.admin.patch('/admin/partners/north').send({ tier: 'development' }).expect(200);
    };
    const statuses = async (t: TestService, times: number) => {
      const answers = await Promise.all(Array.from({ length: times }, () => whoami(t)));
      return answers.map(({ status }) => status);
    };

    it('admit a quota once, although the clocks of the processes are an hour apart', async () => {
      const [one, two] = [await start(), await start()];
      two.clock.advance(3_600_000);
      await Promise.all([allow(one), allow(two)]);
      const all = (await Promise.all([statuses(one, 30), statuses(two, 30)])).flat();
      expect(all.filter((status) => status === 200)).toHaveLength(10);
      expect(all.filter((status) => status === 429)).toHaveLength(50);
      const { body } = await whoami(two).expect(429);
      expect(body.error.retry_after).toBeGreaterThan(50);
      expect(body.error.retry_after).toBeLessThanOrEqual(60);
    });

    it('count failed authentications of one address together: a guess that is right learns nothing elsewhere', async () => {
      const limits = { failures: { max_per_address: 4, window_seconds: 60 } };
      const [one, two] = [await start({ limits }), await start({ limits })];
      await Promise.all([allow(one), allow(two)]);
      for (let i = 0; i < 4; i++) await one.api.get('/whoami').set('api-key', 'pk_live_x').expect(401);
      const right = await whoami(two).expect(429);
      const wrong = await two.api.get('/whoami').set('api-key', 'pk_live_x').expect(429);
      expect(right.body.error.message).toBe(wrong.body.error.message);
    });

    it('throttle the sign-ins of one address together', async () => {
      const sign_in = { max_failures_per_address: 4 };
      const [one, two] = [await start({ sign_in }), await start({ sign_in })];
      const attempt = (t: TestService, password: string) =>
        t.api.post('/customer_authenticate').send({ username: 'mira', password, channel: 'ios' });
      for (let i = 0; i < 2; i++) {
        await attempt(one, 'guess').expect(401);
        await attempt(two, 'guess').expect(401);
      }
      const refused = [await attempt(two, PASSWORD), await attempt(one, PASSWORD)];
      expect(refused.map(({ status }) => status)).toEqual([429, 429]);
    });

    it('survive a restart of a process, the day windows too', async () => {
      const one = await start();
      await allow(one);
      await one.admin.patch('/admin/partners/north').send({ tier: 'messaging' }).expect(200);
      for (let i = 0; i < 3; i++) await whoami(one).expect(200);
      await one.dispose();
      services.splice(0);
      const two = await start();
      await allow(two);
      await two.admin.patch('/admin/partners/north').send({ tier: 'messaging' }).expect(200);
      const { headers } = await whoami(two).expect(200);
      expect(headers['ratelimit']).toMatch(/"partner-day";r=9996;t=86\d{3}/);
    });

    it('answer soon when Redis hangs, and wait for it no more from the second request on', async () => {
      const t = await start();
      await allow(t);
      process.kill(server.pid(), 'SIGSTOP');
      try {
        const took = async (requests: number) => {
          const began = performance.now();
          for (let i = 0; i < requests; i++) await whoami(t);
          return performance.now() - began;
        };
        // The client of the `redis` package would wait for five seconds.
        expect(await took(1)).toBeLessThan(4_000);
        // Each that waited for its command would take three tenths of a second.
        expect(await took(20)).toBeLessThan(5_000);
      } finally {
        process.kill(server.pid(), 'SIGCONT');
      }
    });

    it('go on at a quarter while Redis is away, without a hang; the log, the metric and the doctor say so', async () => {
      const t = await start();
      await allow(t);
      await server.kill();
      const began = performance.now();
      const all = await statuses(t, 20);
      expect(performance.now() - began).toBeLessThan(2_000);
      expect(all.filter((status) => status === 200)).toHaveLength(2);
      expect(all.filter((status) => status === 429)).toHaveLength(18);
      expect(t.logs().some(({ event }) => event === 'limits.store_away')).toBe(true);
      const { text } = await t.ops.get('/metrics').expect(200);
      expect(text).toContain('symbolon_limit_store_away 1');
      const { body } = await t.admin.get('/admin/doctor').expect(200);
      expect(body.findings).toContainEqual(expect.objectContaining({ subject: 'limits', ok: false }));

      await server.start();
      const giveUpAt = performance.now() + 10_000;
      while (t.logs().every(({ event }) => event !== 'limits.store_back') && performance.now() < giveUpAt) {
        t.clock.advance(1_000);
        await whoami(t);
      }
      expect(t.logs().some(({ event }) => event === 'limits.store_back')).toBe(true);
    });
  },
);
