import type { Audit } from '../audit/audit.ts';
import type { OAuthClient } from '../clients/client.ts';
import type { Clients } from '../clients/clients.ts';
import {
  type CustomerIdentifier,
  type CustomerReference,
  personIndex,
  type ReferenceSpace,
} from '../identifiers/identifier.ts';
import type { Keyring } from '../keyring/keyring.ts';
import type { Partner } from '../partners/partner.ts';
import type { Partners } from '../partners/partners.ts';
import type { Clock } from '../platform/clock.ts';
import type { Revocations } from '../revocation/revocations.ts';
import { appAccessId, type AppFamilies } from './app-access.ts';
import type { Consent, ConsentStore } from './consent.ts';

/** The human being behind the identifiers of all channel groups. */
export interface Person {
  space: ReferenceSpace;
  reference: CustomerReference;
}

/** A client that a customer allowed, as a page shows it. */
export interface ConnectedApp {
  clientId: string;
  label: string;
  partnerName: string;
  scopes: string[];
  grantedAtMs: number;
}

export interface Consents {
  /**
   * The consent that already allows what is asked for: no new scope, and no field that the partner may see since.
   */
  covering(client: OAuthClient, partner: Partner, asked: ConsentQuestion): Promise<Consent | undefined>;
  /** Remembers what was allowed, with what was allowed before; returns all of it. */
  remember(
    client: OAuthClient,
    partner: Partner,
    given: ConsentQuestion & { person: Person },
  ): Promise<Consent>;
  /** What a person allowed, oldest first. */
  listOf(person: Person): Promise<ConnectedApp[]>;
  /** Takes a client's access back, at once; whether there was any. */
  withdraw(person: Person, clientId: string, facts: { requestId: string; address: string }): Promise<boolean>;
}

export interface ConsentQuestion {
  customerId: CustomerIdentifier;
  scopes: readonly string[];
}

export interface ConsentsDeps {
  store: ConsentStore;
  clients: Clients;
  partners: Partners;
  families: AppFamilies;
  revocations: Revocations;
  keyring: Keyring;
  clock: Clock;
  audit: Audit;
  /** Longest life of an access token, in seconds: how long a withdrawal has to be remembered. */
  maxTokenLifetimeSeconds: number;
}

const isAmong = (known: readonly string[]) => (name: string) => known.includes(name);

export function createConsents(deps: ConsentsDeps): Consents {
  const { store, keyring, clock, families, revocations } = deps;

  const indexes = (person: Person): string[] =>
    keyring.all('identifier-index').map(({ key }) => personIndex(key, person));

  const shownFields = (partner: Partner, scopes: readonly string[]) =>
    scopes.includes('profile:read') ? partner.visibleFields : [];

  const asApp = async (consent: Consent): Promise<ConnectedApp | undefined> => {
    const client = await deps.clients.usable(consent.clientId);
    const partner = client && deps.partners.find(client.partner);
    return (
      partner && {
        clientId: client.clientId,
        label: client.label,
        partnerName: partner.name,
        scopes: consent.scopes,
        grantedAtMs: consent.grantedAtMs,
      }
    );
  };

  const endAccess = async ({ clientId, customerId }: Consent): Promise<void> => {
    const cutoffMs = clock.nowMs();
    const expiresAtMs = cutoffMs + deps.maxTokenLifetimeSeconds * 1000 + 60_000;
    const id = appAccessId(clientId, customerId);
    await revocations.revoke([{ kind: 'grant', id, cutoffMs, expiresAtMs }]);
    await families.endAllOf(customerId, clientId);
  };

  return {
    covering: async (client, partner, { customerId, scopes }) => {
      const consent = await store.find(client.clientId, customerId);
      const covers =
        consent !== undefined &&
        scopes.every(isAmong(consent.scopes)) &&
        shownFields(partner, scopes).every(isAmong(consent.fields));
      return covers ? consent : undefined;
    },
    remember: async (client, partner, { person, customerId, scopes }) => {
      const before = await store.find(client.clientId, customerId);
      const consent: Consent = {
        clientId: client.clientId,
        customerId,
        personIndex: indexes(person)[0] as string,
        scopes: [...new Set([...(before?.scopes ?? []), ...scopes])],
        fields: [...new Set([...(before?.fields ?? []), ...shownFields(partner, scopes)])],
        grantedAtMs: before?.grantedAtMs ?? clock.nowMs(),
      };
      await store.put(consent);
      return consent;
    },
    listOf: async (person) => {
      const apps = new Map<string, ConnectedApp>();
      for (const consent of await store.listOf(indexes(person))) {
        const app = await asApp(consent);
        if (app && !apps.has(app.clientId)) apps.set(app.clientId, app);
      }
      return [...apps.values()];
    },
    withdraw: async (person, clientId, facts) => {
      const given = (await store.listOf(indexes(person))).filter((consent) => consent.clientId === clientId);
      for (const consent of given) {
        // The consent goes first: whoever redeems a code at this moment looks for it last.
        await store.remove(consent.clientId, consent.customerId);
        await endAccess(consent);
        deps.audit.event('consent.withdrawn', {
          requestId: facts.requestId,
          address: facts.address,
          outcome: 'success',
          actor: 'customer',
          clientId,
          customerId: consent.customerId,
        });
      }
      return given.length > 0;
    },
  };
}
