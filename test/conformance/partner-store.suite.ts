import { describe, expect, it } from 'vitest';
import type { PartnerId } from '../../src/partners/partner.ts';
import {
  auditedReasons,
  auditRecord,
  freshStores,
  inParallel,
  partner,
  type StoreEngine,
} from './store-fixture.ts';

export function partnerStoreSuite(engine: StoreEngine): void {
  describe('partner store', () => {
    const at = freshStores(engine);

    it('gives back what was inserted, lists and moments included', async () => {
      const { partners } = at.stores;
      const fieldMasks = { balance: 'hidden' } as const;
      const first = { ...partner('acme', ['web', 'app']), fieldMasks, disabledAtMs: 5 };
      const second = partner('zeta', []);
      expect(await partners.insert(first, auditRecord('first'))).toBe('inserted');
      expect(await partners.insert(second, auditRecord('second'))).toBe('inserted');
      expect(await partners.find(first.id)).toEqual(first);
      expect(await partners.list()).toEqual([first, second]);
      expect(await auditedReasons(at.stores)).toEqual(['first', 'second']);
    });

    it('knows no partner by a name that nobody has, however odd', async () => {
      expect(await at.stores.partners.find('nobody' as PartnerId)).toBeUndefined();
      expect(await at.stores.partners.find('a\0b' as PartnerId)).toBeUndefined();
    });

    it('refuses an id or a channel group that is taken, and leaves no trace of the attempt', async () => {
      const { partners } = at.stores;
      await partners.insert(partner('acme', ['web']), auditRecord('first'));
      expect(await partners.insert(partner('acme', ['other']), auditRecord('same id'))).toBe('conflict');
      expect(await partners.insert(partner('zeta', ['free', 'web']), auditRecord('same group'))).toBe(
        'conflict',
      );
      expect(await partners.list()).toEqual([partner('acme', ['web'])]);
      expect(await auditedReasons(at.stores)).toEqual(['first']);
      expect(await partners.insert(partner('zeta', ['free']), auditRecord('second'))).toBe('inserted');
    });

    it('gives a channel group to one of many partners that ask at once', async () => {
      const answers = await inParallel(20, (n) =>
        at.stores.partners.insert(partner(`p${n}`, [`own${n}`, 'shared']), auditRecord(`p${n}`)),
      );
      expect(answers.filter((answer) => answer === 'inserted')).toHaveLength(1);
      expect(await at.stores.partners.list()).toHaveLength(1);
      expect(await auditedReasons(at.stores)).toEqual([`p${answers.indexOf('inserted')}`]);
    });

    it('replaces name, groups, fields, masks, tier and state, and frees the groups that went', async () => {
      const { partners } = at.stores;
      await partners.insert(partner('acme', ['web', 'app']), auditRecord('insert'));
      const changed = {
        ...partner('acme', ['app', 'kiosk']),
        name: 'New name',
        visibleFields: [],
        fieldMasks: { iban: 'last_four' as const },
        tier: 'staging',
        disabledAtMs: 77,
      };
      expect(await partners.update(changed, auditRecord('update'))).toBe('updated');
      expect(await partners.find(changed.id)).toEqual(changed);
      expect(await partners.insert(partner('zeta', ['web']), auditRecord('takes web'))).toBe('inserted');
      expect(await auditedReasons(at.stores)).toEqual(['insert', 'update', 'takes web']);
    });

    it('keeps a partner as it was when an update is refused', async () => {
      const { partners } = at.stores;
      await partners.insert(partner('acme', ['web']), auditRecord('acme'));
      await partners.insert(partner('zeta', ['app']), auditRecord('zeta'));
      const greedy = { ...partner('zeta', ['app', 'web']), name: 'Greedy' };
      expect(await partners.update(greedy, auditRecord('greedy'))).toBe('conflict');
      expect(await partners.find(greedy.id)).toEqual(partner('zeta', ['app']));
      expect(await partners.update(partner('nobody'), auditRecord('nobody'))).toBe('missing');
      expect(await auditedReasons(at.stores)).toEqual(['acme', 'zeta']);
    });
  });
}
