import type { Counter } from 'prom-client';
import type { CustomerIdentifier } from '../identifiers/identifier.ts';
import type { PartnerId } from '../partners/partner.ts';
import type { Clock } from '../platform/clock.ts';
import type { Metrics } from '../platform/metrics.ts';
import type { Revocations } from '../revocation/revocations.ts';
import type { Backend, BackendAnswer, BackendQuestion } from './backend-types.ts';

export interface ProfileCacheOptions {
  /** How long an answer is used again. */
  freshMs: number;
  /** How much longer it stands in while the backend fails. */
  staleMs: number;
}

export interface ProfileCacheDeps {
  clock: Clock;
  /** What ends a customer's sessions everywhere, erases, disables or merges the customer ends what is remembered. */
  revocations: Pick<Revocations, 'isRevoked'>;
  metrics: Metrics;
}

/** A backend that remembers what it answered a partner about a customer; in memory alone, and bounded. */
export interface RememberingBackend extends Backend {
  /** Forgets all about a customer, and what is being asked about them. */
  forget(customerId: CustomerIdentifier): void;
  /** Forgets all that a partner was answered. */
  forgetPartner(partner: PartnerId): void;
  /** Forgets what is over; to be called every second or so, so that no personal data stays longer than it is of use. */
  sweep(): void;
  /** Answers held. */
  size(): number;
}

/** Whom an answer is about and for. */
interface Owner {
  partner: PartnerId;
  customerId: CustomerIdentifier;
  /** Wall-clock time of the question: what was revoked since then ends the answer. */
  askedAtMs: number;
}

interface Held extends Owner {
  fields: Record<string, unknown>;
  /** Monotonic time of the answer. */
  takenMs: number;
  bytes: number;
}

interface Flight extends Owner {
  answer: Promise<BackendAnswer>;
}

type Result = 'hit' | 'joined' | 'miss' | 'stale';

const MAX_ENTRIES = 10_000;
const MAX_BYTES = 16 * 1024 * 1024;
const MAX_ENTRY_BYTES = 256 * 1024;
/** About what an entry takes beside its fields. */
const ENTRY_BYTES = 256;

/** Failures that RFC 5861 section 4 lets an older answer stand in for; a refusal or a wrong answer is none of them. */
function mayBeStale({ status, reason }: BackendAnswer): boolean {
  return status === 'timeout' || status === 'unavailable' || /^status_5\d\d$/.test(reason ?? '');
}

/** Answers by their key, the oldest first, never more than the bounds allow. */
function createHeld() {
  const held = new Map<string, Held>();
  let bytes = 0;
  const drop = (key: string): void => {
    const entry = held.get(key);
    if (!entry) return;
    bytes -= entry.bytes;
    held.delete(key);
  };
  return {
    get: (key: string) => held.get(key),
    drop,
    put: (key: string, entry: Omit<Held, 'bytes'>): void => {
      drop(key);
      // Characters of two bytes, in the worst case.
      const size = ENTRY_BYTES + 2 * (key.length + JSON.stringify(entry.fields).length);
      if (size > MAX_ENTRY_BYTES) return;
      held.set(key, { ...entry, bytes: size });
      bytes += size;
      for (const oldest of held.keys()) {
        if (held.size <= MAX_ENTRIES && bytes <= MAX_BYTES) break;
        drop(oldest);
      }
    },
    dropWhere: (isOver: (entry: Held) => boolean): void => {
      for (const [key, entry] of held) if (isOver(entry)) drop(key);
    },
    size: () => held.size,
  };
}

/**
 * Lets a backend's good answers be used again for a short time, by the same partner about the same customer and
 * fields. Of many such questions at once one is asked, with the request id and trace of the first.
 */
export function rememberAnswers(
  backend: Backend,
  options: ProfileCacheOptions,
  deps: ProfileCacheDeps,
): RememberingBackend {
  const { clock, revocations } = deps;
  const held = createHeld();
  const flights = new Map<string, Flight>();
  const counter = (result: Result): Counter.Internal =>
    deps.metrics.profileCache.labels({ backend: backend.name, result });
  const count = {
    hit: counter('hit'),
    joined: counter('joined'),
    miss: counter('miss'),
    stale: counter('stale'),
  } as const satisfies Record<Result, unknown>;

  const isEnded = ({ customerId, askedAtMs }: Owner): boolean =>
    revocations.isRevoked('customer', customerId, askedAtMs);
  const ageOf = ({ takenMs }: Held): number => clock.monotonicMs() - takenMs;

  /** Fields by their place, in the backend's own order; the reference is last, because it may hold anything. */
  const keyOf = ({ customerId, reference, fields }: BackendQuestion, partner: PartnerId): string => {
    let wanted = '';
    for (const field of backend.fields) wanted += fields.has(field) ? '1' : '0';
    return `${partner} ${customerId} ${wanted} ${reference}`;
  };

  const lookUp = (key: string): Held | undefined => {
    const entry = held.get(key);
    if (!entry) return undefined;
    if (!isEnded(entry) && ageOf(entry) < options.freshMs + options.staleMs) return entry;
    held.drop(key);
    return undefined;
  };

  const settle = (key: string, flight: Flight, answer: BackendAnswer): BackendAnswer => {
    // Forgotten while it was asked: what came is for those who wait, and for nobody after them.
    const isCurrent = flights.get(key) === flight;
    if (isCurrent) flights.delete(key);
    if (answer.status === 'ok') {
      const { partner, customerId, askedAtMs } = flight;
      if (isCurrent && !isEnded(flight)) {
        const takenMs = clock.monotonicMs();
        held.put(key, { partner, customerId, askedAtMs, fields: answer.fields, takenMs });
      }
      return answer;
    }
    if (!mayBeStale(answer)) {
      held.drop(key);
      return answer;
    }
    const older = lookUp(key);
    if (!older) return answer;
    return { ...answer, status: 'ok', fields: older.fields, ageMs: ageOf(older), stale: true };
  };

  const fly = (key: string, question: BackendQuestion, partner: PartnerId): Promise<BackendAnswer> => {
    const flight: Flight = {
      partner,
      customerId: question.customerId,
      askedAtMs: clock.nowMs(),
      answer: backend.ask(question).then((answer) => settle(key, flight, answer)),
    };
    flights.set(key, flight);
    return flight.answer;
  };

  const ask = async (question: BackendQuestion): Promise<BackendAnswer> => {
    const { partner } = question;
    if (partner === undefined) return backend.ask(question);
    const key = keyOf(question, partner);
    const entry = lookUp(key);
    if (entry && ageOf(entry) < options.freshMs) {
      count.hit.inc();
      return { status: 'ok', fields: entry.fields, ageMs: ageOf(entry) };
    }
    const flight = flights.get(key);
    const isJoined = flight !== undefined && !isEnded(flight);
    const answer = await (isJoined ? flight.answer : fly(key, question, partner));
    count[answer.stale ? 'stale' : isJoined ? 'joined' : 'miss'].inc();
    return answer;
  };

  const forgetWhere = (isMeant: (owner: Owner) => boolean): void => {
    held.dropWhere(isMeant);
    for (const [key, flight] of flights) if (isMeant(flight)) flights.delete(key);
  };

  return {
    ...backend,
    ask,
    forget: (customerId) => forgetWhere((owner) => owner.customerId === customerId),
    forgetPartner: (partner) => forgetWhere((owner) => owner.partner === partner),
    sweep: () =>
      held.dropWhere((entry) => isEnded(entry) || ageOf(entry) >= options.freshMs + options.staleMs),
    size: held.size,
  };
}
