import { timingSafeEqual } from 'node:crypto';
import type { Audit } from '../audit/audit.ts';
import { BridgeError } from '../errors.ts';
import { credentialDigests } from '../keyring/credential-digest.ts';
import type { Keyring } from '../keyring/keyring.ts';
import type { PartnerId } from '../partners/partner.ts';
import type { AdminActor, Partners } from '../partners/partners.ts';
import type { Clock } from '../platform/clock.ts';
import { randomBase62 } from '../platform/random.ts';
import { createRecordMemory, type RecordMemory } from '../revocation/record-memory.ts';
import type { EndWithRevocations } from '../revocation/revocation-types.ts';
import type { Revocations } from '../revocation/revocations.ts';
import type { ClientId, ClientStore, OAuthClient } from './client.ts';
import type { ClientAssertions } from './client-assertion.ts';
import { clientSecretRecord, generateClientSecret } from './client-secret.ts';
import {
  checkRedirectUris,
  checkRegistration,
  clientScopes,
  type ClientSettings,
} from './client-registration.ts';

/** What of a client may be changed later. */
export interface ClientChange {
  label?: string | undefined;
  scopes?: string[] | undefined;
  redirectUris?: string[] | undefined;
}

export interface Clients extends Pick<RecordMemory<OAuthClient>, 'changed' | 'changeOf' | 'noticed'> {
  /** Makes a client; the secret, if it has one, is in this answer and nowhere else. Throws `INVALID_REQUEST`. */
  create(
    settings: ClientSettings,
    by: AdminActor,
  ): Promise<{ client: OAuthClient; secret: string | undefined }>;
  /** Throws `NOT_FOUND`, or `INVALID_REQUEST` for what this client may not have. */
  update(clientId: string, change: ClientChange, by: AdminActor): Promise<OAuthClient>;
  /** The client of this id if it may be used now; at most five seconds old. */
  usable(clientId: string): Promise<OAuthClient | undefined>;
  /** Like `authenticate`, with an assertion that the client signed (RFC 7523). Uses the assertion up. */
  authenticateByAssertion(clientId: string, assertion: string): Promise<OAuthClient | undefined>;
  /**
   * The client whose id and secret these are, if it may be used now. An unknown client costs the same work and looks
   * the same as a wrong secret. A secret that another process has just made works at once: before it is refused by a
   * remembered record, the store is asked, four times a second for each client at most.
   */
  authenticate(clientId: string, secret: string): Promise<OAuthClient | undefined>;
  list(partner?: string): Promise<OAuthClient[]>;
  /** Whether an app that runs in browsers has this origin; at most one refresh old. */
  allowsOrigin(origin: string): boolean;
  /** Reads the origins of browser apps anew. */
  refresh(): Promise<void>;
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
  assertions: ClientAssertions;
  /** Told of each secret that was used. Default: nobody is. */
  usage?: { note(secretId: string): void };
  /** Plain loopback redirect addresses for every application type: for an installation on a loopback address. */
  loopbackForAll: boolean;
  /** Longest life of an access token, in seconds: how long a revocation has to be remembered. */
  maxTokenLifetimeSeconds: number;
}

/** How long a client is remembered without asking the store; a revocation is seen at every use. */
const CACHE_MS = 5_000;
const MAX_CACHED = 10_000;
/** Before a remembered record refuses a secret it is read anew: this often for each client, and a few times at once. */
const REREAD_MS = 250;
const REREADS_AT_ONCE = 3;
const CLIENT_ID = /^cl_[0-9A-Za-z]{20}$/;
const NOBODY = { digest: 'A'.repeat(43), secretId: '' };

function unknownClient(): BridgeError {
  return new BridgeError('NOT_FOUND', {
    message: 'There is no client of this id that is not revoked already.',
  });
}

/** The id of the live secret that has one of these digests; always the same work. */
function matchingSecret(
  client: OAuthClient | undefined,
  digests: readonly string[],
  nowMs: number,
): string | undefined {
  const live = (client?.secrets ?? []).filter(
    ({ expiresAtMs, revokedAtMs }) =>
      revokedAtMs === undefined && (expiresAtMs === undefined || nowMs < expiresAtMs),
  );
  let matching: string | undefined;
  for (const presented of digests) {
    for (const { digest, secretId } of live.length > 0 ? live : [NOBODY]) {
      if (timingSafeEqual(Buffer.from(presented), Buffer.from(digest))) matching = secretId;
    }
  }
  return matching;
}

