import { BlockList, isIP } from 'node:net';
import { StartRefused } from '../errors.ts';

/**
 * Addresses that no backend lives at and that an attacker who can bend a name would aim for: link-local (which holds
 * most metadata services), the metadata services outside it, unspecified, multicast, reserved and broadcast. Private
 * ranges are not among them: backends live there.
 */
const NEVER_CALLED: [address: string, prefix: number][] = [
  ['0.0.0.0', 8],
  ['169.254.0.0', 16],
  ['100.100.100.200', 32],
  ['168.63.129.16', 32],
  ['192.0.0.192', 32],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
];

const NEVER_CALLED_V6: [address: string, prefix: number][] = [
  ['::', 128],
  ['fe80::', 10],
  ['ff00::', 8],
  ['fd00:ec2::', 32],
  ['fd20:ce::254', 128],
];

/** IPv6 spellings of an IPv4 address: mapped, compatible, NAT64 (RFC 6052), 6to4 (RFC 3056); bits before it. */
const EMBEDDINGS: [before: string, after: string, bits: number][] = [
  ['::ffff:', '', 96],
  ['::', '', 96],
  ['64:ff9b::', '', 96],
  ['2002:', '::', 16],
];

function hexGroups(ipv4: string): string {
  const [a = 0, b = 0, c = 0, d = 0] = ipv4.split('.').map(Number);
  return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
}

const neverCalled = new BlockList();
const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');
for (const [address, prefix] of NEVER_CALLED) {
  neverCalled.addSubnet(address, prefix, 'ipv4');
  for (const [before, after, bits] of EMBEDDINGS) {
    // "0.0.0.0/8" in the compatible spelling would take in ::1.
    if (before === '::' && address === '0.0.0.0') continue;
    neverCalled.addSubnet(`${before}${hexGroups(address)}${after}`, bits + prefix, 'ipv6');
  }
}
for (const [address, prefix] of NEVER_CALLED_V6) neverCalled.addSubnet(address, prefix, 'ipv6');

/** Whether an IP address in text is one that we may call; text that is no address may never be called. */
export function mayCallAddress(address: string, loopbackOnly = false): boolean {
  const text = address.replace(/%.*$/, '');
  const version = isIP(text);
  if (version === 0) return false;
  const family = version === 6 ? 'ipv6' : 'ipv4';
  return !neverCalled.check(text, family) && (!loopbackOnly || loopback.check(text, family));
}

/** Ranges that are not of the public internet: RFC 1918, RFC 6598, RFC 4193 and loopback. */
const INSIDE: [address: string, prefix: number][] = [
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
];
const inside = new BlockList();
inside.addSubnet('fc00::', 7, 'ipv6');
inside.addAddress('::1', 'ipv6');
for (const [address, prefix] of INSIDE) {
  inside.addSubnet(address, prefix, 'ipv4');
  for (const [before, after, bits] of EMBEDDINGS) {
    inside.addSubnet(`${before}${hexGroups(address)}${after}`, bits + prefix, 'ipv6');
  }
}

/** Whether an IP address in text is private, shared or loopback: one of a network of our own. */
export function isInsideAddress(address: string): boolean {
  const text = address.replace(/%.*$/, '');
  return inside.check(text, isIP(text) === 6 ? 'ipv6' : 'ipv4');
}

/** A base URL that has passed the guard. */
export interface GuardedBase {
  /** Scheme, host and port. */
  origin: string;
  /** Path to put before every request's path; no slash at its end, empty for the root. */
  basePath: string;
  /** Plain http was allowed for loopback alone: no resolved address may be another. */
  loopbackOnly: boolean;
}

function isLoopbackHost(host: string): boolean {
  return host === 'localhost' || host.endsWith('.localhost') || mayCallAddress(host, true);
}

/**
 * Checks the address of a destination as the configuration gives it. Throws `StartRefused`, naming `setting` and the
 * mend. Names are checked again after every resolution, when the connection is made.
 */
export function guardBaseUrl(baseUrl: string, setting: string, allowInsecureHttp = false): GuardedBase {
  const refuse = (why: string) => new StartRefused(`${setting} ${why}`);
  const url = URL.canParse(baseUrl) ? new URL(baseUrl) : undefined;
  if (!url || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    throw refuse('must be an absolute https address');
  }
  if (url.username !== '' || url.password !== '') throw refuse('must not hold a user name or password');
  if (baseUrl.includes('#') || baseUrl.includes('?')) throw refuse('must have no query and no fragment');
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  if (isIP(host) !== 0 && !mayCallAddress(host)) {
    throw refuse('names a link-local, metadata, multicast or unspecified address, which is never called');
  }
  const insecure = url.protocol === 'http:' && !allowInsecureHttp;
  if (insecure && !isLoopbackHost(host)) {
    throw refuse('must be https (plain http is for loopback; "allow_insecure_http: true" lifts this)');
  }
  return { origin: url.origin, basePath: url.pathname.replace(/\/+$/, ''), loopbackOnly: insecure };
}
