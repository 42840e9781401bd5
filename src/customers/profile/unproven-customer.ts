import type { Audit } from '../../audit/audit.ts';
import { BridgeError } from '../../errors.ts';
import type { Channel, Channels } from '../../channels/channel.ts';
import {
  type CustomerIdentifier,
  type CustomerReference,
  parseIdentifier,
} from '../../identifiers/identifier.ts';
import type { Partner } from '../../partners/partner.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Revocations } from '../../revocation/revocations.ts';
import type { FindSurvivor } from '../../sessions/present-customer.ts';
import { type CustomerToken, type CustomerTokens, LATE_PROOF_SECONDS } from '../../tokens/customer-token.ts';
import { isTokenRevoked } from '../revoked-token.ts';
import type { CallProof, ChannelCalls } from '../channel-proofs/channel-calls.ts';
import { isChannelOf } from '../customer-token-check.ts';
import type { ChannelVisits } from '../channel-proofs/channel-visits.ts';
import type { Identities } from '../identities.ts';

/** A customer whom a partner asks about without a sound proof, and whom its channel's stage lets through. */
export interface AdmittedCustomer {
  customerId: CustomerIdentifier;
  reference: CustomerReference;
  channel: string;
  /** Why it would be refused under `enforce`; set where the stage says to warn. */
  warning: 'expired' | 'unsigned' | undefined;
}

/** Who asks, for the record. */
export interface AskingFacts {
  partner: Partner;
  clientId: string | undefined;
  keyPrefix: string | undefined;
  requestId: string;
  address: string;
}

export interface UnprovenCustomerDeps {
  channels: Channels;
  customerTokens: CustomerTokens;
  revocations: Pick<Revocations, 'isRevoked'>;
  identities: Pick<Identities, 'subjectOf'>;
  survivorOf?: FindSurvivor;
  calls: Pick<ChannelCalls, 'count'>;
  visits: Pick<ChannelVisits, 'wasThere'>;
  clock: Clock;
  audit: Audit;
}

/** Names without proof that led nowhere, of one key within a minute. */
const MAX_MISSES = 30;
const MISSES_MS = 60_000;
const MAX_KEYS = 10_000;

/** Counts names that led nowhere, so that nobody finds people by trying identifiers. Per process. */
function createMisses(clock: Clock) {
  const held = new Map<string, { misses: number; untilMs: number }>();
  const nameOf = ({ partner, keyPrefix, clientId }: AskingFacts) =>
    [partner.id, keyPrefix ?? '', clientId ?? ''].join(' ');
  const current = (name: string) => {
    const entry = held.get(name);
    if (entry && clock.monotonicMs() < entry.untilMs) return entry;
    held.delete(name);
    return undefined;
  };
  return {
    /** Throws `RATE_LIMITED` for a key that has used its misses up. */
    admit: (facts: AskingFacts): void => {
      const entry = current(nameOf(facts));
      if (!entry || entry.misses < MAX_MISSES) return;
      const retryAfterSeconds = Math.max(1, Math.ceil((entry.untilMs - clock.monotonicMs()) / 1000));
      throw new BridgeError('RATE_LIMITED', { retryAfterSeconds });
    },
    count: (facts: AskingFacts): void => {
      const name = nameOf(facts);
      const entry = current(name);
      if (entry) {
        entry.misses++;
        return;
      }
      const oldest = held.size >= MAX_KEYS ? held.keys().next().value : undefined;
      if (oldest !== undefined) held.delete(oldest);
      held.set(name, { misses: 1, untilMs: clock.monotonicMs() + MISSES_MS });
    },
  };
}

