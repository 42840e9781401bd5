import { hash } from 'node:crypto';
import type { Audit, AuditEventName } from '../audit/audit.ts';
import type { AuditRecord } from '../audit/audit-record.ts';
import { BridgeError } from '../errors.ts';
import { credentialDigestOfHash, credentialDigestsOfHash } from '../keyring/credential-digest.ts';
import type { PartnerId } from '../partners/partner.ts';
import { MAX_LIVE_SECRETS } from '../partners/replace-secrets.ts';
import type { AdminActor } from '../partners/partners.ts';
import { randomToken } from '../platform/random.ts';
import type { ApiKey, ApiKeySecret, ApiKeyUse } from './api-key.ts';
import {
  generateKeyPair,
  generateSecret,
  isGuessable,
  looksLikeToken,
  mayBePublicId,
  mayBeSecret,
  publicPrefix,
} from './key-format.ts';
import { CACHE_MS, createKeyLookups, type KeyLookupDeps, type KeyLookups } from './key-lookup.ts';
import {
  type ApiKeySettings,
  type ChangeableKeySettings,
  checkKeySettings,
  policyFor,
} from './key-settings.ts';
import { createKeyUsage, type KeyUsage } from './key-usage.ts';
import type { EndWithRevocations } from '../revocation/revocation-types.ts';

/** A credential that another system gave out: the secret, or (lower-case hex) its SHA-256, which is all we need. */
export interface ImportedCredential {
  publicId: string;
  secret: string | { sha256: string };
}

export interface ApiKeys extends KeyLookups, KeyUsage {
  /**
   * Makes a pair; the public id and the secret are in this answer and nowhere else. A key that signs with v2 alone
   * and brings a public key gets no secret.
   */
  create(
    settings: ApiKeySettings,
    by: AdminActor,
  ): Promise<{ key: ApiKey; publicId: string; secret: string | undefined }>;
  /** Takes over a key that partners use already. Throws `CONFLICT` when its id or secret is known here. */
  importKey(settings: ApiKeySettings, credential: ImportedCredential, by: AdminActor): Promise<ApiKey>;
  /** Changes settings of a key that is not revoked; every node sees it within a second. */
  update(keyId: string, change: Partial<ChangeableKeySettings>, by: AdminActor): Promise<ApiKey>;
  /**
   * Gives a key one more secret, shown here alone; the older one stays live until `endSecret`. Throws `CONFLICT` when
   * two are live already.
   */
  addSecret(
    keyId: string,
    by: AdminActor,
    options?: { expiresAtMs?: number },
  ): Promise<{ secret: string; record: ApiKeySecret }>;
  /**
   * Ends one secret of a key: at a moment (its holder is then told that it expired), or at once because it is
   * compromised (it is then like one that never was).
   */
  endSecret(
    keyId: string,
    secretId: string,
    end: { expiresAtMs: number } | 'compromised',
    by: AdminActor,
  ): Promise<void>;
  find(keyId: string): Promise<ApiKey | undefined>;
  list(partner?: string): Promise<ApiKey[]>;
  /** Ends a key at once, by its internal id. */
  revoke(keyId: string, by: AdminActor): Promise<void>;
}

export interface ApiKeysDeps extends KeyLookupDeps {
  audit: Audit;
}

const NO_SUCH_KEY = { message: 'There is no key of this id that is not revoked already.' };

/** A secret's record, from the SHA-256 of the secret. */
export function secretRecord(deps: Pick<ApiKeysDeps, 'clock' | 'keyring'>, sha256: Buffer): ApiKeySecret {
  const secretId = `as_${randomToken(12)}`;
  return {
    secretId,
    digest: credentialDigestOfHash(deps.keyring, sha256),
    sealedSigningKey: deps.keyring.seal('request-signing', Buffer.from(sha256.toString('hex')), secretId),
    createdAtMs: deps.clock.nowMs(),
    expiresAtMs: undefined,
    revokedAtMs: undefined,
    firstUsedAtMs: undefined,
    lastUsedAtMs: undefined,
  };
}

