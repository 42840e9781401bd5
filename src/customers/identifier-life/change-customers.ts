import type { Audit, AuditEventName } from '../../audit/audit.ts';
import { BridgeError } from '../../errors.ts';
import {
  type ChannelGroup,
  type CustomerIdentifier,
  parseIdentifier,
  randomIdentifier,
} from '../../identifiers/identifier.ts';
import type { Keyring } from '../../keyring/keyring.ts';
import type { AdminActor, Partners } from '../../partners/partners.ts';
import type { Clock } from '../../platform/clock.ts';
import { randomToken } from '../../platform/random.ts';
import type { Revocation } from '../../revocation/revocation-types.ts';
import type { Revocations } from '../../revocation/revocations.ts';
import type { Standings } from '../../revocation/standings.ts';
import type { Sessions } from '../../sessions/sessions.ts';
import type { CustomerRevision, PartnerNotice, RegistryStore } from '../customer-registry.ts';
import type { LifeChange, LifeTools } from '../life-rules.ts';
import type { Person, Persons } from '../persons.ts';

export interface ChangeCustomersDeps {
  registry: RegistryStore;
  persons: Persons;
  keyring: Keyring;
  clock: Clock;
  audit: Audit;
  partners: Partners;
  standings: Pick<Standings, 'refresh' | 'present'>;
  revocations: Pick<Revocations, 'refresh'>;
  sessions: Pick<Sessions, 'endAll'>;
  families: { endAllOf(customerId: string): Promise<void> };
  /** Partners that have an address at which they are told. */
  receivers: ReadonlySet<string>;
  /** How long a revocation of a customer has to be remembered. */
  rememberSeconds: number;
}

/** What an operator did, to whom, and what follows from it. */
export interface PlannedChange {
  event: AuditEventName;
  change: LifeChange;
  /** Indexes that the plan rests on not being there. */
  absent: readonly string[];
  /** Identifiers of which everything that was issued ends. */
  ended?: readonly CustomerIdentifier[];
  /** Identifiers of which nothing may stay that was kept for them. */
  purged?: readonly CustomerIdentifier[];
  notices?: readonly PartnerNotice[];
  /** For the audit records, beside who and why. */
  details?: Record<string, string | number>;
}

const ATTEMPTS = 10;

/** Commits changes of the registry, each planned on what it then still finds. */
export function createChangeCustomers(deps: ChangeCustomersDeps) {
  const { registry, persons, keyring, clock, audit } = deps;

  const tools = (): LifeTools => ({
    indexOf: (subject) => persons.indexesOf(subject)[0] as string,
    seal: persons.seal,
    newIdentifier: (space) => randomIdentifier(keyring.current('identifier').version, space),
    nowMs: clock.nowMs(),
  });

  const revisionOf = (
    sequence: number,
    { event, change, ...planned }: PlannedChange,
    why: { reason: string; by: AdminActor },
  ): CustomerRevision => {
    const nowMs = clock.nowMs();
    const { ended = [], purged = [] } = planned;
    const expiresAtMs = nowMs + deps.rememberSeconds * 1000;
    const revoked = [...new Set([...ended, ...purged])].map(
      (id): Revocation => ({ kind: 'customer', id, cutoffMs: nowMs, expiresAtMs }),
    );
    return {
      sequence,
      absent: planned.absent,
      added: change.added,
      changed: change.changed,
      references: change.references,
      forgotten: change.forgotten,
      revocations: revoked,
      ended,
      purged,
      consents: change.consents.map(({ customerId, person }) => ({
        customerId,
        personIndex: persons.personIndexOf(person),
      })),
      notices: planned.notices ?? [],
      audit: change.events.map(({ customerId, to }) =>
        audit.record(event, {
          ...why.by,
          outcome: 'success',
          customerId,
          reason: why.reason,
          details: { ...planned.details, ...(to !== undefined && { to }) },
        }),
      ),
    };
  };

  return {
    tools,

    /** The person behind an identifier. Throws `NOT_FOUND`. */
    personOf: async (text: string): Promise<Person & { customerId: CustomerIdentifier }> => {
      const customerId = parseIdentifier(text);
      const person = customerId && (await persons.find({ customerId }));
      const named = person?.identifiers.find((record) => record.customerId === customerId);
      if (!customerId || !person || !named || named.state === 'erased') {
        throw new BridgeError('NOT_FOUND', { message: 'No customer has this identifier.' });
      }
      return { ...person, customerId: named.mergedInto ?? customerId };
    },

    /** The partners that own groups. */
    partnersOf: (groups: readonly ChannelGroup[]): string[] => [
      ...new Set(groups.flatMap((group) => deps.partners.ofGroup(group)?.id ?? [])),
    ],
    isTold: (partner: string): boolean => deps.receivers.has(partner),

    /** One message for each partner that owns a group among these and has an address to be told at. */
    noticesFor: (
      type: string,
      about: readonly { group: ChannelGroup; fact: unknown }[],
      wrap: (facts: readonly unknown[]) => unknown,
    ): PartnerNotice[] => {
      const nowMs = clock.nowMs();
      const byPartner = new Map<string, unknown[]>();
      for (const { group, fact } of about) {
        const partner = deps.partners.ofGroup(group)?.id;
        if (partner === undefined || !deps.receivers.has(partner)) continue;
        byPartner.set(partner, [...(byPartner.get(partner) ?? []), fact]);
      }
      const timestamp = new Date(nowMs).toISOString();
      return [...byPartner].map(([partner, facts]) => ({
        id: `msg_${randomToken(18)}`,
        partner,
        type,
        body: JSON.stringify({ type, timestamp, data: wrap(facts) }),
        createdAtMs: nowMs,
        attempts: 0,
        dueAtMs: nowMs,
      }));
    },

    /**
     * Reads, plans and commits until nothing has changed in between; then every check in this process knows of it.
     * What `plan` throws is the answer.
     */
    commit: async <Planned extends PlannedChange>(
      plan: () => Promise<Planned>,
      why: { reason: string; by: AdminActor },
    ): Promise<Planned> => {
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        const sequence = await registry.sequence();
        const planned = await plan();
        if ((await registry.apply(revisionOf(sequence, planned, why))) === 'conflict') continue;
        await deps.standings.refresh();
        await deps.revocations.refresh();
        // Once more from now on: a sign-in may have found the customer the moment before the change was there.
        for (const customerId of new Set([...(planned.ended ?? []), ...(planned.purged ?? [])])) {
          await deps.sessions.endAll(customerId);
          await deps.families.endAllOf(customerId);
        }
        return planned;
      }
      throw new BridgeError('STORE_UNAVAILABLE', { retryAfterSeconds: 1 });
    },
  };
}

export type ChangeCustomers = ReturnType<typeof createChangeCustomers>;
