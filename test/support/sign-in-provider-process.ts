/** An identity provider with a sign-in page, as a process of its own: `node sign-in-provider-process.ts PORT SETTINGS`. */
import { createServer } from 'node:http';
import { type ClientMetadata, type Configuration, errors, type JWKS, Provider } from 'oidc-provider';

const [port = '', settings = ''] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;
const { keys, clients } = JSON.parse(Buffer.from(settings, 'base64url').toString()) as {
  keys: JWKS['keys'];
  clients: ClientMetadata[];
};

const configuration: Configuration = {
  jwks: { keys },
  cookies: { keys: ['of a test'] },
  clients,
  clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'private_key_jwt'],
  pkce: { required: () => true },
  ttl: { IdToken: 3_600, Session: 3_600, Interaction: 600, Grant: 3_600, AccessToken: 600 },
  findAccount: (_ctx, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  interactions: { url: (_ctx, interaction) => `/login/${interaction.uid}` },
  loadExistingGrant: async (ctx) => {
    const { client, account } = ctx.oidc;
    if (!client || !account) return undefined;
    const grant = new ctx.oidc.provider.Grant({ clientId: client.clientId, accountId: account.accountId });
    grant.addOIDCScope('openid');
    await grant.save();
    return grant;
  },
  // The provider itself calls no loopback address; ours is one.
  fetch: (url, options = {}) => {
    const { method, headers, body, redirect, signal } = options;
    return fetch(url, { method, headers, body, redirect, signal });
  },
  features: { devInteractions: { enabled: false }, backchannelLogout: { enabled: true } },
};

const provider = new Provider(issuer, configuration);

const PAGE = `<!doctype html><title>Provider</title><link rel="icon" href="data:,"><h1>Sign in at the provider</h1>
<form method="post"><label>Account <input name="account"></label>
<button name="do" value="in">Sign in</button><button name="do" value="cancel">Cancel</button></form>`;

provider.use(async (ctx, next) => {
  if (!ctx.path.startsWith('/login/')) return next();
  await provider.interactionDetails(ctx.req, ctx.res);
  if (ctx.method === 'GET') {
    ctx.type = 'html';
    ctx.body = PAGE;
    return;
  }
  let text = '';
  for await (const chunk of ctx.req) text += String(chunk);
  const form = new URLSearchParams(text);
  ctx.respond = false;
  await provider.interactionFinished(
    ctx.req,
    ctx.res,
    form.get('do') === 'cancel'
      ? { error: new errors.AccessDenied().error, error_description: 'the customer turned back' }
      : { login: { accountId: form.get('account') ?? '' } },
  );
});
const handle = provider.callback();
createServer((request, response) => void handle(request, response)).listen(Number(port), '127.0.0.1');
