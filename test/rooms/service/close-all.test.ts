import { expect, it } from 'vitest';
import { closeAll } from '../../../src/service/open-stores.ts';

it('closes what was opened last first, and the rest too when one fails', async () => {
  const closed: string[] = [];
  const opened = [
    () => void closed.push('stores'),
    async () => {
      closed.push('redis');
      throw new Error('redis is gone');
    },
    () => void closed.push('audit'),
  ];
  await expect(closeAll(opened)).rejects.toThrow('redis is gone');
  expect(closed).toEqual(['audit', 'redis', 'stores']);
});
