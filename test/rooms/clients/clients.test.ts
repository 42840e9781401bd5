import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Clients, type ClientsDeps, createClients } from '../../../src/clients/clients.ts';
import { openPartners } from '../../../src/partners/partners.ts';
import { createRevocations } from '../../../src/revocation/revocations.ts';
import { ADMIN, openRooms, type Rooms } from '../fixture.ts';

let rooms: Rooms;
let clients: Clients;
/** Ids of the secrets that were noted as used. */
let used: string[];

const clientsOf = (changes: Partial<ClientsDeps> = {}) =>
  createClients({
    store: rooms.stores.clients,
    keyring: rooms.keyring,
    clock: rooms.clock,
    audit: rooms.audit,
    partners: rooms.partners,
    revocations: rooms.revocations,
    assertions: { accepts: async () => false },
    usage: { note: (secretId) => used.push(secretId) },
    loopbackForAll: false,
    maxTokenLifetimeSeconds: 3_600,
    ...changes,
  });

beforeEach(async () => {
  rooms = await openRooms();
  used = [];
  await rooms.addPartner('acme');
  clients = clientsOf();
});
afterEach(() => rooms.close());

async function create(changes: { partner?: string; scopes?: string[] } = {}) {
  const settings = {
    partner: 'acme',
    label: 'chat',
    scopes: ['profile:read'],
    grantTypes: ['client_credentials'],
    ...changes,
  };
  const { client, secret } = await clients.create(settings, ADMIN);
  return { client, clientId: client.clientId as string, secret: secret as string };
}

describe('a client', () => {
  it('that was changed is changed on every node once the news arrives', async () => {
    const { clientId } = await create();
    const news = createRevocations({ store: rooms.stores.revocations, clock: rooms.clock });
    const elsewhere = clientsOf({ revocations: news });
    expect((await elsewhere.usable(clientId))?.scopes).toEqual(['profile:read']);
    await clients.update(clientId, { scopes: ['whoami'] }, ADMIN);
    await news.refresh();
    rooms.clock.advance(250);
    expect((await elsewhere.usable(clientId))?.scopes).toEqual(['whoami']);
  });

  it('of a partner that another process has just made is known at once, and may be made there', async () => {
    const { partners: store, clients: ofClients } = rooms.stores;
    const partners = await openPartners({ store, clock: rooms.clock, audit: rooms.audit });
    const elsewhere = clientsOf({ store: ofClients, partners });
    await rooms.addPartner('new');
    const { clientId } = await create({ partner: 'new' });
    expect(await elsewhere.usable(clientId)).toMatchObject({ partner: 'new' });
    await rooms.addPartner('newer');
    const settings = {
      partner: 'newer',
      label: 'chat',
      scopes: ['whoami'],
      grantTypes: ['client_credentials'],
    };
    expect((await elsewhere.create(settings, ADMIN)).client.partner).toBe('newer');
  });

  it('is authenticated by its own secret alone, here and after a restart', async () => {
    const [one, two] = [await create(), await create()];
    for (const by of [clients, clientsOf()]) {
      expect((await by.authenticate(one.clientId, one.secret))?.clientId).toBe(one.clientId);
      expect(await by.authenticate(one.clientId, two.secret)).toBeUndefined();
      for (const wrong of ['', `${one.secret} `, one.secret.slice(0, -1), one.secret.toLowerCase()]) {
        expect(await by.authenticate(one.clientId, wrong)).toBeUndefined();
      }
    }
  });

  it('that nobody knows costs the digests and comparisons of a wrong secret and looks the same', async () => {
    const { clientId } = await create();
    await rooms.keyring.rotate('credential-pepper');
    let digests = 0;
    const counting = clientsOf({
      keyring: {
        ...rooms.keyring,
        all: (purpose) => {
          const keys = rooms.keyring.all(purpose);
          digests += keys.length;
          return keys;
        },
      },
    });
    const workOf = async (id: string) => {
      digests = 0;
      expect(await counting.authenticate(id, 'cs_wrong')).toBeUndefined();
      return digests;
    };
    const wrongSecret = await workOf(clientId);
    expect(wrongSecret).toBe(2);
    expect(await workOf('cl_00000000000000000000')).toBe(wrongSecret);
    expect(await workOf('not an id')).toBe(wrongSecret);
  });

  it('still works after the pepper was rotated', async () => {
    const { clientId, secret } = await create();
    await rooms.keyring.rotate('credential-pepper');
    expect(await clients.authenticate(clientId, secret)).toBeDefined();
  });

  it('leaves neither its secret nor the plain SHA-256 of it in the database', async () => {
    const { clientId, secret } = await create();
    const kept = JSON.stringify([await rooms.stores.clients.list(), await rooms.audited(), rooms.lines]);
    expect(kept).toContain(clientId);
    expect(kept).not.toContain(secret);
    for (const form of ['hex', 'base64', 'base64url'] as const) {
      expect(kept).not.toContain(createHash('sha256').update(secret).digest(form).replace(/=+$/, ''));
    }
  });

  it('has a secret of at least 160 bits that never repeats', async () => {
    const secrets = await Promise.all(Array.from({ length: 50 }, async () => (await create()).secret));
    expect(new Set(secrets).size).toBe(50);
    for (const secret of secrets) expect(secret).toMatch(/^cs_[0-9A-Za-z]{49}$/);
  });

  it.each<[string, { partner?: string; scopes?: string[] }, string]>([
    ['of an unknown partner', { partner: 'nobody' }, 'NOT_FOUND'],
    ['with an unknown scope', { scopes: ['everything'] }, 'INVALID_REQUEST'],
  ])('%s is refused', async (_what, changes, code) => {
    await expect(create(changes)).rejects.toMatchObject({ code });
    expect(await clients.list()).toEqual([]);
  });

  it('of a disabled partner is refused until the partner is back', async () => {
    const { clientId, secret } = await create();
    await rooms.partners.update('acme', { disabled: true }, ADMIN);
    expect(await clients.authenticate(clientId, secret)).toBeUndefined();
    await rooms.partners.update('acme', { disabled: false }, ADMIN);
    expect(await clients.authenticate(clientId, secret)).toBeDefined();
  });
});

