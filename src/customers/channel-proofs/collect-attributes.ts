import { hash } from 'node:crypto';
import type { Backend, BackendAnswer, BackendEnvironment } from '../../backends/backend-types.ts';
import type { CustomerIdentifier, CustomerReference } from '../../identifiers/identifier.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Revocations } from '../../revocation/revocations.ts';

export interface AttributeQuestion {
  customerId: CustomerIdentifier;
  reference: CustomerReference;
  /** Profile fields that are wanted. */
  fields: ReadonlySet<string>;
  requestId: string;
  traceparent: string;
}

export interface CollectedFields {
  values: ReadonlyMap<string, unknown>;
  /** Fields whose backends did not answer, so that nobody knows what they hold. */
  unknown: ReadonlySet<string>;
}

interface Remembered {
  collected: Promise<CollectedFields>;
  customerId: CustomerIdentifier;
  /** Wall-clock time of the question: what ended the customer since then ends the answer. */
  askedAtMs: number;
  untilMs: number;
}

/** Long enough for the calls of one page, short enough that a change at the company is soon seen. */
const REMEMBER_MS = 30_000;
const MAX_REMEMBERED = 10_000;

function gather(
  backends: readonly Backend[],
  answers: readonly BackendAnswer[],
  fields: ReadonlySet<string>,
) {
  const values = new Map<string, unknown>();
  const unknown = new Set<string>();
  answers.forEach((answer, i) => {
    const offered = backends[i]?.fields.filter((field) => fields.has(field)) ?? [];
    for (const field of offered) {
      const isKnown = answer.status === 'ok' && Object.hasOwn(answer.fields, field);
      // Of two backends that give a field, the one configured first wins.
      if (isKnown && !values.has(field)) values.set(field, answer.fields[field]);
      if (answer.status !== 'ok' && answer.status !== 'not_found') unknown.add(field);
    }
  });
  for (const field of values.keys()) unknown.delete(field);
  return { values, unknown };
}

/**
 * Asks the company's backends for profile fields of one person, each backend at most once and only for what it offers.
 * What was answered in full is remembered for half a minute, or until the customer is signed out, merged, split, erased
 * or disabled; of many callers at once one asks.
 */
export function createCollectAttributes(deps: {
  backends: readonly Backend[];
  clock: Clock;
  revocations: Pick<Revocations, 'isRevoked'>;
  /** Which data is asked for. Default `live`. */
  environment?: BackendEnvironment;
}) {
  const { clock, revocations, environment = 'live' } = deps;
  const backends = deps.backends.filter(({ environments }) => environments.has(environment));
  const remembered = new Map<string, Remembered>();

  const ask = async (question: AttributeQuestion): Promise<CollectedFields> => {
    const asked = backends.filter((backend) => backend.fields.some((field) => question.fields.has(field)));
    const answers = await Promise.all(asked.map((backend) => backend.ask(question)));
    return gather(asked, answers, question.fields);
  };

  const isOver = ({ untilMs, customerId, askedAtMs }: Remembered): boolean =>
    clock.monotonicMs() >= untilMs || revocations.isRevoked('customer', customerId, askedAtMs);

  /** By the person as well as the identifier: after a split the same identifier is somebody else's. */
  const keyOf = ({ customerId, reference, fields }: AttributeQuestion): string =>
    [customerId, hash('sha256', reference, 'base64url'), ...[...fields].sort()].join(' ');

  return {
    collect: (question: AttributeQuestion): Promise<CollectedFields> => {
      const key = keyOf(question);
      const known = remembered.get(key);
      if (known && !isOver(known)) return known.collected;
      const oldest = remembered.size >= MAX_REMEMBERED ? remembered.keys().next().value : undefined;
      if (oldest !== undefined) remembered.delete(oldest);
      const { customerId } = question;
      const untilMs = clock.monotonicMs() + REMEMBER_MS;
      const entry = { collected: ask(question), customerId, askedAtMs: clock.nowMs(), untilMs };
      remembered.delete(key);
      remembered.set(key, entry);
      const forget = () => {
        if (remembered.get(key) === entry) remembered.delete(key);
      };
      entry.collected.then(({ unknown }) => {
        if (unknown.size > 0) forget();
      }, forget);
      return entry.collected;
    },

    /** Forgets what is over: to be called every second or so, so that a quiet process holds nobody's data either. */
    sweep: (): void => {
      for (const [key, entry] of remembered) if (isOver(entry)) remembered.delete(key);
    },

    /** Answers held. */
    size: (): number => remembered.size,
  };
}

export type CollectAttributes = ReturnType<typeof createCollectAttributes>['collect'];
