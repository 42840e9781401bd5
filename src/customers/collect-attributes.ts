import type { Backend, BackendAnswer, BackendEnvironment } from '../backends/backend-types.ts';
import type { CustomerIdentifier, CustomerReference } from '../identifiers/identifier.ts';
import type { Clock } from '../platform/clock.ts';

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
 * Asks the company's backends for profile fields of one customer, each backend at most once and only for what it
 * offers. What was answered in full is remembered for half a minute; of many callers at once one asks.
 */
export function createCollectAttributes(deps: {
  backends: readonly Backend[];
  clock: Clock;
  /** Which data is asked for. Default `live`. */
  environment?: BackendEnvironment;
}) {
  const { clock, environment = 'live' } = deps;
  const backends = deps.backends.filter(({ environments }) => environments.has(environment));
  const remembered = new Map<string, Remembered>();

  const ask = async (question: AttributeQuestion): Promise<CollectedFields> => {
    const asked = backends.filter((backend) => backend.fields.some((field) => question.fields.has(field)));
    const answers = await Promise.all(asked.map((backend) => backend.ask(question)));
    return gather(asked, answers, question.fields);
  };

  /** Personal data stays in memory no longer than it is used: entries stand in the order of their end. */
  const forgetOld = (): void => {
    for (const [key, { untilMs }] of remembered) {
      if (clock.monotonicMs() < untilMs && remembered.size < MAX_REMEMBERED) return;
      remembered.delete(key);
    }
  };

  return (question: AttributeQuestion): Promise<CollectedFields> => {
    forgetOld();
    const key = `${question.customerId} ${[...question.fields].sort().join(' ')}`;
    const known = remembered.get(key);
    if (known) return known.collected;
    const entry = { collected: ask(question), untilMs: clock.monotonicMs() + REMEMBER_MS };
    remembered.set(key, entry);
    const forget = () => {
      if (remembered.get(key) === entry) remembered.delete(key);
    };
    entry.collected.then(({ unknown }) => {
      if (unknown.size > 0) forget();
    }, forget);
    return entry.collected;
  };
}

export type CollectAttributes = ReturnType<typeof createCollectAttributes>;