describe('a revoked client', () => {
  it('is refused at once, and everything it was issued with it', async () => {
    const { clientId, secret } = await create();
    expect(await clients.authenticate(clientId, secret)).toBeDefined();
    const issuedAtMs = rooms.clock.nowMs();
    await clients.revoke(clientId, ADMIN);
    expect(await clients.authenticate(clientId, secret)).toBeUndefined();
    expect(rooms.revocations.isRevoked('client', clientId, issuedAtMs)).toBe(true);
    rooms.clock.advance(3_600_000 - 1);
    expect(rooms.revocations.isRevoked('client', clientId, issuedAtMs)).toBe(true);
    rooms.clock.advance(86_400_000);
    expect(await clients.authenticate(clientId, secret)).toBeUndefined();
  });

  it('is refused by another process with its next look, although it remembers the client', async () => {
    const { clientId, secret } = await create();
    const revocations = createRevocations({ store: rooms.stores.revocations, clock: rooms.clock });
    const there = clientsOf({ revocations });
    expect(await there.authenticate(clientId, secret)).toBeDefined();
    await clients.revoke(clientId, ADMIN);
    await revocations.refresh();
    expect(await there.authenticate(clientId, secret)).toBeUndefined();
  });

  it('takes along a token that another process, which had not heard of it, issued a moment later', async () => {
    const { clientId } = await create();
    await clients.revoke(clientId, ADMIN);
    expect(rooms.revocations.isRevoked('client', clientId, rooms.clock.nowMs() + 500)).toBe(true);
  });

  it('cannot be revoked again, nor can one that is none', async () => {
    const { clientId } = await create();
    await clients.revoke(clientId, ADMIN);
    for (const id of [clientId, 'cl_00000000000000000000', '']) {
      await expect(clients.revoke(id, ADMIN)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    }
    const events = (await rooms.audited()).filter(({ event }) => event.startsWith('client.'));
    expect(events.map(({ event, clientId: id }) => [event, id])).toEqual([
      ['client.created', clientId],
      ['client.revoked', clientId],
    ]);
  });
});

describe('a secret that another process has just made', () => {
  /** Another process that remembers a client, and how often it asked the store since. */
  async function remembering() {
    const { client, clientId, secret } = await create();
    const { secret: made, client: other } = await create();
    let current = client;
    let reads = 0;
    const find = async () => {
      reads += 1;
      return current;
    };
    const there = clientsOf({ store: { ...rooms.stores.clients, find } });
    expect(await there.authenticate(clientId, secret)).toBeDefined();
    reads = 0;
    const rotate = () => {
      current = { ...client, secrets: [...client.secrets, ...other.secrets] };
    };
    const works = async (presented: string) => (await there.authenticate(clientId, presented)) !== undefined;
    return { works, rotate, secret, made, reads: () => reads };
  }

  it('works at once, and so does the one before it, which costs no question', async () => {
    const { works, rotate, secret, made, reads } = await remembering();
    rotate();
    expect(await works(secret)).toBe(true);
    expect(reads()).toBe(0);
    expect([await works(made), await works(made), await works(secret)]).toEqual([true, true, true]);
    expect(reads()).toBe(1);
  });

  it('works within a quarter of a second while somebody guesses, and guesses cost four questions a second', async () => {
    const { works, rotate, made, reads } = await remembering();
    for (let n = 0; n < 100; n++) expect(await works(`cs_guess-${n}`)).toBe(false);
    expect(reads()).toBe(3);
    for (let n = 0; n < 100; n++) {
      rooms.clock.advance(10);
      expect(await works(`cs_guess-${n}`)).toBe(false);
    }
    expect(reads()).toBeLessThanOrEqual(7);
    rotate();
    let waitedMs = 0;
    while (!(await works(made)) && waitedMs < 1_000) {
      rooms.clock.advance(10);
      waitedMs += 10;
    }
    expect(waitedMs).toBeLessThanOrEqual(250);
  });

  it('works at once however often another client’s secret is guessed', async () => {
    const [guessed, mine, other] = [await create(), await create(), await create()];
    let current = mine.client;
    const { find } = rooms.stores.clients;
    const there = clientsOf({
      store: { ...rooms.stores.clients, find: async (id) => (id === mine.clientId ? current : find(id)) },
    });
    for (const { clientId, secret } of [guessed, mine]) {
      expect(await there.authenticate(clientId, secret)).toBeDefined();
    }
    for (let n = 0; n < 10; n++) await there.authenticate(guessed.clientId, 'cs_guess');
    current = { ...mine.client, secrets: [...mine.client.secrets, ...other.client.secrets] };
    expect(await there.authenticate(mine.clientId, other.secret)).toBeDefined();
  });
});

describe('a secret that is being replaced', () => {
  it('works beside its successor until its grace is over', async () => {
    const { client, secret } = await create();
    const other = await create();
    const nowMs = rooms.clock.nowMs();
    const rotated = {
      ...client,
      secrets: [
        { ...(client.secrets[0] as (typeof client.secrets)[0]), expiresAtMs: nowMs + 60_000 },
        other.client.secrets[0] as (typeof client.secrets)[0],
      ],
    };
    const store = { ...rooms.stores.clients, find: async () => rotated };
    const by = clientsOf({ store });
    expect(await by.authenticate(client.clientId, secret)).toBeDefined();
    expect(await by.authenticate(client.clientId, other.secret)).toBeDefined();
    rooms.clock.advance(60_000);
    expect(await by.authenticate(client.clientId, secret)).toBeUndefined();
    expect(await by.authenticate(client.clientId, other.secret)).toBeDefined();
    const [old, young] = rotated.secrets.map(({ secretId }) => secretId);
    expect(used).toEqual([old, young, young]);
  });
});
