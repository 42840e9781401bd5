import { callerNetwork } from '../limits/caller-network.ts';
import type { Clock } from '../platform/clock.ts';
import { type ReplaySpace, type ReplayStore, replayId } from '../replay/replay.ts';

/** A credential that was proven, and where from. */
export interface CredentialSighting {
  kind: 'api_key' | 'client';
  id: string;
  partner: string;
  /** First characters of an API key's public id. */
  keyPrefix?: string;
  address: string;
}

export interface NewAddressesDeps {
  /** Remembers networks over restarts and for every process. */
  replays: Pick<ReplayStore, 'consume'>;
  clock: Clock;
  /** Told once of each network that a credential is used from for the first time; not of the very first. */
  onNew(sighting: CredentialSighting): void;
}

export interface NewAddresses {
  /** Notes a use of a proven credential; returns at once. */
  note(sighting: CredentialSighting): void;
}

const SPACE: ReplaySpace = 'seen-address';
const PERIOD_MS = 30 * 86_400_000;
/** Networks that this process need not ask the store about. */
const MAX_KNOWN = 20_000;
/** Asked about at once; a caller that changes its address faster than the store answers is not followed further. */
const MAX_ASKING = 256;

/**
 * Notices a credential that is used from a network (an IPv4 address, an IPv6 /64) where it was not used in the last 30
 * to 60 days. The first network of a credential is where it lives; every further one is told. No request waits for
 * this, and while the store is away nothing is told or remembered.
 */
export function createNewAddresses({ replays, clock, onNew }: NewAddressesDeps): NewAddresses {
  /** The newest use last, so that the oldest is the first to be forgotten. */
  const known = new Map<string, number>();
  let asking = 0;

  /** Whether this was seen in the running period or the one before; from now on it was. */
  const seenBefore = async (parts: readonly string[], period: number): Promise<boolean> => {
    const use = (one: number) =>
      replays.consume(SPACE, replayId([...parts, String(one)]), (one + 2) * PERIOD_MS);
    if ((await use(period)) === 'replayed') return true;
    return (await use(period - 1)) === 'replayed';
  };

  const remember = (entry: string, period: number) => {
    if (known.size >= MAX_KNOWN) known.delete(known.keys().next().value as string);
    known.set(entry, period);
  };

  const ask = async (sighting: CredentialSighting, network: string, period: number) => {
    const credential = [sighting.kind, sighting.id];
    const isKnown = await seenBefore([...credential, network], period);
    const hasHome = await seenBefore(credential, period);
    if (!isKnown && hasHome) onNew(sighting);
  };

  return {
    note: (sighting) => {
      const network = callerNetwork(sighting.address);
      const entry = `${sighting.kind} ${sighting.id} ${network}`;
      const period = Math.floor(clock.nowMs() / PERIOD_MS);
      if (known.get(entry) === period || asking >= MAX_ASKING) return;
      remember(entry, period);
      asking += 1;
      ask(sighting, network, period)
        .catch(() => known.delete(entry))
        .finally(() => {
          asking -= 1;
        });
    },
  };
}
