import type { Config } from './config.ts';
import { refused, type Rule } from './finding.ts';

type ProviderOptions = Extract<Config['authenticators'][number], { type: 'jwt' | 'oidc' }>;

/** The identity providers of the company, with their places in the list. */
function providersOf(authenticators: Config['authenticators']): { options: ProviderOptions; path: string }[] {
  return authenticators.flatMap((options, i) =>
    options.type === 'jwt' || options.type === 'oidc' ? [{ options, path: `authenticators[${i}]` }] : [],
  );
}

/** Rules about tokens of the company's identity providers. */
export const tokenRules: Rule[] = [
  {
    needs: ['authenticators', 'public_url'],
    check: ({ authenticators, public_url }) => {
      const isOurs = (address: string) => `${address.replace(/\/+$/, '')}/`.startsWith(`${public_url}/`);
      return providersOf(authenticators).flatMap(({ options, path }) => [
        ...(isOurs(options.issuer)
          ? [
              refused(
                `${path}.issuer`,
                'is this service itself, whose tokens prove nothing to it',
                "Name the company's identity provider.",
              ),
            ]
          : []),
        ...(options.keys_url !== undefined && isOurs(options.keys_url)
          ? [
              refused(
                `${path}.keys_url`,
                'gives the keys of this service, whose tokens prove nothing to it',
                "Name the key set of the company's identity provider.",
              ),
            ]
          : []),
      ]);
    },
  },
  {
    needs: ['authenticators'],
    check: ({ authenticators }) => {
      const providers = providersOf(authenticators);
      return providers.flatMap(({ options, path }, index) => {
        const other = providers
          .slice(0, index)
          .find(
            (one) =>
              one.options.reference_space === options.reference_space &&
              one.options.issuer !== options.issuer &&
              [one.options.reference_claim, options.reference_claim].includes('sub'),
          );
        return other
          ? [
              refused(
                `${path}.reference_space`,
                `is also that of "${other.options.name}", another issuer, whose sub may be somebody else's`,
                'Give each issuer its own space, or name a claim for both that holds your customer id.',
              ),
            ]
          : [];
      });
    },
  },
];