/** A key's record from its settings, which are checked here. */
async function keyRecord(
  deps: ApiKeysDeps,
  settings: ApiKeySettings,
  publicId: string,
  sha256: Buffer | undefined,
): Promise<ApiKey> {
  const { partner, publicKeys, ...kept } = settings;
  if (!(await deps.partners.seek(partner))) {
    throw new BridgeError('NOT_FOUND', { message: 'There is no partner of this id.' });
  }
  checkKeySettings(settings);
  const createdAtMs = deps.clock.nowMs();
  return {
    ...kept,
    keyId: `ak_${randomToken(12)}`,
    partner: partner as PartnerId,
    signature: policyFor(settings.use, settings.signature),
    publicKeys: publicKeys.map((ed25519) => ({ ed25519, createdAtMs })),
    publicPrefix: publicPrefix(publicId),
    publicDigest: hash('sha256', publicId, 'base64url'),
    secrets: sha256 ? [secretRecord(deps, sha256)] : [],
    createdAtMs,
    revokedAtMs: undefined,
  };
}

export const sha256Of = (secret: string): Buffer => hash('sha256', secret, 'buffer');

const badSecret = (member: 'secret' | 'secret_sha256', message: string) =>
  new BridgeError('INVALID_REQUEST', { message, details: { member } });

const GUESSABLE = 'This secret is easily guessed: give the partner a random one.';

/** The SHA-256 of an imported secret. Throws `INVALID_REQUEST`. */
function importedHash({ publicId, secret }: ImportedCredential, use: ApiKeyUse): Buffer {
  if (!mayBePublicId(publicId)) {
    throw new BridgeError('INVALID_REQUEST', {
      message:
        'A public id is one word of 8 to 200 visible characters; one of our own form needs its checksum.',
      details: { member: 'public_id' },
    });
  }
  if (typeof secret !== 'string') {
    if (!/^[0-9a-f]{64}$/.test(secret.sha256))
      throw badSecret('secret_sha256', 'The SHA-256 of a secret is 64 lower-case hex digits.');
    if (isGuessable(secret.sha256)) throw badSecret('secret_sha256', GUESSABLE);
    return Buffer.from(secret.sha256, 'hex');
  }
  if (!mayBeSecret(secret) || secret === publicId) {
    throw badSecret('secret', 'A secret is one word of 20 to 200 visible characters, and not the public id.');
  }
  if (isGuessable(secret)) throw badSecret('secret', GUESSABLE);
  if (use === 'bearer' && looksLikeToken(secret))
    throw badSecret(
      'secret',
      'This secret has the form of a JWT: presented as a bearer it would be taken for an access token.',
    );
  return sha256Of(secret);
}

