import type { Clock } from '../../platform/clock.ts';
import type { Logger } from '../../platform/logger.ts';
import type { Revocations } from '../../revocation/revocations.ts';

/** A session that was of use on a channel: its customer signed in there, or got a token or a vendor's proof of it. */
export interface ChannelVisit {
  sid: string;
  channel: string;
  customerId: string;
  /** When the session began, Unix milliseconds. */
  authTimeMs: number;
  /** From here on it says nothing any more. */
  expiresAtMs: number;
}

export interface ChannelVisitStore {
  /** One for each session and channel: a later one takes the place of an earlier one. */
  keep(visit: ChannelVisit): Promise<void>;
  /** What has not expired of any of these identifiers on a channel; at least one identifier. */
  of(asked: { channel: string; customerIds: readonly string[]; nowMs: number }): Promise<ChannelVisit[]>;
  /** Deletes what expired by then. */
  prune(nowMs: number): Promise<void>;
}

/** For how long a customer counts as having been there. */
export const VISIT_SECONDS = 86_400;

/** A session in steady use is written down again after this long. */
const AGAIN_MS = 600_000;
const MAX_REMEMBERED = 10_000;

export interface ChannelVisits {
  /**
   * Keeps that a session was of use on a channel; nothing for channels that ask for proofs. Never throws: what cannot
   * be kept costs a later call that brings no proof.
   */
  note(session: Pick<ChannelVisit, 'sid' | 'customerId' | 'authTimeMs'>, channel: string): Promise<void>;
  /** Whether any of these identifiers was there within a day, by a session that has not been ended since. */
  wasThere(channel: string, customerIds: readonly string[]): Promise<boolean>;
  /** To be called every minute or so. */
  prune(): Promise<void>;
}

/** Who has lately been signed in on the channels whose stage lets customers through who are only named. */
export function createChannelVisits(deps: {
  store: ChannelVisitStore;
  /** Channels whose stage is `accept` or `warn`. */
  lenientChannels: ReadonlySet<string>;
  revocations: Pick<Revocations, 'isRevoked'>;
  clock: Clock;
  logger: Pick<Logger, 'unexpected'>;
}): ChannelVisits {
  const { store, lenientChannels, revocations, clock, logger } = deps;
  const againAtMs = new Map<string, number>();
  const underWay = new Set<Promise<void>>();

  const keep = async (key: string, visit: ChannelVisit): Promise<void> => {
    try {
      await store.keep(visit);
    } catch (error) {
      againAtMs.delete(key);
      logger.unexpected('channel_visit.not_kept', error);
    }
  };

  return {
    note: async ({ sid, customerId, authTimeMs }, channel) => {
      if (!lenientChannels.has(channel)) return;
      const nowMs = clock.nowMs();
      const key = `${channel} ${customerId} ${sid}`;
      if (nowMs < (againAtMs.get(key) ?? 0)) return;
      const oldest = againAtMs.size >= MAX_REMEMBERED ? againAtMs.keys().next().value : undefined;
      if (oldest !== undefined) againAtMs.delete(oldest);
      againAtMs.set(key, nowMs + AGAIN_MS);
      const expiresAtMs = nowMs + VISIT_SECONDS * 1000;
      const keeping = keep(key, { sid, channel, customerId, authTimeMs, expiresAtMs });
      underWay.add(keeping);
      await keeping.finally(() => underWay.delete(keeping));
    },
    wasThere: async (channel, customerIds) => {
      await Promise.all(underWay);
      const visits = await store.of({ channel, customerIds, nowMs: clock.nowMs() });
      return visits.some(
        ({ sid, customerId, authTimeMs }) =>
          !revocations.isRevoked('session', sid, authTimeMs) &&
          !revocations.isRevoked('customer', customerId, authTimeMs),
      );
    },
    prune: () => store.prune(clock.nowMs()),
  };
}
