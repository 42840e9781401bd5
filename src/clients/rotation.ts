import type { Audit } from '../audit/audit.ts';
import { BridgeError } from '../errors.ts';
import type { Keyring } from '../keyring/keyring.ts';
import { createSecretReplacement, type SecretReplacement } from '../partners/replace-secrets.ts';
import type { RotationOptions } from '../partners/secret-rotation.ts';
import type { Clock } from '../platform/clock.ts';
import type { Revocation } from '../revocation/revocation-types.ts';
import type { Revocations } from '../revocation/revocations.ts';
import type { ClientStore, OAuthClient } from './client.ts';
import { clientSecretRecord, generateClientSecret } from './client-secret.ts';
import type { Clients } from './clients.ts';

/** Replaces client secrets. A compromised one takes every access token of the client with it. */
export type ClientRotation = SecretReplacement<OAuthClient, RotationOptions, unknown>;

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

export function createClientRotation(deps: ClientRotationDeps): ClientRotation {
  const { clients, keyring, clock, revocations } = deps;
  const tokensUpToNow = (clientId: string): Revocation => {
    const cutoffMs = clock.nowMs();
    const expiresAtMs = cutoffMs + deps.maxTokenLifetimeSeconds * 1000;
    return { kind: 'client_tokens', id: clientId, cutoffMs, expiresAtMs };
  };
  return createSecretReplacement({
    ...deps,
    kind: 'client',
    noun: 'client',
    factsOf: (client: OAuthClient) => ({ partner: client.partner, clientId: client.clientId }),
    prepare: (client, _options: RotationOptions, live) => {
      if (client.authentication === 'secret') return { oldEndMs: live.at(-1)?.expiresAtMs, change: {} };
      throw new BridgeError('INVALID_REQUEST', {
        message: 'This client does not authenticate by a secret.',
      });
    },
    makeSecret: (_client, createdAtMs) => {
      const secret = generateClientSecret();
      return { secret, record: clientSecretRecord(keyring, secret, createdAtMs) };
    },
    changed: clients.changed,
    revocationsOf: (clientId) => [clients.changeOf(clientId), tokensUpToNow(clientId)],
    onCompromised: async (clientId) => {
      await clients.noticed();
      // Once more: a token may have been issued while the change was being written.
      await revocations.revoke([tokensUpToNow(clientId)]);
    },
  });
}
