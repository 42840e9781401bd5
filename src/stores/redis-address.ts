/** Where Redis is, read from one address: a server, a cluster, or a primary that sentinels name. */

export interface RedisNode {
  host: string;
  port: number;
}

interface Account {
  username?: string;
  password?: string;
}

export type RedisAddress =
  | { kind: 'server'; url: string }
  | { kind: 'cluster'; nodes: RedisNode[]; tls: boolean; account: Account }
  | {
      kind: 'sentinel';
      nodes: RedisNode[];
      /** Name of the primary, as the sentinels know it. */
      primary: string;
      tls: boolean;
      account: Account;
      /** For the sentinels themselves. */
      sentinelAccount: Account;
    };

const LIST = /^(rediss?)\+(cluster|sentinel):\/\/(?:([^@/]*)@)?([^/?]+)(?:\/([^?]*))?(?:\?(.*))?$/;
const DEFAULT_PORTS = { cluster: 6379, sentinel: 26_379 } as const;

function accountOf(text: string | undefined): Account {
  if (text === undefined) return {};
  const [username = '', ...password] = text.split(':');
  return {
    ...(username !== '' && { username: decodeURIComponent(username) }),
    ...(password.length > 0 && { password: decodeURIComponent(password.join(':')) }),
  };
}

function nodeOf(text: string, defaultPort: number): RedisNode | undefined {
  if (!URL.canParse(`redis://${text}`)) return undefined;
  const { hostname, port, pathname } = new URL(`redis://${text}`);
  if (hostname === '' || pathname !== '') return undefined;
  return { host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? defaultPort : Number(port) };
}

/**
 * Reads `redis://…`, `rediss://…`, `redis+cluster://USER:PASSWORD@HOST:PORT,HOST:PORT` or
 * `redis+sentinel://USER:PASSWORD@HOST:PORT,HOST:PORT/PRIMARY?sentinel_username=…&sentinel_password=…`; with `rediss+`
 * all connections speak TLS. `undefined` when it cannot be read.
 */
export function parseRedisAddress(text: string): RedisAddress | undefined {
  if (/^rediss?:\/\//.test(text)) return URL.canParse(text) ? { kind: 'server', url: text } : undefined;
  const [, scheme, kind, account, hosts = '', path = '', query = ''] = LIST.exec(text) ?? [];
  if (kind !== 'cluster' && kind !== 'sentinel') return undefined;
  const nodes = hosts.split(',').map((host) => nodeOf(host, DEFAULT_PORTS[kind]));
  if (!nodes.every((node) => node !== undefined)) return undefined;
  try {
    const common = { nodes, tls: scheme === 'rediss', account: accountOf(account) };
    if (kind === 'cluster') return path === '' && query === '' ? { kind, ...common } : undefined;
    const primary = decodeURIComponent(path);
    const parameters = new URLSearchParams(query);
    const known = ['sentinel_username', 'sentinel_password'];
    if (primary === '' || [...parameters.keys()].some((name) => !known.includes(name))) return undefined;
    const [username, password] = known.map((name) => parameters.get(name));
    const sentinelAccount = {
      ...(typeof username === 'string' && { username }),
      ...(typeof password === 'string' && { password }),
    };
    return { kind, ...common, primary, sentinelAccount };
  } catch {
    // A percent sign that encodes nothing.
    return undefined;
  }
}
