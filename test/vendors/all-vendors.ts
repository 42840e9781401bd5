import { hmacVendors } from './hmac-vendors.ts';
import { jwtVendors } from './jwt-vendors.ts';
import { publishedKeyVendors } from './published-key-vendors.ts';
import type { MockVendor } from './vendor.ts';

/** Vendors that check what they are handed by themselves, by id. */
export const checkingVendors: ReadonlyMap<string, MockVendor> = new Map(
  [...jwtVendors, ...publishedKeyVendors, ...hmacVendors].map((vendor) => [vendor.id, vendor]),
);
