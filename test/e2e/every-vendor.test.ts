import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { channelProfiles } from '../../src/channels/profile-registry.ts';
import { documented } from '../vendors/documented.ts';
import type { Handed } from '../vendors/vendor.ts';
import { openVendorHouse, type VendorHouse } from './vendor-house.ts';

let house: VendorHouse;
let mira: string;
let noor: string;

beforeAll(async () => {
  house = await openVendorHouse();
  mira = await house.signIn('mira');
  noor = await house.signIn('noor');
});
afterAll(() => house[Symbol.asyncDispose]());

/** What the page of a signed-in customer hands to the vendor's widget. */
async function handOver(id: string, cookie: string): Promise<Handed & { customer_id: string }> {
  const inputs = house.inputsOf(id);
  const headers = { cookie, 'x-symbolon-csrf': '1' };
  const answer = await house.post(`/channels/${id}/token`, { input: inputs }, headers);
  const body = (await answer.json()) as Handed & { customer_id: string };
  if (answer.status !== 200) throw new Error(`${id}: ${JSON.stringify(body)}`);
  return { ...body, inputs };
}

const knownBy = (id: string) => documented[id]?.knownBy ?? 'identifier';
const ids = [...channelProfiles.keys()];

describe('the running service', () => {
  it.each(ids)('signs its customer in at %s', async (id) => {
    const own = await house.customerOf(mira);
    const handed = await handOver(id, mira);
    const visitor = await house.admit(id, handed);
    expect(handed.customer_id).toBe(own);
    expect(visitor.customer).toBe(knownBy(id) === 'email' ? 'mira@example.com' : own);
  });

  it.each(ids.filter((id) => knownBy(id) === 'identifier'))(
    'never takes one customer for another at %s',
    async (id) => {
      const [one, other] = await Promise.all([handOver(id, mira), handOver(id, noor)]);
      const visitors = [await house.admit(id, one), await house.admit(id, other)];
      expect(visitors.map(({ customer }) => customer)).toEqual([
        await house.customerOf(mira),
        await house.customerOf(noor),
      ]);
    },
  );

  it.each(ids)('gives nobody a proof for %s who is not signed in', async (id) => {
    const answer = await house.post(
      `/channels/${id}/token`,
      { input: house.inputsOf(id) },
      { 'x-symbolon-csrf': '1' },
    );
    expect(answer.status).toBe(401);
  });
});
