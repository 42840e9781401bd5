import { BUILT_IN_TIERS, UNLIMITED } from '../limits/tiers.ts';
import { refused, type Rule, unknownName } from './finding.ts';

/** Rules about limits tiers. */
export const limitRules: Rule[] = [
  {
    needs: ['limits'],
    check: ({ limits }) => {
      const known = [...new Set([...Object.keys(BUILT_IN_TIERS), ...Object.keys(limits.tiers)])];
      return Object.entries(limits.defaults).flatMap(([kind, tier]) =>
        known.includes(tier) ? [] : [unknownName(`limits.defaults.${kind}`, tier, known)],
      );
    },
  },
  {
    needs: ['limits'],
    check: ({ limits }) =>
      Object.entries(limits.tiers).flatMap(([name, windows]) => {
        const lengths = windows.map(({ window_seconds }) => window_seconds);
        return lengths.flatMap((length, i) =>
          lengths.indexOf(length) < i
            ? [
                refused(
                  `limits.tiers.${name}[${i}].window_seconds`,
                  'is the length of another window of the tier',
                  'Keep the one with the smaller quota.',
                ),
              ]
            : [],
        );
      }),
  },
  {
    needs: ['limits'],
    check: ({ limits }) =>
      UNLIMITED in limits.tiers
        ? [
            refused(
              `limits.tiers.${UNLIMITED}`,
              'gives the word for "no limits" another meaning',
              'Give the tier another name.',
            ),
          ]
        : [],
  },
];