export function createApiKeys(deps: ApiKeysDeps): ApiKeys {
  const { store, clock, audit } = deps;
  const lookups = createKeyLookups(deps);
  const { changed, changeOf, noticed } = lookups;
  const usage = createKeyUsage({ store, clock });

  const recordOf = (event: AuditEventName, key: ApiKey, by: AdminActor): AuditRecord =>
    audit.record(event, { ...by, outcome: 'success', partner: key.partner, keyPrefix: key.publicPrefix });

  const known = async (keyId: string): Promise<ApiKey> => {
    const key = await store.find(keyId);
    if (!key || key.revokedAtMs !== undefined) throw new BridgeError('NOT_FOUND', NO_SUCH_KEY);
    return key;
  };

  /** Whether a key has this secret already, also by a digest under an older pepper, which the store cannot compare. */
  const isKnown = async (sha256: Buffer): Promise<boolean> => {
    for (const digest of credentialDigestsOfHash(deps.keyring, sha256))
      if (await store.findBySecretDigest(digest)) return true;
    return false;
  };

  return {
    ...lookups,
    ...usage,

    create: async (settings, by) => {
      const { publicId, secret } = generateKeyPair(settings.environment);
      const publicKeyAlone =
        settings.use === 'signing' && settings.signature === 'v2' && settings.publicKeys.length > 0;
      const key = await keyRecord(deps, settings, publicId, publicKeyAlone ? undefined : sha256Of(secret));
      const record = recordOf('api_key.created', key, by);
      if ((await store.insert(key, record)) === 'conflict') throw new BridgeError('CONFLICT');
      return { key, publicId, secret: publicKeyAlone ? undefined : secret };
    },

    importKey: async (settings, credential, by) => {
      const sha256 = importedHash(credential, settings.use);
      const key = await keyRecord(deps, settings, credential.publicId, sha256);
      const record = recordOf('api_key.imported', key, by);
      if ((await isKnown(sha256)) || (await store.insert(key, record)) === 'conflict') {
        throw new BridgeError('CONFLICT', { message: 'A key with this public id or secret exists already.' });
      }
      return key;
    },

    update: async (keyId, change, by) => {
      const before = await known(keyId);
      const settings: ChangeableKeySettings = {
        ...before,
        ...change,
        publicKeys: change.publicKeys ?? before.publicKeys.map(({ ed25519 }) => ed25519),
      };
      checkKeySettings(settings);
      const nowMs = clock.nowMs();
      const key: ApiKey = {
        ...before,
        ...settings,
        signature: policyFor(before.use, settings.signature),
        publicKeys: settings.publicKeys.map(
          (ed25519) =>
            before.publicKeys.find((one) => one.ed25519 === ed25519) ?? { ed25519, createdAtMs: nowMs },
        ),
      };
      const record = recordOf('api_key.updated', key, by);
      if ((await store.update(key, record)) === 'missing') throw new BridgeError('NOT_FOUND', NO_SUCH_KEY);
      await changed(keyId);
      return key;
    },

    addSecret: async (keyId, by, options = {}) => {
      const key = await known(keyId);
      const secret = generateSecret(key.environment);
      const record: ApiKeySecret = {
        ...secretRecord(deps, sha256Of(secret)),
        expiresAtMs: options.expiresAtMs,
      };
      const result = await store.addSecret(
        keyId,
        record,
        { maxLive: MAX_LIVE_SECRETS },
        recordOf('api_key.secret_added', key, by),
      );
      if (result === 'missing') throw new BridgeError('NOT_FOUND', NO_SUCH_KEY);
      if (result === 'conflict') {
        throw new BridgeError('CONFLICT', {
          message: 'Two secrets of this key are live already. End one of them first.',
        });
      }
      await changed(keyId);
      return { secret, record };
    },

    endSecret: async (keyId, secretId, end, by) => {
      const key = await known(keyId);
      const result = await store.endSecret(
        keyId,
        secretId,
        end === 'compromised' ? { revokedAtMs: clock.nowMs(), revocations: [changeOf(keyId)] } : end,
        recordOf('api_key.secret_ended', key, by),
      );
      if (result === 'missing') {
        throw new BridgeError('NOT_FOUND', {
          message: 'The key has no secret of this id that can be ended.',
        });
      }
      await (end === 'compromised' ? noticed() : changed(keyId));
    },

    find: (keyId) => store.find(keyId),
    list: (partner) => store.list(partner as PartnerId | undefined),

    revoke: async (keyId, by) => {
      const nowMs = clock.nowMs();
      const key = await known(keyId);
      const end: EndWithRevocations = {
        atMs: nowMs,
        revocations: [{ kind: 'api_key', id: keyId, cutoffMs: nowMs, expiresAtMs: nowMs + 2 * CACHE_MS }],
      };
      if ((await store.revoke(keyId, end, recordOf('api_key.revoked', key, by))) === 'missing') {
        throw new BridgeError('NOT_FOUND', NO_SUCH_KEY);
      }
      await noticed();
    },
  };
}
