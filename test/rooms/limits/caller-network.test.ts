import { BlockList, isIPv4 } from 'node:net';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { callerNetwork } from '../../../src/limits/caller-network.ts';

const mapped = new BlockList();
mapped.addSubnet('::ffff:0:0', 96, 'ipv6');

describe('what an address counts as', () => {
  it.each([
    ['192.0.2.7', '192.0.2.7'],
    ['unknown', 'unknown'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:DB8:1:2::1', '2001:db8:1:2::/64'],
    ['2001:0db8:0001:0002::1', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['::', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['2001:db8:1:2:3:4:192.0.2.7', '2001:db8:1:2::/64'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['::ffff:c000:207', '192.0.2.7'],
    ['0:0:0:0:0:ffff:c000:0207', '192.0.2.7'],
    ['64:ff9b::192.0.2.7', '64:ff9b:0:0::/64'],
  ])('%s counts as %s', (address, network) => {
    expect(callerNetwork(address)).toBe(network);
  });

  it('is the same for all addresses of a /64, however they are written', () => {
    const group = fc.integer({ min: 0, max: 0xffff });
    const prefix = fc.tuple(fc.integer({ min: 0x2000, max: 0x3fff }), group, group, group);
    const host = fc.tuple(group, group, group, group);
    fc.assert(
      fc.property(prefix, host, host, (net, one, other) => {
        const short = [...net, ...one].map((part) => part.toString(16)).join(':');
        const long = [...net, ...other].map((part) => part.toString(16).toUpperCase().padStart(4, '0'));
        expect(callerNetwork(short)).toBe(callerNetwork(long.join(':')));
      }),
    );
  });

  it('is an IPv4 address for mapped addresses alone', () => {
    fc.assert(
      fc.property(fc.ipV6(), (address) => {
        expect(isIPv4(callerNetwork(address))).toBe(mapped.check(address, 'ipv6'));
      }),
    );
  });
});
