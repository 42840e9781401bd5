import type { Audit, AuditEventName } from '../audit/audit.ts';
import { BridgeError } from '../errors.ts';
import type { Keyring } from '../keyring/keyring.ts';
import type { AdminActor } from '../partners/partners.ts';
import {
  graceEndMs,
  planRotation,
  type RotationOptions,
  successorTimeMs,
} from '../partners/secret-rotation.ts';
import type { Clock } from '../platform/clock.ts';
import type { Revocation } from '../revocation/revocation-types.ts';
import type { Revocations } from '../revocation/revocations.ts';
import type { ClientId, ClientSecret, ClientStore, OAuthClient } from './client.ts';
import { clientSecretRecord, generateClientSecret } from './client-secret.ts';
import type { Clients } from './clients.ts';

/** A new secret, in clear only here, and what becomes of the old ones. */
export interface RotatedClientSecret {
  client: OAuthClient;
  secretId: string;
  secret: string;
  /** Secrets that still work, each with its latest end. */
  replaced: { secretId: string; latestEndMs: number; graceMs: number }[];
}

export interface ClientRotation {
  /**
   * Makes a successor to a client's secret. Both work; the grace of the old one begins when the successor is first
   * used. Throws `NOT_FOUND`, `CONFLICT` while a rotation is under way, `INVALID_REQUEST` for a client without secret.
   */
  rotate(clientId: string, options: RotationOptions, by: AdminActor): Promise<RotatedClientSecret>;
  /**
   * Ends one secret, or all of them, at once, together with every access token of the client. A successor is made
   * when none is left. Throws `NOT_FOUND`.
   */
  compromised(
    clientId: string,
    what: { secretId?: string | undefined; reason?: string | undefined },
    by: AdminActor,
  ): Promise<{
    client: OAuthClient;
    ended: string[];
    successor: { secretId: string; secret: string } | undefined;
  }>;
  /** Sets the end of replaced secrets whose successor has come into use; how many. */
  startGraces(): Promise<number>;
}

export interface ClientRotationDeps {
  store: ClientStore;
  clients: Pick<Clients, 'changed' | 'changeOf' | 'noticed'>;
  keyring: Keyring;
  clock: Clock;
  audit: Audit;
  revocations: Revocations;
  /** Longest life of an access token, in seconds. */
  maxTokenLifetimeSeconds: number;
}

const MAX_LIVE_SECRETS = 2;
const NO_SUCH_CLIENT = { message: 'There is no client of this id that is not revoked already.' };

export function createClientRotation(deps: ClientRotationDeps): ClientRotation {
  const { store, clients, keyring, clock, audit, revocations } = deps;

  const known = async (clientId: string): Promise<OAuthClient> => {
    const client = await store.find(clientId as ClientId);
    if (!client || client.revokedAtMs !== undefined) throw new BridgeError('NOT_FOUND', NO_SUCH_CLIENT);
    return client;
  };
  const recordOf = (event: AuditEventName, client: OAuthClient, by: AdminActor, more: object) =>
    audit.record(event, {
      ...by,
      outcome: 'success',
      partner: client.partner,
      clientId: client.clientId,
      ...more,
    });
  const isLive = ({ revokedAtMs, expiresAtMs }: ClientSecret) =>
    revokedAtMs === undefined && (expiresAtMs ?? Infinity) > clock.nowMs();
  const makeSecret = (client: OAuthClient) => {
    const secret = generateClientSecret();
    const createdAtMs = successorTimeMs(clock.nowMs(), client.secrets);
    return { secret, record: clientSecretRecord(keyring, secret, createdAtMs) };
  };

  const tokensUpTo = (clientId: string, cutoffMs: number): Revocation => {
    const expiresAtMs = cutoffMs + deps.maxTokenLifetimeSeconds * 1000;
    return { kind: 'client_tokens', id: clientId, cutoffMs, expiresAtMs };
  };

  return {
    rotate: async (clientId, options, by) => {
      const client = await known(clientId);
      if (client.authentication !== 'secret') {
        throw new BridgeError('INVALID_REQUEST', {
          message: 'This client does not authenticate by a secret.',
        });
      }
      const live = client.secrets.filter(isLive);
      const plan = planRotation(clock.nowMs(), options, live.at(-1)?.expiresAtMs);
      const { secret, record } = makeSecret(client);
      const result = await store.rotate(
        client.clientId,
        { successor: record, plan, maxLive: MAX_LIVE_SECRETS },
        recordOf('client.secret_rotated', client, by, {
          details: { secret_id: record.secretId, grace_seconds: plan.graceMs / 1000 },
        }),
      );
      if (result === 'missing') throw new BridgeError('NOT_FOUND', NO_SUCH_CLIENT);
      if (result === 'conflict') {
        throw new BridgeError('CONFLICT', {
          message: 'A rotation of this secret is under way. End the old secret first, or wait for its end.',
        });
      }
      await clients.changed(clientId);
      const replaced = live.map(({ secretId, expiresAtMs }) => ({
        secretId,
        graceMs: plan.graceMs,
        latestEndMs: Math.min(plan.latestEndMs, expiresAtMs ?? Infinity),
      }));
      return { client, secretId: record.secretId, secret, replaced };
    },

    compromised: async (clientId, { secretId, reason }, by) => {
      const client = await known(clientId);
      const usable = client.secrets.filter(({ revokedAtMs }) => revokedAtMs === undefined);
      const ended = usable
        .map((one) => one.secretId)
        .filter((id) => secretId === undefined || id === secretId);
      const left = client.secrets.some((one) => isLive(one) && !ended.includes(one.secretId));
      const made = left ? undefined : makeSecret(client);
      const result = await store.compromise(
        client.clientId,
        {
          secretIds: ended,
          atMs: clock.nowMs(),
          successor: made?.record,
          revocations: [clients.changeOf(clientId), tokensUpTo(clientId, clock.nowMs())],
        },
        recordOf('client.secret_compromised', client, by, { reason, details: { secrets: ended.length } }),
      );
      if (result === 'missing') {
        throw new BridgeError('NOT_FOUND', {
          message: 'The client has no secret of this id that can be ended.',
        });
      }
      await clients.noticed(clientId);
      // Once more: a token may have been issued while the change was being written.
      await revocations.revoke([tokensUpTo(clientId, clock.nowMs())]);
      const successor = made && { secretId: made.record.secretId, secret: made.secret };
      return { client, ended, successor };
    },

    startGraces: async () => {
      let started = 0;
      for (const due of await store.dueGraces()) {
        const client = await store.find(due.ownerId as ClientId);
        if (!client) continue;
        const record = recordOf(
          'client.grace_started',
          client,
          { actor: 'system' },
          {
            details: { secret_id: due.secretId, ends_at: new Date(graceEndMs(due)).toISOString() },
          },
        );
        if ((await store.startGrace(due.secretId, graceEndMs(due), record)) === 'missing') continue;
        await clients.changed(client.clientId);
        started += 1;
      }
      return started;
    },
  };
}
