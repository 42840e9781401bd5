import { isIPv6 } from 'node:net';

/** The eight groups of an IPv6 address, each without leading zeros. */
function groupsOf(address: string): string[] {
  const plain = (address.split('%')[0] as string).toLowerCase();
  const [head = '', tail] = plain.split('::');
  const parse = (part: string) => {
    const groups = part === '' ? [] : part.split(':');
    const dotted = groups.at(-1);
    if (dotted?.includes('.')) {
      const [a = 0, b = 0, c = 0, d = 0] = dotted.split('.').map(Number);
      groups.splice(-1, 1, (a * 256 + b).toString(16), (c * 256 + d).toString(16));
    }
    return groups.map((group) => group.replace(/^0+(?=.)/, ''));
  };
  const before = parse(head);
  const after = tail === undefined ? [] : parse(tail);
  return [...before, ...Array<string>(8 - before.length - after.length).fill('0'), ...after];
}

/**
 * What a caller's address counts as. An IPv6 caller is given a whole /64 and may use any address in it, so the /64 is
 * what is counted; an IPv4 address, also one that is mapped into IPv6, counts by itself.
 */
export function callerNetwork(address: string): string {
  if (!isIPv6(address)) return address;
  const groups = groupsOf(address);
  if (groups.slice(0, 5).every((group) => group === '0') && groups[5] === 'ffff') {
    const [high = 0, low = 0] = groups.slice(6).map((group) => Number.parseInt(group, 16));
    return [high >> 8, high & 255, low >> 8, low & 255].join('.');
  }
  return `${groups.slice(0, 4).join(':')}::/64`;
}
