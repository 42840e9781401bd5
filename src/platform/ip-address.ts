import { isIPv6 } from 'node:net';

/** The eight groups of an IPv6 address in any spelling (RFC 4291 section 2.2), without leading zeros and zone. */
export function ipv6Groups(address: string): string[] {
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
 * The IPv4 address that is mapped into an IPv6 one (RFC 4291 section 2.5.5.2), however that is spelled; any other text
 * unchanged.
 */
export function unmappedAddress(address: string): string {
  if (!address.includes(':') || !isIPv6(address)) return address;
  const groups = ipv6Groups(address);
  if (groups[5] !== 'ffff' || groups.slice(0, 5).some((group) => group !== '0')) return address;
  const [high = 0, low = 0] = groups.slice(6).map((group) => Number.parseInt(group, 16));
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}
