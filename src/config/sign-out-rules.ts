import { refused, repeated, type Rule, unknownName } from './finding.ts';

/** Rules about the company's own site: what of its sessions is passed on, and who may end ours. */
export const siteRules: Rule[] = [
  {
    needs: ['authenticators', 'sessions'],
    check: ({ authenticators, sessions: { cookie_name: own } }) =>
      authenticators.flatMap((one, i) =>
        (one.type === 'site_session' ? one.cookies : []).flatMap((cookie, j) =>
          cookie === own || (cookie.endsWith('*') && own.startsWith(cookie.slice(0, -1)))
            ? [
                refused(
                  `authenticators[${i}].cookies[${j}]`,
                  'covers the session cookie of this service, which the site must not see',
                  "Name the cookies of the site's own session.",
                ),
              ]
            : [],
        ),
      ),
  },
  {
    needs: ['sign_out'],
    check: ({ sign_out: { signers } }) => [
      ...repeated(
        signers.map(({ name }) => name),
        (index) => `sign_out.signers[${index}].name`,
      ),
      ...signers.flatMap(({ secret }, index) =>
        signers.findIndex((one) => one.secret === secret) < index
          ? [
              refused(
                `sign_out.signers[${index}].secret`,
                'is the secret of another signer',
                'Give each its own: the secret tells who signed.',
              ),
            ]
          : [],
      ),
    ],
  },
  {
    needs: ['sign_out', 'authenticators'],
    check: ({ sign_out: { signers }, authenticators }) => {
      const spaces = [...new Set(authenticators.map((one) => one.reference_space))];
      return signers.flatMap(({ reference_space: space }, index) =>
        spaces.includes(space)
          ? []
          : [unknownName(`sign_out.signers[${index}].reference_space`, space, spaces)],
      );
    },
  },
];
