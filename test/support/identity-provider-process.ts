/** A whole identity provider as a process of its own: `node identity-provider-process.ts PORT KEYS`. */
import { createServer } from 'node:http';
import { type Configuration, type JWKS, Provider } from 'oidc-provider';
import { API, APP, CALLBACK } from './identity-provider.ts';

const [port = '', keys = ''] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;

const configuration: Configuration = {
  jwks: JSON.parse(Buffer.from(keys, 'base64url').toString()) as JWKS,
  cookies: { keys: ['of a test'] },
  clients: [
    {
      client_id: APP,
      token_endpoint_auth_method: 'none',
      redirect_uris: [CALLBACK],
      id_token_signed_response_alg: 'ES256',
    },
  ],
  ttl: { IdToken: 3_600, Session: 3_600, Interaction: 600, Grant: 3_600 },
  findAccount: (_ctx, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  interactions: { url: (_ctx, interaction) => `/login/${interaction.uid}` },
  loadExistingGrant: async (ctx) => {
    const { client, account } = ctx.oidc;
    if (!client || !account) return undefined;
    const grant = new ctx.oidc.provider.Grant({ clientId: client.clientId, accountId: account.accountId });
    grant.addOIDCScope('openid');
    grant.addResourceScope(API, 'chat');
    await grant.save();
    return grant;
  },
  features: {
    devInteractions: { enabled: false },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: () => ({
        scope: 'chat',
        audience: API,
        accessTokenTTL: 600,
        accessTokenFormat: 'jwt',
        jwt: { sign: { alg: 'ES256' } },
      }),
    },
  },
};

const provider = new Provider(issuer, configuration);
// Whoever the app names is signed in: passwords are not what is tested.
provider.use(async (ctx, next) => {
  if (!ctx.path.startsWith('/login/')) return next();
  const { params } = await provider.interactionDetails(ctx.req, ctx.res);
  ctx.respond = false;
  await provider.interactionFinished(ctx.req, ctx.res, { login: { accountId: String(params.login_hint) } });
});
const handle = provider.callback();
createServer((request, response) => void handle(request, response)).listen(Number(port), '127.0.0.1');