export function createClients(deps: ClientsDeps): Clients {
  const { store, keyring, clock, audit, partners, revocations, usage } = deps;
  const { recall, read, ...memory } = createRecordMemory<OAuthClient>({
    revocations,
    clock,
    kind: 'client_record',
    idOf: (client) => client.clientId,
    keepMs: CACHE_MS,
    maxRecords: MAX_CACHED,
  });

  const ask = (clientId: string): Promise<OAuthClient | undefined> =>
    read(clientId, async () => {
      const client = await store.find(clientId as ClientId);
      if (client) await partners.seek(client.partner);
      return client;
    });

  const find = async (clientId: string): Promise<OAuthClient | undefined> => {
    const known = recall(clientId);
    return known || !CLIENT_ID.test(clientId) ? known : ask(clientId);
  };

  const rereadUntilMs = new Map<string, number>();
  /** Guessed secrets come as fast as anybody likes: only so many of them cost a query. */
  const mayReread = (clientId: string): boolean => {
    const nowMs = clock.monotonicMs();
    const fromMs = Math.max(nowMs, rereadUntilMs.get(clientId) ?? 0);
    if (fromMs - nowMs > (REREADS_AT_ONCE - 1) * REREAD_MS) return false;
    if (rereadUntilMs.size >= MAX_CACHED) rereadUntilMs.clear();
    rereadUntilMs.set(clientId, fromMs + REREAD_MS);
    return true;
  };

  const usable = (client: OAuthClient): boolean =>
    client.revokedAtMs === undefined &&
    !revocations.isRevoked('client', client.clientId, client.createdAtMs) &&
    partners.find(client.partner)?.disabledAtMs === undefined &&
    partners.find(client.partner) !== undefined;

  let browserApps: ReadonlyMap<string, OAuthClient[]> = new Map();
  const refresh = async () => {
    const apps = (await store.list()).filter(({ applicationType }) => applicationType === 'spa');
    const origins = apps.flatMap((app) =>
      app.redirectUris.map((uri) => ({ app, origin: new URL(uri).origin })),
    );
    const byOrigin = Map.groupBy(origins, ({ origin }) => origin);
    browserApps = new Map([...byOrigin].map(([origin, found]) => [origin, found.map(({ app }) => app)]));
  };

  return {
    refresh,
    // Of apps that may do something: neither they nor their partners were ended.
    allowsOrigin: (origin) => browserApps.get(origin)?.some(usable) ?? false,

    create: async (settings, by) => {
      if (!(await partners.seek(settings.partner))) {
        throw new BridgeError('NOT_FOUND', { message: 'There is no partner of this id.' });
      }
      const registration = checkRegistration(settings, deps);
      const nowMs = clock.nowMs();
      const secret = registration.authentication === 'secret' ? generateClientSecret() : undefined;
      const client: OAuthClient = {
        clientId: `cl_${randomBase62(20)}` as ClientId,
        partner: settings.partner as PartnerId,
        label: settings.label,
        ...registration,
        secrets: secret === undefined ? [] : [clientSecretRecord(keyring, secret, nowMs)],
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
      if (client.applicationType === 'spa') await refresh();
      return { client, secret };
    },

    update: async (clientId, change, by) => {
      const known = await store.find(clientId as ClientId);
      if (!known || known.revokedAtMs !== undefined) throw unknownClient();
      const scopes = change.scopes && clientScopes(change.scopes, known.openid !== undefined);
      if (change.redirectUris) {
        checkRedirectUris(change.redirectUris, known.applicationType, deps.loopbackForAll);
        if (known.grantTypes.includes('authorization_code') !== change.redirectUris.length > 0) {
          throw new BridgeError('INVALID_REQUEST', {
            message: 'Redirect URIs and the grant authorization_code belong together.',
            details: { member: 'redirect_uris' },
          });
        }
      }
      const client: OAuthClient = {
        ...known,
        label: change.label ?? known.label,
        scopes: scopes ?? known.scopes,
        redirectUris: change.redirectUris ?? known.redirectUris,
      };
      const record = audit.record('client.updated', {
        ...by,
        outcome: 'success',
        partner: client.partner,
        clientId,
      });
      if ((await store.update(client, record)) === 'missing') throw unknownClient();
      await memory.changed(clientId);
      if (client.applicationType === 'spa') await refresh();
      return client;
    },

    usable: async (clientId) => {
      const client = await find(clientId);
      return client && usable(client) ? client : undefined;
    },

    authenticateByAssertion: async (clientId, assertion) => {
      const client = await find(clientId);
      if (client?.authentication !== 'private_key_jwt' || !usable(client)) return undefined;
      return (await deps.assertions.accepts(client, assertion)) ? client : undefined;
    },

    authenticate: async (clientId, secret) => {
      const remembered = recall(clientId);
      let client = remembered ?? (await find(clientId));
      const digests = [...credentialDigests(keyring, secret)];
      let matching = matchingSecret(client, digests, clock.nowMs());
      if (remembered && matching === undefined && mayReread(clientId)) {
        client = await ask(clientId);
        matching = matchingSecret(client, digests, clock.nowMs());
      }
      if (!client || matching === undefined || !usable(client)) return undefined;
      usage?.note(matching);
      return client;
    },

    list: (partner) => store.list(partner as PartnerId | undefined),

    ...memory,

    revoke: async (clientId, by) => {
      const nowMs = clock.nowMs();
      const record = audit.record('client.revoked', { ...by, outcome: 'success', clientId });
      const expiresAtMs = nowMs + deps.maxTokenLifetimeSeconds * 1000 + CACHE_MS;
      // A revoked client never lives again, so the cutoff lies ahead: it meets what another process issues meanwhile.
      const cutoffMs = expiresAtMs;
      const end: EndWithRevocations = {
        atMs: nowMs,
        revocations: [{ kind: 'client', id: clientId, cutoffMs, expiresAtMs }],
      };
      if ((await store.revoke(clientId as ClientId, end, record)) === 'missing') throw unknownClient();
      await memory.noticed();
    },
  };
}
