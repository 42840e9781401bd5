import { redirectUriProblem } from '../clients/redirect-uri.ts';
import { refused, type Rule, warning } from './finding.ts';

/** Rules about sign-in by redirect and where it may lead back to. */
export const redirectRules: Rule[] = [
  {
    needs: ['channels'],
    check: ({ channels }) =>
      channels.flatMap(({ app_redirects }, i) =>
        app_redirects.flatMap((uri, j) => {
          const path = `channels[${i}].app_redirects[${j}]`;
          const problem = redirectUriProblem(uri, { applicationType: 'native', loopbackForAll: false });
          return problem === undefined
            ? []
            : [refused(path, 'is no address that an app can come back to', problem)];
        }),
      ),
  },
  {
    needs: ['channels', 'authenticators'],
    check: ({ channels, authenticators }) => {
      const redirecting = new Set(
        authenticators.filter(({ type }) => type === 'oidc').map(({ name }) => name),
      );
      return channels.flatMap((channel, i) => {
        if (channel.app_redirects.length === 0) return [];
        const path = `channels[${i}].app_redirects`;
        if (!channel.authenticators.some((name) => redirecting.has(name))) {
          return [
            refused(
              path,
              'is set, but no authenticator of the channel signs customers in by redirect',
              'Add an authenticator of the type oidc to the channel, or remove app_redirects.',
            ),
          ];
        }
        return channel.allowed_deliveries.includes('token')
          ? []
          : [
              refused(
                path,
                'is set, but allowed_deliveries leaves out "token", which is what apps get',
                'Add "token" to allowed_deliveries, or remove app_redirects.',
              ),
            ];
      });
    },
  },
  {
    needs: ['channels', 'authenticators'],
    check: ({ channels, authenticators }) =>
      authenticators.flatMap(({ name, type }, i) => {
        if (type !== 'oidc') return [];
        const isUsed = channels.some(
          (channel) =>
            channel.authenticators.includes(name) &&
            (channel.app_redirects.length > 0 || channel.allowed_deliveries.includes('cookie')),
        );
        return isUsed
          ? []
          : [
              warning(
                `authenticators[${i}].name`,
                'is of no use to any channel: none that names it takes cookies or has app_redirects',
                'Add it to a channel with one of both, or remove it.',
              ),
            ];
      }),
  },
];
