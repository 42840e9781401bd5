import { BlockList, isIP } from 'node:net';
import { unmappedAddress } from '../platform/ip-address.ts';

type Family = 'ipv4' | 'ipv6';

interface Range {
  address: string;
  family: Family;
  bits: number;
}

/** `::ffff:192.0.2.1` is 192.0.2.1, whichever way it was written down. */
function familyOf(text: string): { address: string; family: Family } | undefined {
  if (text.includes('%')) return undefined;
  const address = unmappedAddress(text);
  const version = isIP(address);
  if (version === 0) return undefined;
  return { address, family: version === 4 ? 'ipv4' : 'ipv6' };
}

function rangeOf(text: string): Range | undefined {
  const [written = '', bitsText, more] = text.split('/');
  const known = familyOf(written);
  if (!known || more !== undefined) return undefined;
  const widest = known.family === 'ipv4' ? 32 : 128;
  if (bitsText === undefined) return { ...known, bits: widest };
  if (!/^\d{1,3}$/.test(bitsText)) return undefined;
  // A mapped range counts its 96 fixed bits.
  const bits = Number(bitsText) - (known.address === written ? 0 : 96);
  return bits >= 0 && bits <= widest ? { ...known, bits } : undefined;
}

/** Whether the text is an IP address or a range of addresses (CIDR, RFC 4632 section 3.1, RFC 4291 section 2.3). */
export function isAddressRange(text: string): boolean {
  return rangeOf(text) !== undefined;
}

/** Tells whether an address is in one of the ranges. An empty list allows every address; a malformed one none. */
export function createAddressList(ranges: readonly string[]): (address: string) => boolean {
  if (ranges.length === 0) return () => true;
  // One list for each family: a single one would take every IPv4 address for part of `::/0`.
  const lists: Readonly<Record<Family, BlockList>> = { ipv4: new BlockList(), ipv6: new BlockList() };
  for (const text of ranges) {
    const range = rangeOf(text);
    if (range) lists[range.family].addSubnet(range.address, range.bits, range.family);
  }
  return (address) => {
    const known = familyOf(address);
    return known !== undefined && lists[known.family].check(known.address, known.family);
  };
}
