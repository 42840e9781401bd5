import { isLoopbackUrl } from './config.ts';
import { refused, repeated, type Rule, unknownName, warning } from './finding.ts';

/** Rules about channels. */
export const channelRules: Rule[] = [
  {
    needs: ['channels'],
    check: ({ channels }) =>
      repeated(
        channels.map((one) => one.id),
        (index) => `channels[${index}].id`,
      ),
  },
  {
    needs: ['channels', 'default_channel'],
    check: ({ channels, default_channel }) => {
      const ids = channels.map((one) => one.id);
      return ids.includes(default_channel) ? [] : [unknownName('default_channel', default_channel, ids)];
    },
  },
  {
    needs: ['channels', 'authenticators'],
    check: ({ channels, authenticators }) => {
      const names = authenticators.map((one) => one.name);
      return channels.flatMap((channel, i) =>
        channel.authenticators.flatMap((name, j) =>
          names.includes(name) ? [] : [unknownName(`channels[${i}].authenticators[${j}]`, name, names)],
        ),
      );
    },
  },
  {
    needs: ['channels'],
    check: ({ channels }) =>
      channels.flatMap(({ delivery, allowed_deliveries }, i) =>
        allowed_deliveries.includes(delivery)
          ? []
          : [
              refused(
                `channels[${i}].delivery`,
                `is "${delivery}", which allowed_deliveries leaves out`,
                `Add "${delivery}" to allowed_deliveries or choose another delivery.`,
              ),
            ],
      ),
  },
  {
    needs: ['channels'],
    check: ({ channels }) =>
      channels.flatMap(({ allowed_origins }, i) =>
        allowed_origins.flatMap((origin, j) =>
          origin.startsWith('https:') || isLoopbackUrl(origin)
            ? []
            : [
                refused(
                  `channels[${i}].allowed_origins[${j}]`,
                  'is a plain HTTP origin, which anyone on the way can speak for',
                  'Use the https origin.',
                ),
              ],
        ),
      ),
  },
];

/** Rules about the refresh tokens of channels. */
export const refreshTokenRules: Rule[] = [
  {
    needs: ['channels'],
    check: ({ channels }) =>
      channels.flatMap(({ refresh_tokens, allowed_deliveries }, i) =>
        refresh_tokens && !allowed_deliveries.includes('token')
          ? [
              refused(
                `channels[${i}].refresh_tokens`,
                'is set, but allowed_deliveries leaves out "token", which alone gives refresh tokens',
                'Add "token" to allowed_deliveries, or remove refresh_tokens: a cookie renews by itself.',
              ),
            ]
          : [],
      ),
  },
  {
    needs: ['channels'],
    check: ({ channels }) =>
      channels.flatMap(({ refresh_tokens }, i) =>
        refresh_tokens && refresh_tokens.idle_days > refresh_tokens.absolute_days
          ? [
              refused(
                `channels[${i}].refresh_tokens.idle_days`,
                'is longer than absolute_days',
                'Make it at most as long.',
              ),
            ]
          : [],
      ),
  },
];

/** Rules about names that one part of the configuration gives and another uses. */
export const nameRules: Rule[] = [
  {
    needs: ['authenticators'],
    check: ({ authenticators }) =>
      repeated(
        authenticators.map((one) => one.name),
        (index) => `authenticators[${index}].name`,
      ),
  },
  {
    needs: ['backends'],
    check: ({ backends }) =>
      repeated(
        backends.map((one) => one.name),
        (index) => `backends[${index}].name`,
      ),
  },
  {
    needs: ['backends', 'connections'],
    check: ({ backends, connections }) =>
      backends.flatMap(({ connection }, i) =>
        Object.hasOwn(connections, connection)
          ? []
          : [unknownName(`backends[${i}].connection`, connection, Object.keys(connections))],
      ),
  },
  {
    needs: ['authenticators', 'connections'],
    check: ({ authenticators, connections }) =>
      authenticators.flatMap((one, i) =>
        !('connection' in one) || Object.hasOwn(connections, one.connection)
          ? []
          : [unknownName(`authenticators[${i}].connection`, one.connection, Object.keys(connections))],
      ),
  },
  {
    needs: ['alerts', 'authenticators', 'backends', 'channels', 'connections'],
    check: ({ alerts, authenticators, backends, channels, connections }) => {
      const used = new Set(backends.map((one) => one.connection));
      if (alerts.webhook?.connection !== undefined) used.add(alerts.webhook.connection);
      for (const one of authenticators) if ('connection' in one) used.add(one.connection);
      for (const { settings } of channels) used.add(String(settings['connection']));
      return Object.entries(connections)
        .filter(([name, { preset }]) => preset === undefined && !used.has(name))
        .map(([name]) =>
          warning(
            `connections.${name}`,
            'is used by nothing',
            'Remove it, or name it in a backend, an authenticator, a channel or alerts.webhook.',
          ),
        );
    },
  },
  {
    needs: ['alerts', 'connections'],
    check: ({ alerts: { webhook }, connections }) => {
      if (webhook?.connection === undefined) return [];
      const connection = connections[webhook.connection];
      if (!connection) {
        return [unknownName('alerts.webhook.connection', webhook.connection, Object.keys(connections))];
      }
      return webhook.url.startsWith(`${connection.base_url.replace(/\/+$/, '')}/`)
        ? []
        : [
            refused(
              'alerts.webhook.url',
              'does not lie below the base_url of its connection',
              'Write both with the same beginning, or leave the connection out.',
            ),
          ];
    },
  },
  {
    needs: ['http'],
    check: ({ http: { aliases } }) => {
      const all = Object.entries(aliases).flatMap(([endpoint, paths]) =>
        paths.map((path) => ({ endpoint, path })),
      );
      const own = new Set(OWN_PATHS);
      return all.flatMap(({ endpoint, path }, index) =>
        own.has(path) || all.findIndex((one) => one.path === path) < index
          ? [
              refused(
                `http.aliases.${endpoint}`,
                `holds "${path}", which another endpoint has already`,
                'Choose a path that is free.',
              ),
            ]
          : [],
      );
    },
  },
];

/** Paths that public endpoints have anyway, as far as an alias can be written like them. */
export const OWN_PATHS: readonly string[] = [
  '/customer_authenticate',
  '/customer_session',
  '/customer_sign_in',
  '/customer_session/token',
  '/site_sign_out',
  '/backchannel_logout',
  '/customer_session/devices',
  '/access_token',
  '/oauth/token',
  '/oauth/authorize',
  '/oauth/sign-in',
  '/oauth/consent',
  '/oauth/connected-apps',
  '/oauth/grants',
  '/oauth/revoke',
  '/oauth/introspect',
  '/oauth/userinfo',
  '/getprofile',
  '/whoami',
  '/whoami/signature',
  '/docs',
  '/health/live',
  '/health/ready',
];
