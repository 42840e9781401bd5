import { z } from 'zod';
import type { ApiKey } from '../../api-keys/api-key.ts';
import { nameSetting } from '../../platform/settings.ts';
import { timeSchema, timeText } from './admin-endpoint.ts';

const scopesSchema = z.array(z.string().min(1).max(64)).max(50);
const labelSchema = z.string().min(1).max(100);
const environmentSchema = z.enum(['live', 'test']);
const useSchema = z.enum(['bearer', 'signing']).meta({
  description: 'bearer: the secret is presented. signing: it signs requests and never travels.',
});
const signatureSchema = z.enum(['none', 'v1', 'v2', 'any']).meta({
  description:
    'Which request signature the key needs (docs/signatures.md). A signing-use key always signs: none becomes any.',
});
const addressesSchema = z
  .array(z.string().min(1).max(64))
  .max(200)
  .meta({ description: 'IP addresses and ranges (CIDR) that it may be used from; empty: any.' });
const publicKeysSchema = z
  .array(z.string().min(1).max(64))
  .max(4)
  .meta({ description: 'Ed25519 public keys for signature v2, each 32 bytes as base64url.' });

const settings = {
  partner: nameSetting,
  label: labelSchema.default('key'),
  environment: environmentSchema.default('live'),
  use: useSchema.default('bearer'),
  signature: signatureSchema.default('none'),
  scopes: scopesSchema.default(['profile:read', 'whoami']),
  allowed_addresses: addressesSchema.default([]),
  ed25519_public_keys: publicKeysSchema.default([]),
  tier: nameSetting
    .optional()
    .meta({ description: 'Limits tier of its own; default: `limits.defaults.api_key`.' }),
  expires_at: timeSchema.optional(),
};

export const createSchema = z.strictObject(settings).meta({
  id: 'ApiKeyCreate',
  examples: [
    { partner: 'chat-vendor', label: 'production', use: 'bearer', scopes: ['profile:read', 'whoami'] },
  ],
});

export const importSchema = z
  .strictObject({
    ...settings,
    public_id: z.string().min(1).max(255),
    secret: z.string().min(1).max(255).optional(),
    secret_sha256: z
      .string()
      .regex(/^[0-9a-f]{64}$/)
      .optional()
      .meta({ description: 'The secret’s SHA-256 as 64 lower-case hex digits, instead of the secret.' }),
  })
  .refine((one) => (one.secret === undefined) !== (one.secret_sha256 === undefined), {
    message: 'exactly one of secret and secret_sha256',
    path: ['secret'],
  })
  .meta({
    id: 'ApiKeyImport',
    examples: [
      {
        partner: 'chat-vendor',
        use: 'signing',
        public_id: 'pk_live_51c0ffee',
        secret_sha256: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
      },
    ],
  });

export const updateSchema = z
  .strictObject({
    label: labelSchema.optional(),
    signature: signatureSchema.optional(),
    scopes: scopesSchema.optional(),
    allowed_addresses: addressesSchema.optional(),
    ed25519_public_keys: publicKeysSchema.optional(),
    expires_at: timeSchema.nullable().optional().meta({ description: 'null: never.' }),
  })
  .meta({ id: 'ApiKeyUpdate', examples: [{ allowed_addresses: ['192.0.2.0/24', '2001:db8::/32'] }] });

const secretSchema = z.strictObject({
  secret_id: z.string(),
  created_at: timeSchema,
  expires_at: timeSchema.nullable(),
  revoked_at: timeSchema.nullable(),
  first_used_at: timeSchema.nullable(),
  last_used_at: timeSchema.nullable(),
});

export const keySchema = z
  .strictObject({
    key_id: z.string(),
    partner: nameSetting,
    label: labelSchema,
    environment: environmentSchema,
    use: useSchema,
    signature: signatureSchema,
    scopes: scopesSchema,
    allowed_addresses: addressesSchema,
    ed25519_public_keys: publicKeysSchema,
    tier: nameSetting.nullable().meta({ description: 'Limits tier of its own; null: the default of keys.' }),
    public_prefix: z.string().meta({ description: 'First characters of the public id.' }),
    secrets: z.array(secretSchema).meta({ description: 'Oldest first; never the secrets themselves.' }),
    created_at: timeSchema,
    expires_at: timeSchema.nullable(),
    revoked_at: timeSchema.nullable(),
    last_used_at: timeSchema.nullable().meta({ description: 'Of any of its secrets; some seconds late.' }),
  })
  .meta({ id: 'ApiKey' });

export const createdSchema = keySchema
  .extend({
    public_id: z.string().meta({ description: 'pk_…: shown here and never again.' }),
    secret: z.string().nullable().meta({
      description:
        'sk_…: shown here and never again. null for a key that signs with its own private key alone.',
    }),
  })
  .meta({ id: 'ApiKeyCreated' });

export const keyIdPath = z.strictObject({ key_id: z.string().min(1).max(64) });

/** A key as the admin API shows it: nothing that proves anything. */
export function showKey(key: ApiKey, tier: string | undefined): z.output<typeof keySchema> {
  const lastUses = key.secrets.map(({ lastUsedAtMs }) => lastUsedAtMs).filter((ms) => ms !== undefined);
  return {
    key_id: key.keyId,
    partner: key.partner,
    label: key.label,
    environment: key.environment,
    use: key.use,
    signature: key.signature,
    scopes: key.scopes,
    allowed_addresses: key.allowedAddresses,
    ed25519_public_keys: key.publicKeys.map(({ ed25519 }) => ed25519),
    tier: tier ?? null,
    public_prefix: key.publicPrefix,
    secrets: key.secrets.map((secret) => ({
      secret_id: secret.secretId,
      created_at: timeText(secret.createdAtMs),
      expires_at: timeText(secret.expiresAtMs),
      revoked_at: timeText(secret.revokedAtMs),
      first_used_at: timeText(secret.firstUsedAtMs),
      last_used_at: timeText(secret.lastUsedAtMs),
    })),
    created_at: timeText(key.createdAtMs),
    expires_at: timeText(key.expiresAtMs),
    revoked_at: timeText(key.revokedAtMs),
    last_used_at: lastUses.length === 0 ? null : timeText(Math.max(...lastUses)),
  };
}
