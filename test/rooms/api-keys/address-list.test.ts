import { describe, expect, it } from 'vitest';
import { createAddressList, isAddressRange } from '../../../src/api-keys/address-list.ts';

describe('a list of addresses', () => {
  it.each([
    ['192.0.2.7', ['192.0.2.7'], true],
    ['192.0.2.8', ['192.0.2.7'], false],
    ['192.0.2.255', ['192.0.2.0/24'], true],
    ['192.0.3.0', ['192.0.2.0/24'], false],
    ['192.0.2.7', ['192.0.2.99/24'], true],
    ['10.255.255.255', ['192.0.2.0/24', '10.0.0.0/8'], true],
    ['2001:db8::1', ['2001:db8::/32'], true],
    ['2001:DB8:0:0:0:0:0:1', ['2001:db8::1'], true],
    ['2001:db9::1', ['2001:db8::/32'], false],
    ['::ffff:192.0.2.7', ['192.0.2.0/24'], true],
    ['::ffff:c000:0207', ['192.0.2.7'], true],
    ['0:0:0:0:0:FFFF:192.0.2.7', ['192.0.2.7'], true],
    ['192.0.2.7', ['0:0:0:0:0:ffff:c000:0207'], true],
    ['192.0.2.7', ['::ffff:c000:0200/120'], true],
    ['192.0.2.7', ['::ffff:0:0/96'], true],
    ['2001:db8::ffff:c000:207', ['192.0.2.7'], false],
    ['192.0.2.7', ['::ffff:192.0.2.0/120'], true],
    ['192.0.3.7', ['::ffff:192.0.2.0/120'], false],
    ['192.0.2.7', ['2001:db8::/32'], false],
    ['192.0.2.7', ['::/0'], false],
    ['2001:db8::1', ['0.0.0.0/0'], false],
    ['unknown', ['0.0.0.0/0', '::/0'], false],
    ['', ['0.0.0.0/0'], false],
    ['192.0.2.7', ['nonsense'], false],
    ['fe80::1%eth0', ['fe80::/10'], false],
  ])('%s in %j: %s', (address, ranges, allowed) => {
    expect(createAddressList(ranges)(address)).toBe(allowed);
  });

  it('that is empty allows every address', () => {
    const allows = createAddressList([]);
    for (const address of ['192.0.2.7', '2001:db8::1', 'unknown']) expect(allows(address)).toBe(true);
  });

  it.each(['192.0.2.7', '192.0.2.0/24', '2001:db8::/32', '::ffff:192.0.2.0/120', '0.0.0.0/0'])(
    'takes %s',
    (text) => {
      expect(isAddressRange(text)).toBe(true);
    },
  );

  it.each([
    '',
    '192.0.2',
    '192.0.2.0/33',
    '192.0.2.0/-1',
    '192.0.2.0/',
    '192.0.2.0/24/8',
    '192.0.2.0/2 4',
    '2001:db8::/129',
    '::ffff:192.0.2.0/95',
    'fe80::1%eth0',
    'example.com',
    '192.0.2.007',
  ])('does not take %j', (text) => {
    expect(isAddressRange(text)).toBe(false);
  });
});
