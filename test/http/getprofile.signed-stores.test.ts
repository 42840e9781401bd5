import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/config/load.ts';
import { createLogger } from '../../src/platform/logger.ts';
import { createService } from '../../src/service.ts';
import { redisMissing, type RedisServer, startRedis } from '../support/redis.ts';
import { startService, type TestService, testSettings } from '../support/service.ts';
import { v1Headers } from './signing.ts';

const missing = redisMissing();

const ask = async (t: TestService, headers: Record<string, string>) => {
  const { status, body } = await t.api.post('/getprofile').set(headers);
  return [status, (body as { error?: { code: string } }).error?.code];
};

describe.skipIf(missing !== undefined)(`with Redis${missing ? ` (skipped: ${missing})` : ''}`, () => {
  let t: TestService;
  let redis: RedisServer;
  afterEach(async () => {
    await t.dispose();
    await redis.stop();
  });

  const start = async () => {
    redis = await startRedis();
    return startService({
      settings: (all) => ({ ...all, storage: { ...all.storage, redis_url: redis.url } }),
    });
  };

  it('a signature is taken once, and none while Redis is away: nobody can tell what was used', async () => {
    t = await start();
    const signing = await t.createKey(t.north, { use: 'signing' });
    const proof = { 'customer-auth': `JWT ${(await t.signIn('ios')).JWT}` };
    const first = { ...v1Headers(t, signing), ...proof };
    expect(await ask(t, first)).toEqual([200, undefined]);
    expect(await ask(t, first)).toEqual([401, 'SIGNATURE_REPLAYED']);
    await redis.kill();
    t.clock.advance(1_000);
    const second = { ...v1Headers(t, signing), ...proof };
    expect(await ask(t, second)).toEqual([503, 'STORE_UNAVAILABLE']);
    expect(await ask(t, { ...proof, authorization: `Bearer ${t.north.key.secret}` })).toEqual([
      200,
      undefined,
    ]);
    await redis.start();
    await expect.poll(() => ask(t, second), { timeout: 10_000 }).toEqual([200, undefined]);
    expect(await ask(t, second)).toEqual([401, 'SIGNATURE_REPLAYED']);
  });
});

describe('on the embedded database', () => {
  it('a signature that was taken is still refused after a restart', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'symbolon-signed-'));
    const keys = { encryption_keys: [randomBytes(32).toString('base64')] };
    const storage = { database_url: `file:${join(folder, 'symbolon.db')}` };
    const t = await startService({ settings: (all) => ({ ...all, storage, keys }) });
    const signing = await t.createKey(t.north, { use: 'signing' });
    const headers = { ...v1Headers(t, signing), 'customer-auth': `JWT ${(await t.signIn('ios')).JWT}` };
    expect(await ask(t, headers)).toEqual([200, undefined]);
    await t.service.close();

    const config = parseConfig({ ...testSettings(t.crm, t.billing), storage, keys }, { production: true });
    const logger = createLogger('silent', { write: () => {} });
    const again = await createService(config, { clock: t.clock, logger });
    const { url } = await again.listen();
    const answer = await fetch(`${url}/getprofile`, { method: 'POST', headers });
    expect(answer.status).toBe(401);
    expect(await answer.json()).toMatchObject({ error: { code: 'SIGNATURE_REPLAYED' } });
    await again.close();
    await t.dispose();
    rmSync(folder, { recursive: true, force: true });
  });
});
