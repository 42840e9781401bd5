import { hash } from 'node:crypto';
import type { Audit } from '../audit/audit.ts';
import { BridgeError } from '../errors.ts';
import { credentialDigest, credentialDigests } from '../keyring/credential-digest.ts';
import type { Keyring } from '../keyring/keyring.ts';
import type { PartnerId } from '../partners/partner.ts';
import type { AdminActor, Partners } from '../partners/partners.ts';
import { isScope } from '../partners/scopes.ts';
import type { Clock } from '../platform/clock.ts';
import { randomToken } from '../platform/random.ts';
import type { Revocations } from '../revocation/revocations.ts';
import type { ApiKey, ApiKeyEnvironment, ApiKeyStore, ApiKeyUse } from './api-key.ts';
import { generateKeyPair, isPublicId, isSecret, publicPrefix } from './key-format.ts';

export interface ApiKeySettings {
  partner: string;
  label: string;
  environment: ApiKeyEnvironment;
  use: ApiKeyUse;
  signatureRequired: boolean;
  scopes: string[];
  expiresAtMs: number | undefined;
}

/**
 * What a presented key came to. `expired` is told apart only for a key whose secret was presented; for a public id
 * alone it is `unknown`, because whoever shows it has proven nothing.
 */
export type KeyLookup = { result: 'live' | 'expired'; key: ApiKey } | { result: 'unknown' };

export interface ApiKeys {
  /** Makes a pair; the public id and the secret are in this answer and nowhere else. */
  create(
    settings: ApiKeySettings,
    by: AdminActor,
  ): Promise<{ key: ApiKey; publicId: string; secret: string }>;
  /** Looks a presented public id up. It identifies; it proves nothing by itself. */
  byPublicId(publicId: string): Promise<KeyLookup> | KeyLookup;
  /** Looks a presented secret up. Secrets of signing keys are never taken as bearers. */
  bySecret(secret: string): Promise<KeyLookup> | KeyLookup;
  list(partner?: string): Promise<ApiKey[]>;
  /** Ends a key at once, by its internal id. */
  revoke(keyId: string, by: AdminActor): Promise<void>;
}

export interface ApiKeysDeps {
  store: ApiKeyStore;
  keyring: Keyring;
  clock: Clock;
  audit: Audit;
  partners: Partners;
  revocations: Revocations;
}

/** How long a key is remembered without asking the store; expiry and revocation are checked at every use. */
const CACHE_MS = 30_000;
const MAX_CACHED = 20_000;

export function createApiKeys(deps: ApiKeysDeps): ApiKeys {
  const { store, keyring, clock, audit, partners, revocations } = deps;
  const cache = new Map<string, { key: ApiKey; untilMs: number }>();

  const judge = (key: ApiKey | undefined): KeyLookup => {
    if (!key || key.revokedAtMs !== undefined) return { result: 'unknown' };
    if (revocations.isRevoked('api_key', key.keyId, key.createdAtMs)) return { result: 'unknown' };
    const partner = partners.find(key.partner);
    if (!partner || partner.disabledAtMs !== undefined) return { result: 'unknown' };
    if (key.expiresAtMs !== undefined && clock.nowMs() >= key.expiresAtMs) return { result: 'expired', key };
    return { result: 'live', key };
  };

  const lookUp = (digest: string, ask: () => Promise<ApiKey | undefined>): Promise<KeyLookup> | KeyLookup => {
    const hit = cache.get(digest);
    if (hit && clock.monotonicMs() < hit.untilMs) return judge(hit.key);
    return ask().then((key) => {
      if (key) {
        if (cache.size >= MAX_CACHED) cache.clear();
        cache.set(digest, { key, untilMs: clock.monotonicMs() + CACHE_MS });
      }
      return judge(key);
    });
  };

  const findBySecret = async (secret: string): Promise<ApiKey | undefined> => {
    for (const digest of credentialDigests(keyring, secret)) {
      const key = await store.findBySecretDigest(digest);
      if (key) return key;
    }
    return undefined;
  };

  return {
    create: async (settings, by) => {
      if (!partners.find(settings.partner)) {
        throw new BridgeError('NOT_FOUND', { message: 'There is no partner of this id.' });
      }
      const unknown = settings.scopes.find((scope) => !isScope(scope));
      if (unknown !== undefined) {
        throw new BridgeError('INVALID_REQUEST', {
          message: 'There is no such scope.',
          details: { scope: unknown },
        });
      }
      const { publicId, secret } = generateKeyPair(settings.environment);
      const keyId = `ak_${randomToken(12)}`;
      const signing = settings.use === 'signing';
      const key: ApiKey = {
        ...settings,
        keyId,
        partner: settings.partner as PartnerId,
        signatureRequired: signing || settings.signatureRequired,
        publicPrefix: publicPrefix(publicId),
        publicDigest: hash('sha256', publicId, 'base64url'),
        secretDigest: signing ? undefined : credentialDigest(keyring, secret),
        sealedSigningKey: signing
          ? keyring.seal('request-signing', Buffer.from(hash('sha256', secret, 'hex')), keyId)
          : undefined,
        createdAtMs: clock.nowMs(),
        revokedAtMs: undefined,
      };
      const record = audit.record('api_key.created', {
        ...by,
        outcome: 'success',
        partner: key.partner,
        keyPrefix: key.publicPrefix,
      });
      if ((await store.insert(key, record)) === 'conflict') throw new BridgeError('CONFLICT');
      return { key, publicId, secret };
    },

    byPublicId: (publicId) => {
      if (!isPublicId(publicId)) return { result: 'unknown' };
      const digest = hash('sha256', publicId, 'base64url');
      return lookUp(digest, () => store.findByPublicDigest(digest));
    },

    bySecret: (secret) => {
      if (!isSecret(secret)) return { result: 'unknown' };
      // The cache is keyed by a keyed digest, so that a look into memory gives no signing key.
      return lookUp(credentialDigest(keyring, secret), () => findBySecret(secret));
    },

    list: (partner) => store.list(partner as PartnerId | undefined),

    revoke: async (keyId, by) => {
      const nowMs = clock.nowMs();
      const known = await store.find(keyId);
      const record = audit.record('api_key.revoked', {
        ...by,
        outcome: 'success',
        partner: known?.partner,
        keyPrefix: known?.publicPrefix,
      });
      if (!known || (await store.revoke(keyId, nowMs, record)) === 'missing') {
        throw new BridgeError('NOT_FOUND', {
          message: 'There is no key of this id that is not revoked already.',
        });
      }
      const expiresAtMs = nowMs + 2 * CACHE_MS;
      await revocations.revoke([{ kind: 'api_key', id: keyId, cutoffMs: nowMs, expiresAtMs }]);
    },
  };
}
