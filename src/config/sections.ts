/**
 * The settings of each part of the configuration file that no plug-in owns: their names, limits and defaults. Rules
 * that compare one setting with another are in `consistency.ts`.
 */
import { isIP } from 'node:net';
import { z } from 'zod';
import { nameSetting, originSetting, secretSetting, urlSetting } from '../platform/settings.ts';
import { parseRedisAddress } from '../stores/redis-address.ts';

/** A whole number; also written as text, because `${PORT}` always is. */
const whole = (min: number, max: number) =>
  z.preprocess(
    (value) => (typeof value === 'string' && /^\d{1,12}$/.test(value) ? Number(value) : value),
    z.int().min(min).max(max),
  );

/** A boolean; also written as text. */
const flag = z.preprocess(
  (value) => (value === 'true' ? true : value === 'false' ? false : value),
  z.boolean(),
);

const portSetting = whole(0, 65_535);
const hostSetting = z
  .string()
  .regex(/^[A-Za-z0-9:._-]{1,253}$/, 'must be a host name or an IP address to listen on');

/** A path of this service: starts with a slash, no query, no dot segments. */
const pathSetting = z
  .string()
  .regex(/^(\/[A-Za-z0-9_~-][A-Za-z0-9._~-]*){1,8}$/, 'must be a path such as /auth/customer_authenticate');

/** Decodes a key-encryption key: 32 bytes as base64url, base64 or hex. `undefined` when it is none of them. */
export function decodeEncryptionKey(text: string): Buffer | undefined {
  if (/^[0-9a-fA-F]{64}$/.test(text)) return Buffer.from(text, 'hex');
  if (!/^[A-Za-z0-9+/_-]{43}=?$/.test(text)) return undefined;
  const bytes = Buffer.from(text.replaceAll('+', '-').replaceAll('/', '_'), 'base64url');
  return bytes.length === 32 ? bytes : undefined;
}

/** A key-encryption key as it is written. Refuses values that no random generator gives. */
const encryptionKeySetting = z
  .string()
  .refine((text) => decodeEncryptionKey(text.trim()) !== undefined, {
    message: 'must be 32 random bytes as base64url, base64 or hex; make one with `openssl rand -base64 32`',
    abort: true,
  })
  .refine(
    (text) => new Set(decodeEncryptionKey(text.trim())).size > 12,
    'is too regular to be a key; make one with `openssl rand -base64 32`',
  )
  .transform((text) => text.trim())
  .meta({ secret: true });

