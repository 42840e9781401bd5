import { createHmac, randomBytes } from 'node:crypto';
import type { CustomerReference, ReferenceSpace } from '../../identifiers/identifier.ts';
import type { Clock } from '../../platform/clock.ts';
import { lengthPrefixed } from '../../platform/encoding.ts';

/** Whom the site named, and when it was asked. */
export interface SiteAnswer {
  space: ReferenceSpace;
  reference: CustomerReference;
  /** Unix milliseconds. */
  provenAtMs: number;
}

export interface SiteAnswers {
  /** The answer to exactly these credentials, while it may still be used. */
  find(credentials: readonly string[]): SiteAnswer | undefined;
  /** Keeps an answer; its time runs from `askedMs` (monotonic), when the question was asked. */
  keep(credentials: readonly string[], answer: SiteAnswer, askedMs: number): void;
  forget(credentials: readonly string[]): void;
  clear(): void;
}

/** Answers kept at most; beyond them the oldest goes. */
const MAX_KEPT = 10_000;

/**
 * A short memory of whom the site named, in this process alone. Keyed by an HMAC of the credentials under a key that is
 * never stored, so that a dump of the memory holds no usable cookie. Only successes are kept: somebody who signs in at
 * the site is known at once.
 */
export function createSiteAnswers(options: { clock: Clock; keepSeconds: number }): SiteAnswers {
  const { clock, keepSeconds } = options;
  const key = randomBytes(32);
  const kept = new Map<string, { answer: SiteAnswer; untilMs: number }>();
  const nameOf = (credentials: readonly string[]) =>
    createHmac('sha256', key).update(lengthPrefixed(credentials)).digest('base64url');

  return {
    find: (credentials) => {
      if (kept.size === 0) return undefined;
      const found = kept.get(nameOf(credentials));
      return found && clock.monotonicMs() < found.untilMs ? found.answer : undefined;
    },
    keep: (credentials, answer, askedMs) => {
      if (keepSeconds === 0) return;
      const name = nameOf(credentials);
      kept.delete(name);
      if (kept.size >= MAX_KEPT) kept.delete(kept.keys().next().value as string);
      kept.set(name, { answer, untilMs: askedMs + keepSeconds * 1000 });
    },
    forget: (credentials) => {
      if (kept.size > 0) kept.delete(nameOf(credentials));
    },
    clear: () => kept.clear(),
  };
}
