import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CredentialAlert, createCredentialAlerts } from '../../../src/api-keys/credential-alerts.ts';
import type { CredentialSources } from '../../../src/api-keys/credential-report.ts';
import { createApiKeys } from '../../../src/api-keys/api-keys.ts';
import { ADMIN, openRooms, type Rooms } from '../fixture.ts';

const DAY_MS = 86_400_000;

describe('alerts about credentials', () => {
  let rooms: Rooms;
  let told: CredentialAlert[];
  let sources: () => Promise<CredentialSources>;
  beforeEach(async () => {
    rooms = await openRooms();
    await rooms.addPartner('acme');
    told = [];
    const { keyring, clock, audit, partners, revocations } = rooms;
    const apiKeys = createApiKeys({
      store: rooms.stores.apiKeys,
      keyring,
      clock,
      audit,
      partners,
      revocations,
    });
    sources = async () => ({ apiKeys: await apiKeys.list(), clients: [], signingKeys: [] });
    for (const [label, days] of [
      ['soon', 20],
      ['later', 200],
    ] as const) {
      await apiKeys.create(
        {
          partner: 'acme',
          label,
          environment: 'live',
          use: 'bearer',
          signature: 'none',
          scopes: [],
          allowedAddresses: [],
          publicKeys: [],
          expiresAtMs: clock.nowMs() + days * DAY_MS,
        },
        ADMIN,
      );
    }
  });
  afterEach(() => rooms.close());

  /** One process with its alerts over the shared store. */
  const process = () =>
    createCredentialAlerts({
      sources,
      replays: rooms.stores.replays,
      logger: rooms.logger,
      metrics: rooms.metrics,
      deliver: (alert) => told.push(alert),
    });
  const run = (alerts: ReturnType<typeof process>) => alerts.run(rooms.clock.nowMs());
  const types = () => told.map(({ type, lines }) => `${type}: ${lines.map(({ label }) => label).join()}`);

  it('are told at once when an end comes nearer, once for each window', async () => {
    const alerts = process();
    await run(alerts);
    await run(alerts);
    expect(types()).toEqual(['credential.expiring: soon', 'credentials.daily: soon']);
    told = [];
    rooms.clock.advance(6 * DAY_MS - 1);
    await run(alerts);
    expect(types()).toEqual(['credentials.daily: soon']);
    rooms.clock.advance(1);
    await run(alerts);
    expect(types().slice(1)).toEqual(['credential.expiring: soon', 'credentials.daily: soon']);
  });

  it('are told daily, and not again after a restart or by another process', async () => {
    await run(process());
    told = [];
    await Promise.all([run(process()), run(process())]);
    expect(types()).toEqual([]);
    rooms.clock.advance(DAY_MS);
    await Promise.all([run(process()), run(process())]);
    expect(types()).toEqual(['credentials.daily: soon']);
  });

  it('are told again for a new end', async () => {
    const alerts = process();
    await run(alerts);
    const key = (await rooms.stores.apiKeys.list()).find(({ label }) => label === 'soon');
    if (!key) throw new Error('no key');
    const record = rooms.audit.record('api_key.updated', { outcome: 'success', actor: 'admin:test' });
    await rooms.stores.apiKeys.update({ ...key, expiresAtMs: rooms.clock.nowMs() + 19 * DAY_MS }, record);
    told = [];
    await run(alerts);
    expect(types()).toEqual(['credential.expiring: soon']);
  });

  it('are in the log, and in gauges that count by kind and finding', async () => {
    await run(process());
    const lines = rooms.lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    const noticed = lines.filter(({ event }) => event === 'credential.expiring');
    expect(noticed).toMatchObject([
      { level: 'warn', reason: 'expires_in_30d', code: 'api_key', partner: 'acme' },
    ]);
    expect(noticed[0]?.['key_prefix']).toMatch(/^pk_live_.{6}$/);
    const metrics = await rooms.metrics.registry.metrics();
    expect(metrics).toContain('symbolon_credentials{kind="api_key",finding="expires_in_30d"} 1');
    expect(metrics).toContain('symbolon_credentials{kind="client_secret",finding="never_used"} 0');
    expect(metrics.match(/^symbolon_credentials\{/gm)).toHaveLength(24);
  });

  it('name what they are about by the name that its kind has', async () => {
    const nowMs = rooms.clock.nowMs();
    const secret = {
      secretId: 'cs_1',
      digest: 'd',
      createdAtMs: nowMs,
      expiresAtMs: nowMs + DAY_MS,
      revokedAtMs: undefined,
      firstUsedAtMs: undefined,
      lastUsedAtMs: undefined,
    };
    const client = {
      clientId: 'cl_1',
      partner: 'acme',
      label: 'app',
      secrets: [secret],
      revokedAtMs: undefined,
    };
    const key = {
      kid: 'kid-1',
      ring: 'access',
      state: 'signing',
      signsAtMs: nowMs - 92 * DAY_MS,
      goneAtMs: undefined,
    };
    sources = async () =>
      ({ apiKeys: [], clients: [client], signingKeys: [key] }) as unknown as CredentialSources;
    await run(process());
    expect(told).toMatchObject([
      { type: 'credential.expiring', atMs: nowMs, total: 1, lines: [{ id: 'cl_1', secretId: 'cs_1' }] },
      { type: 'credentials.daily', atMs: nowMs, total: 2, lines: [{ id: 'cl_1' }, { id: 'kid-1' }] },
    ]);
    const lines = rooms.lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    const daily = lines.filter(({ event }) => event === 'credentials.daily');
    expect(daily.map(({ client_id, kid }) => [client_id, kid])).toEqual([
      ['cl_1', undefined],
      [undefined, 'kid-1'],
    ]);
  });

  it('tell of two hundred credentials a day at most, and how many there are', async () => {
    const [soon] = (await sources()).apiKeys.filter(({ label }) => label === 'soon');
    const apiKeys = Array.from({ length: 201 }, (_, i) => ({ ...soon, keyId: `ak_${i}` }));
    sources = async () => ({ apiKeys, clients: [], signingKeys: [] }) as unknown as CredentialSources;
    await run(process());
    const daily = told.find(({ type }) => type === 'credentials.daily');
    expect([daily?.lines.length, daily?.total]).toEqual([200, 201]);
  });

  it('are none where there is nothing to tell', async () => {
    sources = async () => ({ apiKeys: [], clients: [], signingKeys: [] });
    await run(process());
    expect(told).toEqual([]);
  });

  it('are not lost when the store cannot tell what was told: the next run tells them', async () => {
    const away = createCredentialAlerts({
      sources,
      replays: { consume: () => Promise.reject(new Error('away')) },
      logger: rooms.logger,
      metrics: rooms.metrics,
      deliver: (alert) => told.push(alert),
    });
    await expect(run(away)).rejects.toThrow('away');
    expect(told).toEqual([]);
    await run(process());
    expect(types()).toEqual(['credential.expiring: soon', 'credentials.daily: soon']);
  });
});
