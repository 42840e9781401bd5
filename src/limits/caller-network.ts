import { isIPv6 } from 'node:net';
import { ipv6Groups, unmappedAddress } from '../platform/ip-address.ts';

/**
 * What a caller's address counts as. An IPv6 caller is given a whole /64 and may use any address in it, so the /64 is
 * what is counted; an IPv4 address, also one that is mapped into IPv6, counts by itself.
 */
export function callerNetwork(address: string): string {
  const plain = unmappedAddress(address);
  return plain.includes(':') && isIPv6(plain) ? `${ipv6Groups(plain).slice(0, 4).join(':')}::/64` : plain;
}
