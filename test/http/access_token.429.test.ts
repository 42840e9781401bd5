import { afterEach, describe, expect, it } from 'vitest';
import { startService, type TestService } from '../support/service.ts';

let t: TestService;
afterEach(() => t.dispose());

const ask = (path: string, secret = t.north.clientSecret) =>
  t.api.post(path).auth(t.north.clientId, secret).type('form').send({ grant_type: 'client_credentials' });

describe.each(['/access_token', '/oauth/token'])('%s beyond a limit', (path) => {
  it('answers 429 in the shape of RFC 6749, with the time to wait', async () => {
    t = await startService();
    await t.admin.put(`/admin/limits/clients/${t.north.clientId}`).send({ tier: 'development' }).expect(200);
    for (let i = 0; i < 10; i++) await ask(path).expect(200);
    const { body, headers } = await ask(path).expect(429);
    expect(body).toEqual({ error: 'temporarily_unavailable', error_description: expect.any(String) });
    expect(headers).toMatchObject({
      'retry-after': '60',
      'cache-control': 'no-store',
      ratelimit: '"client-minute";r=0;t=60, "partner-second";r=99990;t=1',
      'ratelimit-policy': '"client-minute";q=10;w=60, "partner-second";q=100000;w=1',
    });
    t.clock.advance(60_000);
    const { headers: later } = await ask(path).expect(200);
    expect(later['ratelimit']).toContain('"client-minute";r=9;t=60');
  });

  it('is reached by wrong secrets of one address, and not by somebody who knows a client id', async () => {
    t = await startService({
      settings: (all) => ({ ...all, limits: { failures: { max_per_address: 15, window_seconds: 60 } } }),
    });
    await t.admin.put(`/admin/limits/clients/${t.north.clientId}`).send({ tier: 'development' }).expect(200);
    for (let i = 0; i < 14; i++) await ask(path, 'wrong').expect(401);
    const { headers } = await ask(path).expect(200);
    expect(headers['ratelimit']).toContain('"client-minute";r=9');
    await ask(path, 'wrong').expect(401);
    const { body } = await ask(path).expect(429);
    expect(body.error).toBe('temporarily_unavailable');
  });
});
