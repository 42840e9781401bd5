import { canonicalUsername } from '../authenticators/directory/directory.ts';
import { isTestSpace } from '../identifiers/identifier.ts';
import type { Config } from './config.ts';
import { type Finding, refused, type Rule, unknownName, warning } from './finding.ts';

type TestCustomers = Extract<Config['authenticators'][number], { type: 'test_customers' }>;

interface Fenced {
  options: TestCustomers;
  path: string;
}

function fenced({ authenticators }: Pick<Config, 'authenticators'>): Fenced[] {
  return authenticators.flatMap((options, i) =>
    options.type === 'test_customers' ? [{ options, path: `authenticators[${i}]` }] : [],
  );
}

/** Below this, a password is guessed sooner or later by whoever has the time. */
const GOOD_LENGTH = 20;
const GOOD_VARIETY = 8;

function weakPasswords({ options, path }: Fenced): Finding[] {
  return options.customers.flatMap(({ password }, i) =>
    password.length >= GOOD_LENGTH && new Set(password).size >= GOOD_VARIETY
      ? []
      : [
          warning(
            `${path}.customers[${i}].password`,
            'is weak for an account that stands on the internet',
            'Make one with `openssl rand -base64 24`.',
          ),
        ],
  );
}

function endless({ options, path }: Fenced): Finding[] {
  if (options.expires_on !== undefined) return [];
  return options.customers.every((one) => one.expires_on !== undefined)
    ? []
    : [
        warning(
          `${path}.expires_on`,
          'is not set, so these test customers never end',
          'Set the last day on which the vendor needs them.',
        ),
      ];
}

/** Rules about made-up people: whom they are kept apart from, and how long. */
export const testCustomerRules: Rule[] = [
  {
    needs: ['authenticators'],
    check: ({ authenticators }) =>
      authenticators.flatMap((one, i) =>
        one.type !== 'test_customers' && isTestSpace(one.reference_space)
          ? [
              refused(
                `authenticators[${i}].reference_space`,
                'is kept for test customers',
                'Choose a name that does not begin with "test".',
              ),
            ]
          : [],
      ),
  },
  {
    needs: ['authenticators'],
    check: (config) => {
      const spaces = new Map<string, string>();
      const references = new Set<string>();
      return fenced(config).flatMap(({ options, path }) => {
        const holder = spaces.get(options.reference_space);
        spaces.set(options.reference_space, options.name);
        const names = options.customers.map(({ username }) => canonicalUsername(username));
        const shared =
          holder === undefined
            ? []
            : [
                refused(
                  `${path}.reference_space`,
                  `is that of ${holder} already`,
                  'Give each list of test customers its own, such as "test-asapp".',
                ),
              ];
        const twice = options.customers.flatMap(({ reference }, i) => {
          const at = `${path}.customers[${i}]`;
          const isKnown = references.has(reference);
          references.add(reference);
          return [
            ...(isKnown
              ? [
                  refused(
                    `${at}.reference`,
                    'is that of another test customer',
                    'Give each its own: it tells whose profile is meant.',
                  ),
                ]
              : []),
            ...(names.indexOf(names[i] as string) < i
              ? [refused(`${at}.username`, 'is that of another test customer', 'Give each its own.')]
              : []),
          ];
        });
        return [...shared, ...twice];
      });
    },
  },
  {
    needs: ['authenticators', 'channels'],
    check: (config) => {
      const ids = config.channels.map(({ id }) => id);
      return fenced(config).flatMap(({ options, path }) =>
        options.channels.flatMap((id, j) => {
          const at = `${path}.channels[${j}]`;
          const channel = config.channels.find((one) => one.id === id);
          if (!channel) return [unknownName(at, id, ids)];
          return channel.authenticators.includes(options.name)
            ? []
            : [
                refused(
                  at,
                  `names "${id}", whose authenticators leave ${options.name} out`,
                  `Add ${options.name} to the authenticators of the channel.`,
                ),
              ];
        }),
      );
    },
  },
  {
    needs: ['authenticators', 'sign_out'],
    check: ({ sign_out: { signers } }) =>
      signers.flatMap(({ reference_space }, i) =>
        isTestSpace(reference_space)
          ? [
              refused(
                `sign_out.signers[${i}].reference_space`,
                'is kept for test customers',
                'Name the space of your own customers.',
              ),
            ]
          : [],
      ),
  },
  {
    needs: ['authenticators'],
    check: (config, { production }) =>
      fenced(config).flatMap((one) => [
        ...(production
          ? [
              warning(
                one.path,
                'has test customers in production',
                'Remove them when the vendor has finished testing.',
              ),
            ]
          : []),
        ...endless(one),
        ...weakPasswords(one),
      ]),
  },
  {
    needs: ['authenticators', 'backends'],
    check: (config) => {
      const asksBackends = fenced(config).some(({ options }) =>
        options.customers.some(({ profile }) => profile === undefined),
      );
      return config.backends.flatMap(({ environments, identifier }, i) =>
        asksBackends &&
        identifier.as !== 'opaque' &&
        environments.includes('test') &&
        environments.includes('live')
          ? [
              refused(
                `backends[${i}].environments`,
                "holds real data too, so that a test customer's reference could name a real customer there",
                'Write a profile for each test customer, or give test data a backend of its own.',
              ),
            ]
          : [],
      );
    },
  },
  {
    needs: ['authenticators', 'backends'],
    check: (config) => {
      if (config.backends.some(({ environments }) => environments.includes('test'))) return [];
      return fenced(config).flatMap(({ options, path }) =>
        options.customers.flatMap(({ profile }, i) =>
          profile === undefined && config.backends.length > 0
            ? [
                warning(
                  `${path}.customers[${i}].profile`,
                  'is not set, and no backend has test data, so /getprofile answers 403 about this customer',
                  'Write a profile, or add "test" to the environments of a backend that holds test data.',
                ),
              ]
            : [],
        ),
      );
    },
  },
];
