import { BlockList, isIP } from 'node:net';
import { StartRefused } from '../errors.ts';
import { ipv6Groups } from '../platform/ip-address.ts';

/**
 * Addresses that no backend lives at and that an attacker who can bend a name would aim for: link-local (which holds
 * most metadata services), the metadata services outside it, unspecified, multicast, broadcast, and what the registries
 * of RFC 6890 reserve for protocols, documentation and benchmarks. Private ranges are not among them: backends live there.
 */
const NEVER_CALLED: [address: string, prefix: number][] = [
  ['0.0.0.0', 8],
  ['169.254.0.0', 16],
  ['100.100.100.200', 32],
  ['168.63.129.16', 32],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
];

/** Ranges that are not of the public internet: RFC 1918, RFC 6598 and loopback. */
const INSIDE: [address: string, prefix: number][] = [
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
];

const NEVER_CALLED_V6: [address: string, prefix: number][] = [
  ['::', 128],
  ['fe80::', 10],
  // Site-local, out of use (RFC 3879).
  ['fec0::', 10],
  ['ff00::', 8],
  ['fd00:ec2::', 32],
  ['fd20:ce::254', 128],
  // Discard only (RFC 6666), and the dummy prefix beside it (RFC 9780).
  ['100::', 64],
  ['100:0:0:1::', 64],
  // Protocol assignments (RFC 2928): Teredo, benchmarks, ORCHID and the like.
  ['2001::', 23],
  // Local-use translation (RFC 8215): its length is each network's own, so what is embedded cannot be read.
  ['64:ff9b:1::', 48],
  // Segment identifiers (RFC 9602).
  ['5f00::', 16],
];

function blockList(v4: typeof INSIDE, v6: typeof INSIDE): BlockList {
  const list = new BlockList();
  for (const [address, prefix] of v4) list.addSubnet(address, prefix, 'ipv4');
  for (const [address, prefix] of v6) list.addSubnet(address, prefix, 'ipv6');
  return list;
}

const neverCalled = blockList(NEVER_CALLED, NEVER_CALLED_V6);
// fc00::/7: RFC 4193.
const inside = blockList(INSIDE, [
  ['fc00::', 7],
  ['::1', 128],
]);
const loopback = blockList([['127.0.0.0', 8]], [['::1', 128]]);

const isZero = (group: string): boolean => group === '0';

/**
 * The IPv4 address within an IPv6 one, for every spelling that some router or system turns into that address: compatible
 * and mapped (RFC 4291 section 2.5.5), translated (RFC 2765), NAT64 (RFC 6052), 6to4 (RFC 3056), ISATAP (RFC 5214).
 */
function embeddedIpv4(address: string): string | undefined {
  const groups = ipv6Groups(address);
  const at = (from: number): string => {
    const [high = 0, low = 0] = groups.slice(from, from + 2).map((group) => Number.parseInt(group, 16));
    return [high >> 8, high & 255, low >> 8, low & 255].join('.');
  };
  const [first, second, , , fifth, sixth] = groups as [string, string, string, string, string, string];
  if (first === '2002') return at(1);
  // ISATAP: any prefix, then 0:5efe or, for public addresses, 200:5efe.
  if (sixth === '5efe' && (isZero(fifth) || fifth === '200')) return at(6);
  if (first === '64' && second === 'ff9b' && groups.slice(2, 6).every(isZero)) return at(6);
  if (!groups.slice(0, 4).every(isZero)) return undefined;
  const pair = `${fifth}:${sixth}`;
  if (pair === '0:ffff' || pair === 'ffff:0') return at(6);
  // "::" and "::1" are themselves.
  return pair === '0:0' && !isZero(groups[6] as string) ? at(6) : undefined;
}

function isIn(list: BlockList, text: string): boolean {
  if (isIP(text) !== 6) return list.check(text, 'ipv4');
  const embedded = embeddedIpv4(text);
  return list.check(text, 'ipv6') || (embedded !== undefined && list.check(embedded, 'ipv4'));
}

const withoutZone = (address: string): string => address.replace(/%.*$/, '');

/** Whether an IP address in text is one that we may call; text that is no address may never be called. */
export function mayCallAddress(address: string, loopbackOnly = false): boolean {
  const text = withoutZone(address);
  if (isIP(text) === 0 || isIn(neverCalled, text)) return false;
  return !loopbackOnly || loopback.check(text, isIP(text) === 6 ? 'ipv6' : 'ipv4');
}

/** Whether an IP address in text is private, shared or loopback: one of a network of our own. */
export function isInsideAddress(address: string): boolean {
  const text = withoutZone(address);
  return isIP(text) !== 0 && isIn(inside, text);
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
    throw refuse(
      'names a link-local, metadata, multicast, reserved or unspecified address, which is never called',
    );
  }
  const insecure = url.protocol === 'http:' && !allowInsecureHttp;
  if (insecure && !isLoopbackHost(host)) {
    throw refuse('must be https (plain http is for loopback; "allow_insecure_http: true" lifts this)');
  }
  return { origin: url.origin, basePath: url.pathname.replace(/\/+$/, ''), loopbackOnly: insecure };
}
