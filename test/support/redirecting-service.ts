import type { ConfigInput } from '../../src/config/config.ts';
import { PUBLIC_URL, SHOP_ORIGIN } from './service.ts';
import type { ProviderClient, SignInProvider } from './sign-in-provider.ts';

export const CLIENT_ID = 'chat-bridge';
export const CLIENT_SECRET = 'Zk3vX9pQ7rT1wY5bN8mL2cD6';
export const APP_REDIRECT = 'com.example.shop:/signed-in';
export const HELP = `${SHOP_ORIGIN}/help?topic=bills`;

export const callbackOf = (publicUrl: string, name = 'login') =>
  `${publicUrl}/customer_sign_in/callback/${name}`;
export const CALLBACK = callbackOf(PUBLIC_URL);

/** Our client, as the provider registers it. */
export function providerClient(more: Record<string, unknown> = {}): ProviderClient {
  return {
    client_id: CLIENT_ID,
    client_secret: CLIENT_SECRET,
    redirect_uris: [CALLBACK],
    response_types: ['code'],
    ...more,
  };
}

/** Settings of a service whose channels `web` and `ios` sign in at the provider. */
export const redirectingSettings =
  (provider: Pick<SignInProvider, 'issuer'>, more: Record<string, unknown> = {}) =>
  (settings: ConfigInput): ConfigInput => ({
    ...settings,
    authenticators: [
      { name: 'directory', type: 'directory', reference_space: 'directory' },
      {
        name: 'login',
        type: 'oidc',
        reference_space: 'idp',
        issuer: provider.issuer,
        client_id: CLIENT_ID,
        client_secret: CLIENT_SECRET,
        algorithms: ['ES256'],
        ...more,
      },
    ],
    channels: settings.channels?.map((channel) => {
      if (channel.id === 'ios') return { ...channel, app_redirects: [APP_REDIRECT], refresh_tokens: {} };
      return channel.id === 'south' ? { ...channel, authenticators: ['directory'] } : channel;
    }),
  });

/** The address that begins a sign-in for a page. */
export function pageSignIn(more: Record<string, string> = {}, publicUrl = PUBLIC_URL): string {
  const query = new URLSearchParams({ channel: 'web', return_to: HELP, ...more });
  return `${publicUrl}/customer_sign_in?${query.toString()}`;
}
