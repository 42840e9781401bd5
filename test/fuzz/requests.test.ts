import { expect, it } from 'vitest';
import { readExposition } from '../support/exposition.ts';
import { startService } from '../support/service.ts';
import { type FuzzedCredentials, rightRequests, runCampaign } from './campaign.ts';

it('mutated requests of every kind are answered without a single 5xx, and the service serves on', async () => {
  const t = await startService();
  try {
    const signing = await t.createKey(t.north, { use: 'signing' });
    const { clientId, clientSecret, key } = t.north;
    const held: FuzzedCredentials = {
      clientId,
      clientSecret,
      publicId: key.publicId,
      secret: key.secret,
      signingPublicId: signing.publicId,
      signingSecret: signing.secret,
      accessToken: await t.accessToken(),
      customerToken: (await t.signIn()).JWT,
      nowMs: t.clock.nowMs(),
    };
    const { statuses, failures } = await runCampaign(t.url, rightRequests(held), {
      count: 800,
      seed: 1,
    });
    expect(failures).toEqual([]);
    expect(statuses.get(200)).toBeGreaterThan(10);
    expect(statuses.get(400)).toBeGreaterThan(10);
    expect(statuses.get(401)).toBeGreaterThan(10);
    const metrics = readExposition((await t.ops.get('/metrics').expect(200)).text);
    const requests = metrics.get('symbolon_http_requests_total')?.samples ?? [];
    expect(requests.filter(({ labels }) => labels.status?.startsWith('5'))).toEqual([]);
    expect(t.logs().filter(({ event }) => event === 'http.unexpected_error')).toEqual([]);
    await t.api.get('/health/ready').expect(200);
  } finally {
    await t.dispose();
  }
});
