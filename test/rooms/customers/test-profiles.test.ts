import { describe, expect, it } from 'vitest';
import type { CollectedFields } from '../../../src/customers/channel-proofs/collect-attributes.ts';
import type { Profile, ProfileRequest } from '../../../src/customers/profile/get-profile.ts';
import { fenceAttributes, fenceProfiles } from '../../../src/customers/profile/test-profiles.ts';
import type { CustomerIdentifier, CustomerReference } from '../../../src/identifiers/identifier.ts';

const MADE_UP = `t1${'a'.repeat(32)}` as CustomerIdentifier;
const REAL = `c1${'a'.repeat(32)}` as CustomerIdentifier;
const reference = (text: string) => text as CustomerReference;
const profiles = new Map([[reference('fixed'), { plan: 'gold', iban: 'x', __proto__x: 1 }]]);

const request = (change: Partial<ProfileRequest> = {}): ProfileRequest => ({
  partner: {
    id: 'north',
    name: 'North',
    channelGroups: [],
    visibleFields: ['plan', 'lines', 'constructor'],
    fieldMasks: { lines: 'hidden' },
    tier: 'production',
    createdAtMs: 0,
  } as unknown as ProfileRequest['partner'],
  environment: 'live',
  customerId: MADE_UP,
  reference: reference('fixed'),
  wanted: undefined,
  requestId: 'req-1',
  traceparent: '',
  address: '',
  clientId: undefined,
  keyPrefix: undefined,
  ...change,
});

function openFence() {
  const asked: ProfileRequest[] = [];
  const events: unknown[] = [];
  const getProfile = fenceProfiles({
    getProfile: (one) => {
      asked.push(one);
      return Promise.resolve({ customer_id: one.customerId, profile: {}, sources: {} } as Profile);
    },
    profiles,
    audit: { event: (...event) => void events.push(event) },
  });
  return { asked, events, getProfile };
}

describe('the profile of a test customer', () => {
  it('is the fixed one, narrowed by what the partner may see, asks for and was agreed to, and is recorded', async () => {
    const { asked, events, getProfile } = openFence();
    expect(await getProfile(request())).toEqual({
      customer_id: MADE_UP,
      profile: { plan: 'gold' },
      sources: {},
      test: true,
    });
    expect((await getProfile(request({ wanted: ['lines'] }))).profile).toEqual({});
    expect((await getProfile(request({ agreedTo: () => false }))).profile).toEqual({});
    expect(asked).toEqual([]);
    expect(events).toHaveLength(3);
  });

  it('is masked for a partner as a real one would be', async () => {
    const { getProfile } = openFence();
    const { partner } = request();
    const shown = await getProfile(request({ partner: { ...partner, fieldMasks: { plan: 'hidden' } } }));
    expect(shown.profile).toEqual({ plan: '••••' });
  });

  it('without a fixed one comes from test data, whatever key asks', async () => {
    const { asked, getProfile } = openFence();
    for (const environment of ['live', 'test'] as const) {
      const other = reference('other');
      expect(await getProfile(request({ environment, reference: other }))).toMatchObject({ test: true });
    }
    expect(asked.map(({ environment }) => environment)).toEqual(['test', 'test']);
  });

  it('is never a real customer’s, not even one of the same reference', async () => {
    const { asked, getProfile } = openFence();
    expect(await getProfile(request({ customerId: REAL }))).not.toHaveProperty('test');
    expect(asked).toEqual([request({ customerId: REAL })]);
  });
});

describe('the attributes of a test customer', () => {
  const collected: CollectedFields = { values: new Map([['plan', 'silver']]), unknown: new Set() };
  const asked: string[] = [];
  const collect = fenceAttributes({
    live: () => (asked.push('live'), Promise.resolve(collected)),
    test: () => (asked.push('test'), Promise.resolve(collected)),
    profiles,
  });
  const question = (customerId: CustomerIdentifier, named: string) => ({
    customerId,
    reference: reference(named),
    fields: new Set(['plan']),
    requestId: 'req-1',
    traceparent: '',
  });

  it('carry the mark, and come from the fixed profile or from test data alone', async () => {
    asked.length = 0;
    const fixed = await collect(question(MADE_UP, 'fixed'));
    expect([fixed.values.get('plan'), fixed.values.get('test_customer')]).toEqual(['gold', true]);
    expect(asked).toEqual([]);
    expect((await collect(question(MADE_UP, 'other'))).values.get('test_customer')).toBe(true);
    expect(asked).toEqual(['test']);
  });

  it('leave those of real customers as they are', async () => {
    asked.length = 0;
    expect(await collect(question(REAL, 'fixed'))).toBe(collected);
    expect(asked).toEqual(['live']);
  });
});
