import { hash } from 'node:crypto';
import type { ClientId } from '../clients/client.ts';
import type { CustomerIdentifier, CustomerReference } from '../identifiers/identifier.ts';
import type { Keyring } from '../keyring/keyring.ts';
import type { Clock } from '../platform/clock.ts';
import { randomBase62 } from '../platform/random.ts';
import { newFamilyId } from '../tokens/refresh-token-text.ts';
import type { AuthorizationCodeStore } from './authorization-code.ts';
import type { SessionBinding } from './openid-binding.ts';

/** Longest life of a code, in seconds. */
const MAX_CODE_SECONDS = 60;

/** What a code is bound to. */
export interface AuthorizedAccess {
  redirectUri: string;
  /** PKCE S256 challenge (RFC 7636 section 4.2); `undefined` for a vendor that is registered to do without. */
  challenge: string | undefined;
  scopes: readonly string[];
  /** Profile fields that the customer agreed to; `undefined` for an app of the company's own that nobody is asked about. */
  fields: readonly string[] | undefined;
  customerId: CustomerIdentifier;
  reference: CustomerReference;
  channel: string;
  /** Session in which the customer agreed. */
  sid: string;
  authTimeMs: number;
  /** Of a request of OpenID Connect. */
  openid?: OpenIdAccess;
}

/** What OpenID Connect adds to a code. */
export interface OpenIdAccess {
  nonce: string | undefined;
  /** All that comes of the code ends with this session of the customer. */
  session: SessionBinding;
  /** The code was handed to a page of the company's own, and no consent stands for it. */
  unasked: boolean;
}

export type RedeemedCode =
  | {
      result: 'consumed';
      clientId: ClientId;
      grantId: string;
      createdAtMs: number;
      access: AuthorizedAccess;
    }
  | { result: 'reused'; clientId: ClientId; grantId: string }
  | { result: 'unknown' };

export interface AuthorizationCodes {
  /** How long a code is good for. */
  readonly lifetimeSeconds: number;
  issue(clientId: ClientId, access: AuthorizedAccess): Promise<string>;
  /** Uses a code up, whatever becomes of the request: of many uses exactly one is `consumed`. */
  redeem(code: string): Promise<RedeemedCode>;
  wasReused(code: string): Promise<boolean>;
  /** Deletes what nobody can use or reuse any more: to be called every minute. */
  prune(): Promise<number>;
}

const CODE = /^ac_[0-9A-Za-z]{43}$/;
/** Used codes are remembered for a day, so that a late second use still ends what came of the first. */
const REMEMBER_MS = 86_400_000;

const digestOf = (code: string) => hash('sha256', code, 'base64url');

/** Authorization codes: 256 random bits, stored as a digest, bound to everything that was agreed. */
export function createAuthorizationCodes(deps: {
  store: AuthorizationCodeStore;
  keyring: Keyring;
  clock: Clock;
  /** At most 60. */
  lifetimeSeconds: number;
}): AuthorizationCodes {
  const { store, keyring, clock } = deps;
  const lifetimeSeconds = Math.min(deps.lifetimeSeconds, MAX_CODE_SECONDS);
  return {
    lifetimeSeconds,
    issue: async (clientId, access) => {
      const code = `ac_${randomBase62(43)}`;
      const digest = digestOf(code);
      const createdAtMs = clock.nowMs();
      await store.insert({
        digest,
        clientId,
        grantId: newFamilyId(),
        sealedPayload: keyring.seal('grant', Buffer.from(JSON.stringify(access)), digest),
        createdAtMs,
        expiresAtMs: createdAtMs + lifetimeSeconds * 1000,
      });
      return code;
    },
    redeem: async (code) => {
      if (!CODE.test(code)) return { result: 'unknown' };
      const consumption = await store.consume(digestOf(code), clock.nowMs());
      if (consumption.result === 'unknown') return consumption;
      const { clientId, grantId, createdAtMs, sealedPayload, digest } = consumption.code;
      if (consumption.result === 'reused') return { result: 'reused', clientId, grantId };
      const bytes = keyring.open('grant', sealedPayload, digest);
      if (!bytes) return { result: 'unknown' };
      const access = JSON.parse(bytes.toString('utf8')) as AuthorizedAccess;
      return { result: 'consumed', clientId, grantId, createdAtMs, access };
    },
    wasReused: (code) => store.wasReused(digestOf(code)),
    prune: () => store.prune({ unusedMs: clock.nowMs(), usedMs: clock.nowMs() - REMEMBER_MS }),
  };
}
