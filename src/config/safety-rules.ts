import { isLoopbackHost, isLoopbackUrl } from './config.ts';
import { type Finding, refused, type Rule, warning } from './finding.ts';

/** Rules about listeners, TLS and who can reach what. */
export const transportRules: Rule[] = [
  {
    needs: ['public_url', 'tls', 'behind_tls_proxy'],
    check: ({ public_url, tls, behind_tls_proxy }) => {
      const https = public_url.startsWith('https:');
      if (tls && behind_tls_proxy) {
        return [
          refused(
            'behind_tls_proxy',
            'and tls are both set',
            'Keep tls if this service speaks TLS itself, behind_tls_proxy if a proxy does.',
          ),
        ];
      }
      if (!https && !isLoopbackUrl(public_url)) {
        return [
          refused('public_url', 'is plain HTTP on an address that others reach', 'Use an https address.'),
        ];
      }
      if (!https && (tls || behind_tls_proxy)) {
        return [refused('public_url', 'is plain HTTP although TLS is configured', 'Write it with https.')];
      }
      if (https && !tls && !behind_tls_proxy) {
        return [
          refused(
            'public_url',
            'is https, but nothing speaks TLS',
            'Set tls.certificate and tls.private_key, or behind_tls_proxy: true when a proxy in front ends TLS.',
          ),
        ];
      }
      return [];
    },
  },
  {
    needs: ['public_url', 'listen', 'tls', 'behind_tls_proxy'],
    check: ({ public_url, listen }, { production }) => {
      if (public_url.startsWith('https:')) return [];
      const found = production
        ? [
            warning(
              'public_url',
              'is plain HTTP in production',
              'Use an https address as soon as others than this machine call.',
            ),
          ]
        : [];
      if (isLoopbackHost(listen.host)) return found;
      return [
        ...found,
        warning(
          'listen.host',
          'takes plain HTTP from other machines',
          'Listen on 127.0.0.1, or configure TLS.',
        ),
      ];
    },
  },
  {
    needs: ['behind_tls_proxy', 'http'],
    check: ({ behind_tls_proxy, http }) =>
      behind_tls_proxy && http.trusted_proxies.length === 0
        ? [
            warning(
              'http.trusted_proxies',
              'is empty behind a proxy, so every caller has the address of the proxy',
              "List the proxy's address.",
            ),
          ]
        : [],
  },
  {
    needs: ['http'],
    check: ({ http }) =>
      http.trusted_hops === undefined && http.trusted_proxies.some(isWideRange)
        ? [
            warning(
              'http.trusted_proxies',
              'covers callers too, who can then choose the address that limits and address lists see',
              'List the proxies alone, or say with http.trusted_hops how many there are.',
            ),
          ]
        : [],
  },
  {
    needs: ['admin'],
    check: ({ admin }) =>
      isLoopbackHost(admin.host)
        ? []
        : [
            admin.token === undefined
              ? refused(
                  'admin.host',
                  'opens the admin API to other machines without a token of yours',
                  'Set admin.token, or use 127.0.0.1.',
                )
              : warning(
                  'admin.host',
                  'opens the admin API to other machines',
                  'Use 127.0.0.1 unless a private network protects it.',
                ),
          ],
  },
  {
    needs: ['ops'],
    check: ({ ops }) =>
      isLoopbackHost(ops.host)
        ? []
        : [
            warning(
              'ops.host',
              'opens metrics to other machines',
              'Make sure that only your monitoring reaches it.',
            ),
          ],
  },
  {
    needs: ['listen', 'admin', 'ops'],
    check: ({ listen, admin, ops }) => {
      const ports = [listen.port, admin.port, ops.port];
      const paths = ['listen.port', 'admin.port', 'ops.port'];
      return ports.flatMap((port, i) =>
        port !== 0 && ports.indexOf(port) < i
          ? [
              refused(
                paths[i] as string,
                `is the same as ${paths[ports.indexOf(port)]}`,
                'Give each listener its own port.',
              ),
            ]
          : [],
      );
    },
  },
];

