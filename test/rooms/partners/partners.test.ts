import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openPartners } from '../../../src/partners/partners.ts';
import { isScope, PUBLISHABLE_SCOPES, SCOPES } from '../../../src/partners/scopes.ts';
import { ADMIN, openRooms, type Rooms } from '../fixture.ts';

let rooms: Rooms;
beforeEach(async () => {
  rooms = await openRooms();
});
afterEach(() => rooms.close());

const settings = (channelGroups: string[], visibleFields = ['plan']) => ({
  name: 'A partner',
  channelGroups,
  visibleFields,
  tier: 'production',
});

describe('partners', () => {
  it('are found by id and by the group they own, at once and after a restart', async () => {
    const { partners } = rooms;
    await partners.create('acme', settings(['web', 'app']), ADMIN);
    await partners.create('bolt', settings(['bolt']), ADMIN);
    const again = await openPartners({
      store: rooms.stores.partners,
      clock: rooms.clock,
      audit: rooms.audit,
    });
    for (const list of [partners, again]) {
      expect(list.find('acme')).toMatchObject({
        id: 'acme',
        channelGroups: ['web', 'app'],
        visibleFields: ['plan'],
      });
      expect(list.ofGroup('app')?.id).toBe('acme');
      expect(list.ofGroup('bolt')?.id).toBe('bolt');
      expect(list.ofGroup('acme')).toBeUndefined();
      expect(list.all()).toHaveLength(2);
    }
  });

  it('never share a channel group, neither when made nor when changed', async () => {
    const { partners } = rooms;
    await partners.create('acme', settings(['web']), ADMIN);
    await expect(partners.create('bolt', settings(['bolt', 'web']), ADMIN)).rejects.toMatchObject({
      code: 'CONFLICT',
    });
    expect(partners.find('bolt')).toBeUndefined();
    await partners.create('bolt', settings(['bolt']), ADMIN);
    await expect(partners.update('bolt', { channelGroups: ['web'] }, ADMIN)).rejects.toMatchObject({
      code: 'CONFLICT',
    });
    expect(partners.ofGroup('web')?.id).toBe('acme');
    expect(partners.find('bolt')?.channelGroups).toEqual(['bolt']);
  });

  it('made twice at once are one', async () => {
    const results = await Promise.allSettled(
      Array.from({ length: 10 }, () => rooms.partners.create('acme', settings(['web']), ADMIN)),
    );
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  it('change only in what was changed', async () => {
    const { partners } = rooms;
    const made = await partners.create('acme', settings(['web'], ['plan', 'balance']), ADMIN);
    rooms.clock.advance(5_000);
    await partners.update('acme', { visibleFields: ['plan'] }, ADMIN);
    expect(partners.find('acme')).toEqual({ ...made, visibleFields: ['plan'] });
  });

  it('are switched off and on again, and keep since when', async () => {
    const { partners, clock } = rooms;
    await partners.create('acme', settings(['web']), ADMIN);
    await partners.update('acme', { disabled: true }, ADMIN);
    expect(partners.find('acme')?.disabledAtMs).toBe(clock.nowMs());
    await partners.update('acme', { name: 'New name' }, ADMIN);
    expect(partners.find('acme')?.disabledAtMs).toBe(clock.nowMs());
    await partners.update('acme', { disabled: false }, ADMIN);
    expect(partners.find('acme')?.disabledAtMs).toBeUndefined();
  });

  it('that another process changed are seen after the next look', async () => {
    const there = await openPartners({
      store: rooms.stores.partners,
      clock: rooms.clock,
      audit: rooms.audit,
    });
    await rooms.addPartner('acme');
    expect(there.find('acme')).toBeUndefined();
    await there.refresh();
    expect(there.find('acme')?.id).toBe('acme');
  });

  it.each<[string, () => Promise<unknown>, string]>([
    ['a name with capitals', () => rooms.partners.create('Acme', settings([]), ADMIN), 'INVALID_REQUEST'],
    ['a path for a name', () => rooms.partners.create('../acme', settings([]), ADMIN), 'INVALID_REQUEST'],
    [
      'a group with a space',
      () => rooms.partners.create('acme', settings(['a b']), ADMIN),
      'INVALID_REQUEST',
    ],
    [
      'a field with a slash',
      () => rooms.partners.create('acme', settings([], ['a/b']), ADMIN),
      'INVALID_REQUEST',
    ],
    ['an unknown partner', () => rooms.partners.update('acme', { name: 'x' }, ADMIN), 'NOT_FOUND'],
  ])('%s is refused and leaves no record', async (_what, call, code) => {
    await expect(call()).rejects.toMatchObject({ code });
    expect(rooms.partners.all()).toEqual([]);
    expect(await rooms.audited()).toEqual([]);
  });

  it('leave a record of every change, with who made it', async () => {
    const { partners } = rooms;
    await partners.create('acme', settings(['web']), ADMIN);
    await partners.update('acme', { name: 'New name' }, ADMIN);
    await partners.update('acme', { disabled: true }, ADMIN);
    await partners.update('acme', { disabled: false }, ADMIN);
    const records = await rooms.audited();
    expect(records.map(({ event, partner }) => [event, partner])).toEqual([
      ['partner.created', 'acme'],
      ['partner.updated', 'acme'],
      ['partner.disabled', 'acme'],
      ['partner.updated', 'acme'],
    ]);
    for (const record of records) expect(record).toMatchObject({ ...ADMIN, outcome: 'success' });
  });
});

describe('scopes', () => {
  it('are a closed list; names of the language are none', () => {
    for (const scope of Object.keys(SCOPES)) expect(isScope(scope)).toBe(true);
    for (const text of ['', 'profile', 'PROFILE:READ', 'constructor', '__proto__', 'toString']) {
      expect(isScope(text)).toBe(false);
    }
  });

  it('that a public id alone may use never open a profile', () => {
    expect(PUBLISHABLE_SCOPES.has('profile:read')).toBe(false);
    for (const scope of PUBLISHABLE_SCOPES) expect(isScope(scope)).toBe(true);
  });
});
