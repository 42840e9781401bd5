import { timingSafeEqual } from 'node:crypto';
import type { Audit } from '../audit/audit.ts';
import { BridgeError } from '../errors.ts';
import { credentialDigest, credentialDigests } from '../keyring/credential-digest.ts';
import type { Keyring } from '../keyring/keyring.ts';
import type { PartnerId } from '../partners/partner.ts';
import type { AdminActor, Partners } from '../partners/partners.ts';
import { isScope } from '../partners/scopes.ts';
import type { Clock } from '../platform/clock.ts';
import { checksum62 } from '../platform/encoding.ts';
import { randomBase62 } from '../platform/random.ts';
import type { Revocations } from '../revocation/revocations.ts';
import type { ClientId, ClientStore, OAuthClient } from './client.ts';

export interface ClientSettings {
  partner: string;
  label: string;
  scopes: string[];
  grantTypes: string[];
}

export interface Clients {
  /** Makes a client; the secret is in this answer and nowhere else. */
  create(settings: ClientSettings, by: AdminActor): Promise<{ client: OAuthClient; secret: string }>;
  /**
   * The client whose id and secret these are, if it may be used now. An unknown client costs the same work and looks
   * the same as a wrong secret.
   */
  authenticate(clientId: string, secret: string): Promise<OAuthClient | undefined>;
  list(partner?: string): Promise<OAuthClient[]>;
  /** Ends the client and every access token it holds, at once. */
  revoke(clientId: string, by: AdminActor): Promise<void>;
}

export interface ClientsDeps {
  store: ClientStore;
  keyring: Keyring;
  clock: Clock;
  audit: Audit;
  partners: Partners;
  revocations: Revocations;
  /** Longest life of an access token, in seconds: how long a revocation has to be remembered. */
  maxTokenLifetimeSeconds: number;
}

/** How long a client is remembered without asking the store; a revocation is seen at every use. */
const CACHE_MS = 5_000;
const MAX_CACHED = 10_000;
const CLIENT_ID = /^cl_[0-9A-Za-z]{20}$/;
const NOBODY = 'A'.repeat(43);

export function createClients(deps: ClientsDeps): Clients {
  const { store, keyring, clock, audit, partners, revocations } = deps;
  const cache = new Map<string, { client: OAuthClient; untilMs: number }>();

  const find = async (clientId: string): Promise<OAuthClient | undefined> => {
    if (!CLIENT_ID.test(clientId)) return undefined;
    const hit = cache.get(clientId);
    if (hit && clock.monotonicMs() < hit.untilMs) return hit.client;
    const client = await store.find(clientId as ClientId);
    if (client) {
      if (cache.size >= MAX_CACHED) cache.clear();
      cache.set(clientId, { client, untilMs: clock.monotonicMs() + CACHE_MS });
    }
    return client;
  };

  const usable = (client: OAuthClient): boolean =>
    client.revokedAtMs === undefined &&
    !revocations.isRevoked('client', client.clientId, client.createdAtMs) &&
    partners.find(client.partner)?.disabledAtMs === undefined &&
    partners.find(client.partner) !== undefined;

  return {
    create: async (settings, by) => {
      if (!partners.find(settings.partner)) {
        throw new BridgeError('NOT_FOUND', { message: 'There is no partner of this id.' });
      }
      const unknown = settings.scopes.find((scope) => !isScope(scope));
      if (unknown !== undefined)
        throw new BridgeError('INVALID_REQUEST', {
          message: 'There is no such scope.',
          details: { scope: unknown },
        });
      const nowMs = clock.nowMs();
      const body = `cs_${randomBase62(43)}`;
      const secret = body + checksum62(body);
      const client: OAuthClient = {
        clientId: `cl_${randomBase62(20)}` as ClientId,
        partner: settings.partner as PartnerId,
        label: settings.label,
        scopes: settings.scopes,
        grantTypes: settings.grantTypes,
        secrets: [{ digest: credentialDigest(keyring, secret), createdAtMs: nowMs, expiresAtMs: undefined }],
        createdAtMs: nowMs,
        revokedAtMs: undefined,
      };
      const record = audit.record('client.created', {
        ...by,
        outcome: 'success',
        partner: client.partner,
        clientId: client.clientId,
      });
      if ((await store.insert(client, record)) === 'conflict') throw new BridgeError('CONFLICT');
      return { client, secret };
    },

    authenticate: async (clientId, secret) => {
      const client = await find(clientId);
      const nowMs = clock.nowMs();
      const live = (client?.secrets ?? []).filter(
        ({ expiresAtMs }) => expiresAtMs === undefined || nowMs < expiresAtMs,
      );
      const stored = live.length > 0 ? live.map(({ digest }) => digest) : [NOBODY];
      let matches = false;
      for (const presented of credentialDigests(keyring, secret)) {
        for (const digest of stored) {
          matches = timingSafeEqual(Buffer.from(presented), Buffer.from(digest)) || matches;
        }
      }
      return client && matches && usable(client) ? client : undefined;
    },

    list: (partner) => store.list(partner as PartnerId | undefined),

    revoke: async (clientId, by) => {
      const nowMs = clock.nowMs();
      const record = audit.record('client.revoked', { ...by, outcome: 'success', clientId });
      if ((await store.revoke(clientId as ClientId, nowMs, record)) === 'missing') {
        throw new BridgeError('NOT_FOUND', {
          message: 'There is no client of this id that is not revoked already.',
        });
      }
      const expiresAtMs = nowMs + deps.maxTokenLifetimeSeconds * 1000 + CACHE_MS;
      await revocations.revoke([{ kind: 'client', id: clientId, cutoffMs: nowMs, expiresAtMs }]);
      cache.delete(clientId);
    },
  };
}