/** Connections carry our own credentials, so their addresses are judged with everything else, before any call. */
export const connectionRules: Rule[] = [
  {
    needs: ['connections'],
    check: ({ connections }) =>
      Object.entries(connections).flatMap(([name, { base_url, allow_insecure_http }]) => {
        const path = `connections.${name}.base_url`;
        if (!URL.canParse(base_url) || !/^https?:\/\//i.test(base_url)) {
          return [refused(path, 'is not an http or https address', 'Write it as https://api.example.com.')];
        }
        const url = new URL(base_url);
        if (url.username !== '' || url.password !== '') {
          return [refused(path, 'holds a user name or password', 'Put credentials into auth.')];
        }
        if (url.protocol === 'https:' || isLoopbackHost(url.hostname)) return [];
        return allow_insecure_http
          ? [
              warning(
                path,
                'is plain HTTP, so our credentials and the answers travel in clear',
                'Use https as soon as the other side speaks it.',
              ),
            ]
          : [
              refused(
                path,
                'is plain HTTP to another machine',
                'Use https, or set allow_insecure_http: true for a closed network.',
              ),
            ];
      }),
  },
];

/** Rules about session cookies. */
export const sessionRules: Rule[] = [
  {
    needs: ['sessions'],
    check: ({ sessions }) =>
      sessions.idle_seconds <= sessions.absolute_seconds
        ? []
        : [refused('sessions.idle_seconds', 'is longer than absolute_seconds', 'Make it at most as long.')],
  },
  {
    needs: ['sessions', 'channels'],
    check: ({ sessions, channels }) =>
      sessions.same_site === 'none' &&
      !channels.some((one) => one.allowed_deliveries.includes('cookie') && one.allowed_origins.length > 0)
        ? [
            refused(
              'sessions.same_site',
              'is "none", but no cookie channel names an origin that would need it',
              'Use lax, or list allowed_origins of the channel.',
            ),
          ]
        : [],
  },
];

/** Whether a range holds more than the machines of one small network. */
function isWideRange(range: string): boolean {
  const [address = '', bits] = range.split('/');
  return bits !== undefined && Number(bits) < (address.includes(':') ? 64 : 24);
}

/** Whether every server of an address is this machine. */
function isLoopbackRedis(address: string): boolean {
  const hosts = /^[a-z+]+:\/\/(?:[^@/]*@)?([^/?]*)/.exec(address)?.[1] ?? '';
  return hosts
    .split(',')
    .every((host) => URL.canParse(`redis://${host}`) && isLoopbackUrl(`redis://${host}`));
}

/** Rules about databases and keys. */
export const storageRules: Rule[] = [
  {
    needs: ['storage'],
    check: ({ storage }) =>
      storage.database_url.startsWith('file:') || storage.redis_url !== undefined
        ? []
        : [
            warning(
              'storage.redis_url',
              'is not set, so only one process may run on this database',
              'Set it before starting a second process.',
            ),
          ],
  },
  {
    needs: ['storage'],
    check: ({ storage: { database_url, redis_url } }) => {
      const found: Finding[] = [];
      if (redis_url !== undefined && /^redis[:+]/.test(redis_url) && !isLoopbackRedis(redis_url)) {
        found.push(
          warning(
            'storage.redis_url',
            'goes to another machine without TLS',
            'Use rediss://, rediss+cluster:// or rediss+sentinel://.',
          ),
        );
      }
      if (database_url.startsWith('postgres')) {
        const url = new URL(database_url);
        const mode = url.searchParams.get('sslmode');
        if (
          !isLoopbackUrl(database_url) &&
          url.host !== '' &&
          mode !== 'verify-full' &&
          mode !== 'verify-ca'
        ) {
          found.push(
            warning(
              'storage.database_url',
              'does not verify the TLS certificate of the database',
              'Add ?sslmode=verify-full.',
            ),
          );
        }
      }
      return found;
    },
  },
  {
    needs: ['keys'],
    check: ({ keys: { encryption_keys } }) =>
      new Set(encryption_keys).size === encryption_keys.length
        ? []
        : [
            refused(
              'keys.encryption_keys',
              'lists the same key twice',
              'List each key once, the newest first.',
            ),
          ],
  },
];