/** The channel that a token claims to be for. Nothing of it is verified: good for counting alone. */
function claimedChannel(token: string): string | undefined {
  if (token.length > 8_192) return undefined;
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'));
    const { aud } = claims as { aud?: unknown };
    return typeof aud === 'string' ? aud : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Calls about customers that came without a sound proof: counted for their channel, and let through where its stage
 * says so. See docs/decisions/staged-enforcement.md for what is never let through.
 */
export function createUnprovenCustomer(deps: UnprovenCustomerDeps) {
  const { channels, customerTokens, revocations, identities, survivorOf, calls, visits, clock, audit } = deps;
  const misses = createMisses(clock);

  const ownChannel = (id: string | undefined, partner: Partner, customerId = ''): Channel | undefined =>
    id !== undefined && isChannelOf(channels, { channel: id, customerId }, partner)
      ? channels.find(id)
      : undefined;

  const isLenient = ({ enforcement }: Channel): boolean => enforcement === 'accept' || enforcement === 'warn';

  const refuse = (channel: Channel | undefined, proof: CallProof): undefined => {
    if (channel) calls.count(channel.id, proof, 'refused');
    return undefined;
  };

  const admit = (
    channel: Channel,
    proof: 'expired' | 'unsigned',
    { customer, facts }: { customer: Pick<AdmittedCustomer, 'customerId' | 'reference'>; facts: AskingFacts },
  ): AdmittedCustomer => {
    calls.count(channel.id, proof, 'admitted');
    const warns = channel.enforcement === 'warn';
    if (warns) {
      const { partner, ...rest } = facts;
      audit.event('profile.unproven_call', {
        ...rest,
        partner: partner.id,
        outcome: 'success',
        actor: 'partner',
        customerId: customer.customerId,
        channel: channel.id,
        reason: proof,
      });
    }
    return { ...customer, channel: channel.id, warning: warns ? proof : undefined };
  };

  const isRevoked = (token: CustomerToken): boolean => isTokenRevoked({ revocations, customerTokens }, token);

  const present = (token: CustomerToken): Pick<AdmittedCustomer, 'customerId' | 'reference'> | undefined => {
    const survivor = survivorOf?.(token.customerId);
    if (survivor) return survivor;
    const reference = customerTokens.openReference(token);
    return reference === undefined ? undefined : { customerId: token.customerId, reference };
  };

  return {
    /** A customer token that was refused. */
    byToken: (text: string, facts: AskingFacts): AdmittedCustomer | undefined => {
      const verified = customerTokens.verify(text);
      if (!verified.ok && verified.failure === 'invalid') {
        return refuse(ownChannel(claimedChannel(text), facts.partner), 'altered');
      }
      const { token } = verified;
      const channel = ownChannel(token.channel, facts.partner, token.customerId);
      // Revoked: sound and on time, or not any more, it is no matter of stages.
      if (!channel || verified.ok || isRevoked(token)) return undefined;
      const lateSeconds = clock.nowMs() / 1000 - token.exp;
      const customer = isLenient(channel) && lateSeconds <= LATE_PROOF_SECONDS ? present(token) : undefined;
      return customer ? admit(channel, 'expired', { customer, facts }) : refuse(channel, 'expired');
    },

    /**
     * A customer who is only named, by identifier and channel: one who was signed in on that very channel within a day,
     * by a session that nobody has ended. Throws `RATE_LIMITED` for a key that names too many who were not.
     */
    byName: async (
      named: { customerId: string; channel: string },
      facts: AskingFacts,
    ): Promise<AdmittedCustomer | undefined> => {
      const channel = ownChannel(named.channel, facts.partner, named.customerId);
      const asked = parseIdentifier(named.customerId);
      if (!channel || !isLenient(channel) || !asked) return refuse(channel, 'unsigned');
      misses.admit(facts);
      const miss = (): undefined => {
        misses.count(facts);
        return refuse(channel, 'unsigned');
      };
      if (revocations.isRevoked('customer', asked, clock.nowMs())) return miss();
      const customerId = survivorOf?.(asked)?.customerId ?? asked;
      if (!(await visits.wasThere(channel.id, [asked, customerId]))) return miss();
      const subject = await identities.subjectOf(asked);
      if (subject?.group !== channel.group) return miss();
      return admit(channel, 'unsigned', { customer: { customerId, reference: subject.reference }, facts });
    },

    /** A call with a sound proof, so that the counts show both. */
    proven: (channel: string): void => calls.count(channel, 'proven', 'admitted'),
  };
}

export type UnprovenCustomer = ReturnType<typeof createUnprovenCustomer>;
