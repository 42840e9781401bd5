import type { Config } from './config.ts';
import type { ConfigProblem } from './problems.ts';

/** What a rule found. A warning is worth a line in `symbolon doctor` and in the log; anything else stops the start. */
export interface Finding extends ConfigProblem {
  severity: 'refused' | 'warning';
}

/** What the rules may know beside the settings. */
export interface ConsistencyContext {
  /** `NODE_ENV=production`. */
  production: boolean;
}

/** A rule that compares settings which are each sound by themselves. */
export interface Rule {
  /** The sections that must be sound for the rule to make sense. */
  needs: readonly (keyof Config)[];
  check(config: Config, context: ConsistencyContext): Finding[];
}

/** A finding that stops the start. */
export const refused = (path: string, problem: string, fix: string): Finding => ({
  severity: 'refused',
  path,
  problem,
  fix,
});
/** A finding that does not. */
export const warning = (path: string, problem: string, fix: string): Finding => ({
  severity: 'warning',
  path,
  problem,
  fix,
});

/** Refuses the second and later entries of a list that carry a name again. */
export function repeated(list: readonly string[], pathOf: (index: number) => string): Finding[] {
  return list.flatMap((name, index) =>
    list.indexOf(name) < index
      ? [refused(pathOf(index), `repeats the name "${name}"`, 'Give each its own name.')]
      : [],
  );
}

/** A name that refers to nothing. */
export function unknownName(path: string, name: string, known: readonly string[]): Finding {
  const list = known.length > 0 ? `Configured: ${known.join(', ')}.` : 'None is configured.';
  return refused(path, `names "${name}", which is not configured`, list);
}
