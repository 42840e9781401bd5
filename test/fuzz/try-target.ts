import { check, property } from 'fast-check';
import { keepInCorpus, readCorpus } from './corpus.ts';
import { mutated } from './mutations.ts';
import type { Target } from './targets.ts';

export interface TargetOptions {
  /** Inputs to make, beside those of the corpus. */
  runs: number;
  /** Stops earlier after this long. Default: does not. */
  timeLimitMs?: number;
  /** The same seed makes the same inputs. Default: a new one each time. */
  seed?: number;
  /** Writes a failing input, made as small as it gets, to the corpus. Default false. */
  keepFailures?: boolean;
}

/**
 * Runs a target over its corpus and over changed inputs. Returns how many inputs were tried; throws with the input and
 * the seed when a promise was broken.
 */
export function tryTarget(target: Target, options: TargetOptions): number {
  const corpus = readCorpus(target.name);
  for (const input of [...target.inputs, ...corpus]) target.check(input, target.inputs[0] as string);
  const { runs, timeLimitMs, seed, keepFailures = false } = options;
  const outcome = check(
    property(mutated([...target.inputs, ...corpus]), ({ input, original }) => target.check(input, original)),
    {
      numRuns: runs,
      ...(seed === undefined ? {} : { seed }),
      ...(timeLimitMs === undefined
        ? {}
        : { interruptAfterTimeLimit: timeLimitMs, markInterruptAsFailure: false }),
    },
  );
  if (outcome.failed && outcome.counterexample !== null) {
    const [{ input }] = outcome.counterexample;
    if (keepFailures) keepInCorpus(target.name, input);
    throw new Error(
      `${target.name}, seed ${outcome.seed}: ${JSON.stringify(input)}: ${String(outcome.errorInstance)}`,
      { cause: outcome.errorInstance },
    );
  }
  return outcome.numRuns + corpus.length;
}
