import { describe, expect, it } from 'vitest';
import { createFleetTokens } from '../../../src/outbound/fleet-tokens.ts';
import type { GrantedToken, TokenShare } from '../../../src/outbound/token-share.ts';
import { createTestClock } from '../../support/clock.ts';

const clock = createTestClock();
const token: GrantedToken = {
  token: 'shared',
  grantedAtMs: clock.nowMs(),
  endsAtMs: clock.nowMs() + 60_000,
};

function fleet(share: Partial<TokenShare>) {
  return createFleetTokens({
    share: {
      read: () => Promise.resolve(undefined),
      acquire: () => Promise.resolve(1),
      renew: () => Promise.resolve(true),
      publish: () => Promise.resolve(true),
      release: () => Promise.resolve(),
      ...share,
    },
    vault: { seal: (text) => text, open: (text) => text },
    clock,
    key: 'crm',
    origin: 'https://idp.example',
  });
}
const neverAsked = () => Promise.reject(new Error('the endpoint was asked'));

describe('a token of the fleet', () => {
  it('that was published between looking and taking the turn is used, and the turn given back', async () => {
    const published = [undefined, JSON.stringify(token)];
    const released: number[] = [];
    const tokens = fleet({
      read: () => Promise.resolve(published.shift()),
      acquire: () => Promise.resolve(7),
      release: (_key, fence) => {
        released.push(fence);
        return Promise.resolve();
      },
    });
    expect(await tokens.obtain(() => true, neverAsked, 1_000)).toEqual(token);
    expect(released).toEqual([7]);
  });

  it('is waited for while another process asks, and no longer than the deadline', async () => {
    let looks = 0;
    const tokens = fleet({
      acquire: () => Promise.resolve(undefined),
      read: (key) => Promise.resolve(key === 'crm' && (looks += 1) > 3 ? JSON.stringify(token) : undefined),
    });
    expect(await tokens.obtain(() => true, neverAsked, 5_000)).toEqual(token);
    const never = fleet({ acquire: () => Promise.resolve(undefined) });
    await expect(never.obtain(() => true, neverAsked, 100)).rejects.toMatchObject({
      failure: 'no_credentials',
    });
  });

  it('that another process could not get is not asked for by each process in turn', async () => {
    const tokens = fleet({
      acquire: () => Promise.resolve(undefined),
      read: (key) => Promise.resolve(key === 'crm' ? undefined : String(clock.nowMs())),
    });
    await expect(tokens.obtain(() => true, neverAsked, 5_000)).rejects.toMatchObject({
      detail: 'another process could not get a token either',
    });
  });

  it('that cannot be read, or is of no use, is as good as none', async () => {
    for (const text of ['', 'not json', '{"token":1}', JSON.stringify({ ...token, more: true })]) {
      const tokens = fleet({ read: (key) => Promise.resolve(key === 'crm' ? text : undefined) });
      expect(
        await tokens.obtain(
          () => true,
          () => Promise.resolve(token),
          1_000,
        ),
      ).toEqual(token);
    }
    const useless = fleet({
      read: (key) => Promise.resolve(key === 'crm' ? JSON.stringify(token) : undefined),
    });
    const fresh = { ...token, token: 'fresh' };
    const serves = ({ token: name }: GrantedToken) => name === 'fresh';
    expect(await useless.obtain(serves, () => Promise.resolve(fresh), 1_000)).toEqual(fresh);
  });

  it('that was fetched serves although it could not be published', async () => {
    const tokens = fleet({ publish: () => Promise.reject(new Error('gone')) });
    expect(
      await tokens.obtain(
        () => true,
        () => Promise.resolve(token),
        1_000,
      ),
    ).toEqual(token);
  });
});
