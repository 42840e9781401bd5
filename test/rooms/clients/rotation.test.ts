import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createKeyUsage } from '../../../src/api-keys/key-usage.ts';
import { createClients } from '../../../src/clients/clients.ts';
import { createClientRotation } from '../../../src/clients/rotation.ts';
import { createRevocations } from '../../../src/revocation/revocations.ts';
import { ADMIN, openRooms, type Rooms } from '../fixture.ts';

const DAY_MS = 86_400_000;
const MAX_TOKEN_SECONDS = 3_600;

/** Clients and their rotation as one process has them. */
function processOver(rooms: Rooms) {
  const { keyring, clock, audit, partners, revocations } = rooms;
  const store = rooms.stores.clients;
  const usage = createKeyUsage({ store, clock });
  const clients = createClients({
    store,
    keyring,
    clock,
    audit,
    partners,
    revocations,
    usage,
    assertions: { accepts: async () => false },
    loopbackForAll: false,
    maxTokenLifetimeSeconds: MAX_TOKEN_SECONDS,
  });
  const rotation = createClientRotation({
    store,
    clients,
    keyring,
    clock,
    audit,
    revocations,
    maxTokenLifetimeSeconds: MAX_TOKEN_SECONDS,
  });
  return { clients, rotation, usage };
}

