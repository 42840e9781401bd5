import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Backend, BackendQuestion, SourceStatus } from '../../../src/backends/backend-types.ts';
import { createGetProfile, type ProfileRequest } from '../../../src/customers/profile/get-profile.ts';
import type { CustomerIdentifier, CustomerReference } from '../../../src/identifiers/identifier.ts';
import { openRooms, type Rooms } from '../fixture.ts';

const ID = 'c1lpcdu3obrwgtjp3esjma6v5577d3yzl4' as CustomerIdentifier;

let rooms: Rooms;
let questions: [string, BackendQuestion][];
beforeEach(async () => {
  rooms = await openRooms();
  questions = [];
  await rooms.partners.create(
    'acme',
    {
      name: 'Acme',
      channelGroups: ['acme'],
      visibleFields: ['plan', 'balance', '__proto__'],
      tier: 'production',
    },
    { actor: 'admin:test' },
  );
});
afterEach(() => rooms.close());

function backend(name: string, gives: Record<string, unknown>, status: SourceStatus = 'ok'): Backend {
  return {
    name,
    environments: new Set(['live'] as const),
    fields: Object.keys(gives),
    ask: async (question) => {
      questions.push([name, question]);
      return status === 'ok' ? { status, fields: gives } : { status, fields: {} };
    },
    probe: async () => ({ ok: true, message: '' }),
  };
}

const ask = (backends: Backend[], changes: Partial<ProfileRequest> = {}) =>
  createGetProfile({ backends, audit: rooms.audit })({
    partner: rooms.partners.find('acme') as ProfileRequest['partner'],
    environment: 'live',
    customerId: ID,
    reference: 'kundin-4711' as CustomerReference,
    wanted: undefined,
    requestId: 'req-1',
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    address: '192.0.2.1',
    clientId: 'cl_1',
    keyPrefix: 'pk_live_abc',
    ...changes,
  });

const crm = (status?: SourceStatus) => backend('crm', { plan: 'gold', secret: 'x' }, status);
const billing = (status?: SourceStatus) => backend('billing', { balance: 12 }, status);

describe('a test key', () => {
  const sandbox = () => ({
    ...backend('sandbox', { plan: 'made up' }),
    environments: new Set(['test'] as const),
  });

  it('opens test data alone, and a live key live data alone', async () => {
    const backends = [crm(), sandbox()];
    expect(await ask(backends, { environment: 'test' })).toMatchObject({
      profile: { plan: 'made up' },
      sources: { sandbox: 'ok' },
    });
    expect(await ask(backends)).toMatchObject({ profile: { plan: 'gold' }, sources: { crm: 'ok' } });
    expect(questions.map(([name]) => name)).toEqual(['sandbox', 'crm']);
  });

  it('is refused where there is none, and no backend is asked', async () => {
    await expect(ask([crm()], { environment: 'test' })).rejects.toMatchObject({
      code: 'ENVIRONMENT_NOT_ALLOWED',
    });
    expect(questions).toEqual([]);
  });
});

describe('a profile', () => {
  it('holds what the partner may see and nothing else, whatever the backends give', async () => {
    expect(await ask([crm(), billing()])).toEqual({
      customer_id: ID,
      profile: { plan: 'gold', balance: 12 },
      sources: { crm: 'ok', billing: 'ok' },
    });
  });

  it('is narrowed by what is asked for, and only backends that can give it are asked', async () => {
    expect(await ask([crm(), billing()], { wanted: ['balance', 'secret', 'unknown'] })).toEqual({
      customer_id: ID,
      profile: { balance: 12 },
      sources: { billing: 'ok' },
    });
    expect(questions.map(([name]) => name)).toEqual(['billing']);
    expect([...(questions[0]?.[1].fields ?? [])]).toEqual(['balance']);
  });

  it('is empty, and asks nobody, when nothing of it may be seen', async () => {
    expect(await ask([crm()], { wanted: ['secret'] })).toEqual({ customer_id: ID, profile: {}, sources: {} });
    expect(questions).toEqual([]);
  });

  it('takes a field that two backends give from the first one', async () => {
    const second = backend('second', { plan: 'silver', balance: 1 });
    expect((await ask([crm(), second])).profile).toEqual({ plan: 'gold', balance: 1 });
    expect((await ask([second, crm()])).profile).toEqual({ plan: 'silver', balance: 1 });
    expect((await ask([crm('error'), second])).profile).toEqual({ plan: 'silver', balance: 1 });
  });

  it('is a plain record also for a field with a name of the language', async () => {
    const odd = backend('odd', JSON.parse('{"__proto__":{"plan":"forged"}}') as Record<string, unknown>);
    const { profile } = await ask([odd]);
    expect(Object.getPrototypeOf(profile)).toBe(Object.prototype);
    expect(profile['plan']).toBeUndefined();
    expect(Object.keys(profile)).toEqual(['__proto__']);
  });
});

describe('a failing backend', () => {
  it.each<SourceStatus>(['not_found', 'timeout', 'unavailable', 'error'])(
    'that says %s costs its own fields alone',
    async (status) => {
      expect(await ask([crm(status), billing()])).toEqual({
        customer_id: ID,
        profile: { balance: 12 },
        sources: { crm: status, billing: 'ok' },
      });
    },
  );

  it.each<[SourceStatus, SourceStatus, string]>([
    ['not_found', 'not_found', 'PROFILE_NOT_FOUND'],
    ['timeout', 'timeout', 'BACKEND_TIMEOUT'],
    ['not_found', 'timeout', 'BACKEND_TIMEOUT'],
    ['unavailable', 'unavailable', 'BACKEND_UNAVAILABLE'],
    ['not_found', 'unavailable', 'BACKEND_UNAVAILABLE'],
    ['error', 'error', 'BACKEND_ERROR'],
    ['timeout', 'unavailable', 'BACKEND_ERROR'],
    ['not_found', 'error', 'BACKEND_ERROR'],
  ])('beside another, %s and %s, leaves %s', async (one, two, code) => {
    await expect(ask([crm(one), billing(two)])).rejects.toMatchObject({ code });
  });
});

it('every read is recorded with who read, about whom and what became of it, but not what was read', async () => {
  await ask([crm(), billing('timeout')]);
  await ask([crm('error')]).catch(() => {});
  const records = (await rooms.audited()).filter(({ event }) => event === 'profile.read');
  const common = {
    partner: 'acme',
    clientId: 'cl_1',
    keyPrefix: 'pk_live_abc',
    customerId: ID,
    requestId: 'req-1',
  };
  expect(records).toMatchObject([
    { ...common, outcome: 'success', details: { fields: 1, crm: 'ok', billing: 'timeout' } },
    { ...common, outcome: 'failed', reason: 'BACKEND_ERROR', details: { fields: 0, crm: 'error' } },
  ]);
  expect(JSON.stringify([records, rooms.lines])).not.toMatch(/\bgold\b|kundin-4711/);
});