/** Address of a database: may hold a password, so it is never printed whole. */
const databaseUrlSetting = z
  .string()
  .refine(
    (value) => /^file:.+/.test(value) || (/^postgres(ql)?:\/\//.test(value) && URL.canParse(value)),
    'must be file:PATH for the embedded database, or postgres://USER:PASSWORD@HOST/NAME',
  )
  .meta({ url: true });

const redisUrlSetting = z
  .string()
  .refine(
    (value) => parseRedisAddress(value) !== undefined,
    'must be redis://HOST, rediss://HOST, redis+cluster://HOST,HOST or redis+sentinel://HOST,HOST/PRIMARY',
  )
  .meta({ url: true });

/** An address or range of addresses, such as 10.0.0.0/8. A range that holds everybody trusts everybody. */
const rangeSetting = z.string().refine((value) => {
  const [address, bits, more] = value.split('/');
  const family = isIP(address ?? '');
  if (family === 0 || more !== undefined) return false;
  return (
    bits === undefined ||
    (/^\d{1,3}$/.test(bits) && Number(bits) > 0 && Number(bits) <= (family === 4 ? 32 : 128))
  );
}, 'must be an IP address or a range such as 10.0.0.0/8, never all addresses');

/** Header names whose meaning is fixed by HTTP or by our own credentials. */
const TAKEN_HEADERS = new Set(
  [
    'authorization cookie set-cookie host origin connection content-length content-type transfer-encoding',
    'api-key x-api-key x-timestamp x-api-signature x-symbolon-csrf signature signature-input content-digest',
    'forwarded x-forwarded-for traceparent x-request-id',
  ].flatMap((names) => names.split(' ')),
);
const headerSetting = z
  .string()
  .regex(/^[a-z0-9-]{1,64}$/, 'must be a header name in lower case')
  .refine((name) => !TAKEN_HEADERS.has(name), 'is a header that has another meaning');

const publicUrlSetting = urlSetting
  .refine((value) => URL.canParse(value) && new URL(value).search === '', 'must not have a query')
  .transform((value) => {
    const url = new URL(value);
    return url.origin + url.pathname.replace(/\/+$/, '');
  });

/** PEM text (RFC 7468); in a file it is written as `file:PATH`. */
const pemSetting = (label: string) =>
  z
    .string()
    .refine(
      (text) => new RegExp(`-----BEGIN [A-Z ]*${label}-----`).test(text),
      `must be PEM text with a ${label.toLowerCase()}, usually written as file:PATH`,
    );

const delivery = z.enum(['cookie', 'token']);

const channelSetting = z
  .strictObject({
    id: nameSetting,
    group: nameSetting,
    delivery: delivery.default('cookie'),
    allowed_deliveries: z.array(delivery).min(1).max(2).optional(),
    token_lifetime_seconds: whole(30, 28_800).default(900),
    refresh_tokens: z
      .strictObject({ idle_days: whole(1, 365).default(30), absolute_days: whole(1, 730).default(180) })
      .optional(),
    authenticators: z.array(nameSetting).min(1).optional(),
    allowed_origins: z.array(originSetting).max(100).default([]),
    /** Redirect URIs of native apps; `redirect-rules.ts` says what they may be. */
    app_redirects: z.array(z.string().max(1_000)).max(20).default([]),
    /** The chat vendor, by the id of its channel profile; `channel-profile-rules.ts` holds the rest against it. */
    profile: z
      .string()
      .regex(/^[a-z0-9-]{1,64}$/, 'must be the id of a channel profile')
      .optional(),
    settings: z.record(z.string(), z.unknown()).default({}),
    attributes: z.record(z.string(), z.string().min(1).max(128)).default({}),
    allow_personal_data: z.array(z.string()).max(50).default([]),
    proof_lifetime_seconds: whole(30, 86_400).optional(),
    client: z.string().min(1).max(128).optional(),
    enforcement: z.enum(['accept', 'warn', 'enforce']).default('enforce'),
  })
  .transform((channel) => ({
    ...channel,
    allowed_deliveries: channel.allowed_deliveries ?? delivery.options,
  }));

const aliases = (path: string) => z.array(pathSetting).max(10).default([path]);

/** Every section, ready to be spread into the schema of the whole file. */
export const sections = {
  public_url: publicUrlSetting,
  behind_tls_proxy: flag.default(false),
  tls: z
    .strictObject({
      certificate: pemSetting('CERTIFICATE'),
      private_key: pemSetting('PRIVATE KEY').meta({ secret: true }),
    })
    .optional(),
  listen: z.strictObject({ host: hostSetting.optional(), port: portSetting.default(8080) }).prefault({}),
  admin: z
    .strictObject({
      host: hostSetting.default('127.0.0.1'),
      port: portSetting.default(8081),
      token: secretSetting({ minLength: 24 }).optional(),
    })
    .prefault({}),
  ops: z
    .strictObject({ host: hostSetting.default('127.0.0.1'), port: portSetting.default(8082) })
    .prefault({}),
  data_dir: z.string().min(1).default('.symbolon'),
  storage: z
    .strictObject({ database_url: databaseUrlSetting.optional(), redis_url: redisUrlSetting.optional() })
    .prefault({}),
  audit: z
    .strictObject({
      retention_days: whole(30, 36_525).default(400),
      refusals_per_address: whole(10, 100_000).default(120),
    })
    .prefault({}),
  keys: z
    .strictObject({
      encryption_keys: z.array(encryptionKeySetting).max(10).default([]),
      generate: flag.default(false),
    })
    .prefault({}),
  tokens: z
    .strictObject({
      algorithm: z.enum(['ES256', 'EdDSA', 'RS256']).default('ES256'),
      /** What chat vendors verify; OpenID Connect Core 15.1 wants RS256 of every provider. */
      id_token_algorithm: z.enum(['ES256', 'EdDSA', 'RS256']).default('RS256'),
      id_token_lifetime_seconds: whole(60, 28_800).default(900),
      access_token_lifetime_seconds: whole(30, 3600).default(600),
      /** Signing keys are replaced after this long; 0 leaves it to the command line. */
      signing_key_max_age_days: whole(0, 3650).default(90),
      clock_tolerance_seconds: whole(0, 60).default(60),
    })
    .prefault({}),
  sessions: z
    .strictObject({
      idle_seconds: whole(60, 2_592_000).default(1800),
      absolute_seconds: whole(60, 2_592_000).default(28_800),
      max_devices: whole(1, 1_000).default(100),
      cookie_name: z
        .string()
        .regex(/^__Host-[A-Za-z0-9_-]{1,64}$/, 'must start with __Host-')
        .default('__Host-symbolon'),
      same_site: z.enum(['lax', 'strict', 'none']).default('lax'),
    })
    .prefault({}),
  sign_in: z
    .strictObject({
      max_failures_per_account: whole(1, 100).default(20),
      window_seconds: whole(10, 86_400).default(900),
      max_failures_per_address: whole(1, 100_000).default(1_000),
      address_window_seconds: whole(1, 86_400).default(60),
      max_under_way_per_address: whole(1, 10_000).default(64),
    })
    .prefault({}),
  sign_out: z
    .strictObject({
      /** Systems of the company that may end the sessions of their own customers. */
      signers: z
        .array(
          z.strictObject({
            name: nameSetting,
            secret: secretSetting({ minLength: 24 }),
            reference_space: nameSetting,
          }),
        )
        .max(20)
        .default([]),
    })
    .prefault({}),
  limits: z
    .strictObject({
      tiers: z
        .record(
          nameSetting,
          z
            .array(z.strictObject({ quota: whole(1, 1_000_000_000), window_seconds: whole(1, 2_678_400) }))
            .min(1)
            .max(5),
        )
        .default({}),
      defaults: z
        .strictObject({
          partner: nameSetting.default('standard'),
          api_key: nameSetting.default('standard'),
          client: nameSetting.default('standard'),
          session: nameSetting.default('standard'),
          address: nameSetting.default('standard'),
          service: nameSetting.default('unlimited'),
        })
        .prefault({}),
      failures: z
        .strictObject({
          max_per_address: whole(1, 1_000_000).default(6_000),
          window_seconds: whole(1, 86_400).default(60),
        })
        .prefault({}),
      fallback_percent: whole(1, 100).default(25),
    })
    .prefault({}),
  oauth: z
    .strictObject({
      company_name: z.string().min(1).max(80).optional(),
      code_lifetime_seconds: whole(10, 60).default(60),
      refresh_idle_seconds: whole(60, 31_536_000).default(1_209_600),
      refresh_absolute_seconds: whole(60, 31_536_000).default(7_776_000),
    })
    .prefault({}),
  passwords: z
    .strictObject({ lanes: whole(1, 64).default(4), max_waiting: whole(0, 10_000).default(128) })
    .prefault({}),
  http: z
    .strictObject({
      aliases: z
        .strictObject({
          customer_authenticate: aliases('/auth/customer_authenticate'),
          access_token: aliases('/oauth/access_token'),
          getprofile: aliases('/account/getprofile'),
          whoami: z.array(pathSetting).max(10).default([]),
        })
        .prefault({}),
      trusted_proxies: z.array(rangeSetting).max(100).default([]),
      trusted_hops: whole(1, 10).optional(),
      customer_auth_header: headerSetting.default('customer-auth'),
      customer_auth_field: z
        .string()
        .regex(/^[A-Za-z_][A-Za-z0-9_-]{0,63}$/, 'must be a member name')
        .refine((name) => name !== 'fields' && name !== '__proto__', 'is a member that has another meaning')
        .default('customer_auth'),
      max_connections: whole(10, 1_000_000).default(10_000),
      reference_pages: flag.default(true),
    })
    .prefault({}),
  log: z
    .strictObject({ level: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info') })
    .prefault({}),
  alerts: z
    .strictObject({
      webhook: z
        .strictObject({
          url: urlSetting,
          secret: secretSetting({ minLength: 24 }),
          connection: nameSetting.optional(),
        })
        .optional(),
    })
    .prefault({}),
  identifiers: z
    .strictObject({
      /** Where partners are told that customers were merged, split or erased. */
      receivers: z
        .array(
          z.strictObject({ partner: nameSetting, url: urlSetting, secret: secretSetting({ minLength: 24 }) }),
        )
        .max(1_000)
        .refine(
          (receivers) => new Set(receivers.map(({ partner }) => partner)).size === receivers.length,
          'must not name a partner twice',
        )
        .default([]),
    })
    .prefault({}),
  default_channel: nameSetting.default('web'),
  channels: z
    .array(channelSetting)
    .min(1)
    .max(1000)
    .prefault([{ id: 'web', group: 'default' }]),
};