describe('rotation of client secrets', () => {
  let rooms: Rooms;
  let at: ReturnType<typeof processOver>;
  beforeEach(async () => {
    rooms = await openRooms();
    await rooms.addPartner('acme');
    at = processOver(rooms);
  });
  afterEach(() => rooms.close());

  const create = async (changes: object = {}) => {
    const settings = {
      partner: 'acme',
      label: 'chat server',
      scopes: ['profile:read'],
      grantTypes: ['client_credentials'],
      ...changes,
    };
    const { client, secret } = await at.clients.create(settings, ADMIN);
    return { clientId: client.clientId as string, secret: secret as string };
  };
  const works = async (clientId: string, secret: string) =>
    (await at.clients.authenticate(clientId, secret)) !== undefined;
  const settle = async () => {
    await at.usage.flush();
    return at.rotation.startGraces();
  };

  it('is known at once to another process that remembers the client and has heard nothing', async () => {
    const news = createRevocations({ store: rooms.stores.revocations, clock: rooms.clock });
    const there = processOver({ ...rooms, revocations: news }).clients;
    const { clientId, secret } = await create();
    expect(await there.authenticate(clientId, secret)).toBeDefined();
    const rotated = await at.rotation.rotate(clientId, {}, ADMIN);
    expect(await there.authenticate(clientId, rotated.secret)).toBeDefined();
    expect(await there.authenticate(clientId, secret)).toBeDefined();
  });

  it('lets both secrets work until the grace after the first use of the new one is over', async () => {
    const { clientId, secret } = await create();
    const rotated = await at.rotation.rotate(clientId, { graceSeconds: 60 }, ADMIN);
    rooms.clock.advance(DAY_MS);
    expect(await works(clientId, secret)).toBe(true);
    expect(await settle()).toBe(0);
    expect(await works(clientId, rotated.secret)).toBe(true);
    expect(await settle()).toBe(1);
    rooms.clock.advance(59_999);
    expect(await works(clientId, secret)).toBe(true);
    rooms.clock.advance(1);
    expect(await works(clientId, secret)).toBe(false);
    expect(await works(clientId, rotated.secret)).toBe(true);
  });

  it('ends the old secret on the hard date although the new one is never used', async () => {
    const { clientId, secret } = await create();
    await at.rotation.rotate(clientId, { latestEndMs: rooms.clock.nowMs() + DAY_MS }, ADMIN);
    rooms.clock.advance(DAY_MS);
    expect(await works(clientId, secret)).toBe(false);
  });

  it('gives one successor to many that ask at once', async () => {
    const { clientId } = await create();
    const answers = await Promise.allSettled(
      Array.from({ length: 10 }, () => at.rotation.rotate(clientId, {}, ADMIN)),
    );
    expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    await expect(at.rotation.rotate(clientId, {}, ADMIN)).rejects.toMatchObject({ code: 'CONFLICT' });
  });

  it('ends compromised secrets and the access tokens that they got, at once, and the client lives on', async () => {
    const { clientId, secret } = await create();
    const rotated = await at.rotation.rotate(clientId, {}, ADMIN);
    const issuedAtMs = rooms.clock.nowMs();
    const { ended, successor } = await at.rotation.compromised(clientId, {}, ADMIN);
    expect(ended).toHaveLength(2);
    expect([await works(clientId, secret), await works(clientId, rotated.secret)]).toEqual([false, false]);
    expect(rooms.revocations.isRevoked('client_tokens', clientId, issuedAtMs)).toBe(true);
    expect(rooms.revocations.isRevoked('client_tokens', clientId, issuedAtMs + 1)).toBe(false);
    expect(await works(clientId, successor?.secret as string)).toBe(true);
    expect(await at.clients.usable(clientId)).toBeDefined();
  });

  it('ends one compromised secret alone, and makes no other while one lives', async () => {
    const { clientId, secret } = await create();
    const rotated = await at.rotation.rotate(clientId, {}, ADMIN);
    const secretId = rotated.replaced[0]?.secretId;
    const outcome = await at.rotation.compromised(clientId, { secretId }, ADMIN);
    expect(outcome).toMatchObject({ ended: [secretId], successor: undefined });
    expect([await works(clientId, secret), await works(clientId, rotated.secret)]).toEqual([false, true]);
    await expect(at.rotation.compromised(clientId, { secretId }, ADMIN)).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
  });

  it('is seen by another process with its next look at the revocations', async () => {
    const { clientId, secret } = await create();
    const other = processOver(rooms);
    expect(await other.clients.authenticate(clientId, secret)).toBeDefined();
    await at.rotation.compromised(clientId, {}, ADMIN);
    rooms.clock.advance(250);
    expect(await other.clients.authenticate(clientId, secret)).toBeUndefined();
  });

  it('refuses a revoked client, an unknown one, and one without a secret', async () => {
    const { clientId } = await create();
    await at.clients.revoke(clientId, ADMIN);
    for (const id of [clientId, 'cl_none']) {
      await expect(at.rotation.rotate(id, {}, ADMIN)).rejects.toMatchObject({ code: 'NOT_FOUND' });
      await expect(at.rotation.compromised(id, {}, ADMIN)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    }
    const app = await create({
      applicationType: 'spa',
      grantTypes: ['authorization_code'],
      redirectUris: ['https://app.example.com/callback'],
    });
    await expect(at.rotation.rotate(app.clientId, {}, ADMIN)).rejects.toMatchObject({
      code: 'INVALID_REQUEST',
    });
  });

  it('leaves one audit record for each change, without a secret', async () => {
    const { clientId, secret } = await create();
    const rotated = await at.rotation.rotate(clientId, { graceSeconds: 60 }, ADMIN);
    await works(clientId, rotated.secret);
    await settle();
    const { successor } = await at.rotation.compromised(clientId, { reason: 'leaked' }, ADMIN);
    const records = (await rooms.audited()).filter(({ event }) => event.startsWith('client.'));
    expect(records.map(({ event, actor, reason }) => [event, actor, reason])).toEqual([
      ['client.created', 'admin:test', undefined],
      ['client.secret_rotated', 'admin:test', undefined],
      ['client.grace_started', 'system', undefined],
      ['client.secret_compromised', 'admin:test', 'leaked'],
    ]);
    const written = JSON.stringify(records) + rooms.lines.join('');
    for (const one of [secret, rotated.secret, successor?.secret as string])
      expect(written).not.toContain(one);
  });
});
