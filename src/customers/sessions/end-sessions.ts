import type { Audit } from '../../audit/audit.ts';
import type { Channels } from '../../channels/channel.ts';
import { BridgeError } from '../../errors.ts';
import {
  type CustomerIdentifier,
  type CustomerReference,
  parseIdentifier,
  type ReferenceSpace,
} from '../../identifiers/identifier.ts';
import type { AdminActor } from '../../partners/partners.ts';
import type { EndedReferences } from '../../sessions/ended-references.ts';
import type { CustomerSession } from '../../sessions/session.ts';
import type { Sessions } from '../../sessions/sessions.ts';
import type { Identities } from '../identities.ts';
import type { CustomerStore } from '../customer-registry.ts';

export interface EndSessionsOfDeps {
  channels: Channels;
  identities: Identities;
  sessions: Sessions;
  /** Ends refresh families of a customer: those of apps, and of channels that renew by refresh token. */
  families: { endAllOf(customerId: string): Promise<void> };
  endedReferences: Pick<EndedReferences, 'end'>;
}

/**
 * Ends what a person was issued in every channel group, and what the company vouched for before now; known by the
 * company's own reference.
 */
export function createEndSessionsOf(deps: EndSessionsOfDeps) {
  return async (
    space: ReferenceSpace,
    reference: CustomerReference,
    onEnded: (customerId: CustomerIdentifier) => void = () => {},
  ): Promise<void> => {
    // First of all, so that a sign-in that is under way comes to nothing.
    await deps.endedReferences.end(space, reference);
    const groups = new Set(deps.channels.all().map(({ group }) => group));
    for (const group of groups) {
      const customerId = await deps.identities.known({ group, space, reference });
      if (!customerId) continue;
      // Families first: what another process still renews from one is older than the end of the customer.
      await deps.families.endAllOf(customerId);
      await deps.sessions.endAll(customerId);
      onEnded(customerId);
    }
  };
}

export interface EndSessionsDeps extends EndSessionsOfDeps {
  /** Ends what this process remembers of the customer's profile. Default: nothing is remembered. */
  forgetProfiles?(customerId: CustomerIdentifier): void;
  store: CustomerStore;
  audit: Audit;
}

export interface EndSessions {
  /** Sign-out: ends this session and its tokens, or with `everywhere` all that the person was issued in any channel group. */
  signOut(
    session: CustomerSession,
    everywhere: boolean,
    facts: { requestId: string; address: string },
  ): Promise<void>;
  /** An operator ends all sessions of the person behind an identifier, in every channel group. Throws `NOT_FOUND` for an unknown identifier. */
  endAll(customerId: string, reason: string, by: AdminActor): Promise<void>;
}

/** As `createEndSessionsOf`, known by an identifier: whichever way the person asks for it. */
export function createEndEverywhere(deps: EndSessionsOfDeps) {
  const endSessionsOf = createEndSessionsOf(deps);
  return async (customerId: CustomerIdentifier): Promise<void> => {
    // The one that was asked about goes first, and also when nobody can be found behind it.
    await deps.families.endAllOf(customerId);
    await deps.sessions.endAll(customerId);
    const person = await deps.identities.subjectOf(customerId);
    if (person) await endSessionsOf(person.space, person.reference);
  };
}

export function createEndSessions(deps: EndSessionsDeps): EndSessions {
  const { sessions, store, audit } = deps;
  const endEverywhere = createEndEverywhere(deps);

  return {
    signOut: async (session, everywhere, facts) => {
      await sessions.end(session);
      if (everywhere) await endEverywhere(session.customerId);
      deps.forgetProfiles?.(session.customerId);
      audit.event(everywhere ? 'customer.sessions_ended' : 'session.ended', {
        requestId: facts.requestId,
        address: facts.address,
        outcome: 'success',
        actor: 'customer',
        customerId: session.customerId,
        channel: session.channel,
      });
    },
    endAll: async (text, reason, by) => {
      const customerId = parseIdentifier(text);
      const customer = customerId && (await store.findByIdentifier(customerId));
      if (!customer) {
        throw new BridgeError('NOT_FOUND', { message: 'No customer has this identifier.' });
      }
      await store.recordLookup(
        audit.record('customer.sessions_ended', { ...by, outcome: 'success', customerId, reason }),
        [sessions.endingOf(customer.customerId)],
      );
      await endEverywhere(customer.customerId);
    },
  };
}
