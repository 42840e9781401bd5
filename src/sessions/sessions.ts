import {
  type ChannelGroup,
  type CustomerIdentifier,
  type CustomerReference,
  parseReference,
  type ReferenceSpace,
} from '../identifiers/identifier.ts';
import type { Keyring } from '../keyring/keyring.ts';
import { type Clock, CLOCK_SKEW_MS } from '../platform/clock.ts';
import { randomToken } from '../platform/random.ts';
import { createRecentMap } from '../platform/recent-map.ts';
import type { Revocation } from '../revocation/revocation-types.ts';
import type { Revocations } from '../revocation/revocations.ts';
import type { FindSurvivor } from './present-customer.ts';
import { absoluteExpiryMs, type CustomerSession, type SessionLifetimes } from './session.ts';

export interface NewSession {
  /** For a session that something else has a name for already. Default: a random one. */
  sid?: string | undefined;
  customerId: CustomerIdentifier;
  group: ChannelGroup;
  space: ReferenceSpace;
  reference: CustomerReference;
  channel: string;
  authenticator: string;
  /** Unix milliseconds. Default: now. */
  authTimeMs?: number | undefined;
  /** Unix milliseconds. Default: the same moment. */
  checkedAtMs?: number | undefined;
}

export interface Sessions {
  /** Starts a session now. Whoever calls keeps it: in a cookie's record, or nowhere (token delivery). */
  start(session: NewSession): CustomerSession;
  /**
   * Whether a session may be used: begun by now, absolute life and revocations. Idle life is the record's own expiry.
   */
  isLive(session: CustomerSession): boolean;
  /** When it is over at the latest, Unix milliseconds: nothing that comes of it lives longer. */
  endsAtMs(session: CustomerSession): number;
  /** Opens the reference; `undefined` when it does not open. */
  reference(session: CustomerSession): CustomerReference | undefined;
  /** Ends one session and the tokens that came of it, on every process. */
  end(session: CustomerSession): Promise<void>;
  /** What ends everything that a customer was issued up to now, to be written with something else. */
  endingOf(customerId: CustomerIdentifier): Revocation;
  /** Ends everything that a customer was issued up to now. */
  endAll(customerId: CustomerIdentifier): Promise<void>;
  /**
   * Reads back what was stored; `undefined` when it is not a session of ours. A session of a customer who was merged
   * since is one of the survivor, unless it was ended before.
   */
  parse(value: unknown): CustomerSession | undefined;
}

export interface SessionsDeps {
  keyring: Keyring;
  clock: Clock;
  revocations: Revocations;
  lifetimes: SessionLifetimes;
  /** Default: nobody was ever merged. */
  survivorOf?: FindSurvivor;
  /** Longest time for which a customer token may be shown, in seconds: an end is remembered for longer than that. */
  maxTokenLifetimeSeconds: number;
}

/** References of sessions that are remembered, per generation. */
const OPENED_SESSIONS = 10_000;

export function createSessions(deps: SessionsDeps): Sessions {
  const { keyring, clock, revocations, lifetimes } = deps;
  /** A session in use renews again and again: what it seals is opened once while it is remembered. */
  const opened = createRecentMap<{ sid: string; reference: CustomerReference }>(OPENED_SESSIONS);

  const rememberUntilMs = () =>
    clock.nowMs() + (lifetimes.absoluteSeconds + deps.maxTokenLifetimeSeconds) * 1000;

  const endingOf = (customerId: CustomerIdentifier): Revocation => ({
    kind: 'customer',
    id: customerId,
    cutoffMs: clock.nowMs(),
    expiresAtMs: rememberUntilMs(),
  });

  const presentSession = (session: CustomerSession): CustomerSession | undefined => {
    const survivor = deps.survivorOf?.(session.customerId);
    if (!survivor) return session;
    // What ended it under its own name ended it for good: nobody's merge or split brings it back.
    if (revocations.isRevoked('customer', session.customerId, session.authTimeMs)) return undefined;
    const { customerId, space, reference } = survivor;
    const sealedReference = keyring.seal('session', Buffer.from(reference, 'utf8'), session.sid);
    return { ...session, customerId, space, sealedReference };
  };

  return {
    start: ({ reference, authTimeMs = clock.nowMs(), sid = randomToken(16), ...session }) => {
      return {
        ...session,
        sid,
        sealedReference: keyring.seal('session', Buffer.from(reference, 'utf8'), sid),
        authTimeMs,
      };
    },
    // One from the future was begun before the clock was set back: no sign-out of these days would meet it.
    isLive: (session) =>
      session.authTimeMs <= clock.nowMs() + CLOCK_SKEW_MS &&
      clock.nowMs() < absoluteExpiryMs(session, lifetimes) &&
      !revocations.isRevoked('session', session.sid, session.authTimeMs) &&
      !revocations.isRevoked('customer', session.customerId, session.authTimeMs),
    endsAtMs: (session) => absoluteExpiryMs(session, lifetimes),
    reference: ({ sealedReference, sid }) => {
      const known = opened.get(sealedReference);
      if (known?.sid === sid) return known.reference;
      const bytes = keyring.open('session', sealedReference, sid);
      const reference = bytes && parseReference(bytes.toString('utf8'));
      if (reference !== undefined) opened.set(sealedReference, { sid, reference });
      return reference;
    },
    end: async (session) => {
      const expiresAtMs = rememberUntilMs();
      // An ended session never lives again, so the cutoff lies ahead: it meets what another process issues meanwhile.
      const cutoffMs = expiresAtMs;
      await revocations.revoke([{ kind: 'session', id: session.sid, cutoffMs, expiresAtMs }]);
    },
    endingOf,
    endAll: (customerId) => revocations.revoke([endingOf(customerId)]),
    parse: (value) => {
      if (typeof value !== 'object' || value === null) return undefined;
      const session = value as CustomerSession;
      const texts = [
        session.sid,
        session.customerId,
        session.group,
        session.space,
        session.sealedReference,
        session.channel,
        session.authenticator,
      ];
      const times = [session.authTimeMs, session.checkedAtMs ?? 0];
      return texts.every((text) => typeof text === 'string') && times.every(Number.isSafeInteger)
        ? presentSession(session)
        : undefined;
    },
  };
}
